import { operatorProblem } from '../model/check.js';
import type { Operator } from '../model/model.js';
import { OnnxError } from './error.js';
import { int8Fields } from './quantised.js';
import type { Step } from './step.js';

const LAYERS = ['convolution', 'depthwise', 'linear'];
const WINDOWS = ['convolution', 'depthwise', 'maxPooling', 'averagePooling'];

/**
 * Turns translated steps into operators of a `.ttm` file. A scale is folded into the layer before it, an activation
 * into the operator before it, where nothing else reads the value between; a padding into what reads it. What cannot be
 * folded becomes a depthwise convolution or a max pooling of 1x1. `target` is the step of the feature vector.
 */
export function foldSteps(steps: Step[], target: Step): Operator[] {
  const live = reachable(steps, target);
  const uses = new Map<Step, number>([[target, 1]]);
  for (const { inputs } of live) for (const input of inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
  const merged = new Map<Step, Step>();
  const merge = (step: Step, into: Step) => {
    merged.set(step, into);
    // What is quantised is the value behind both.
    into.int8 = step.int8;
    uses.set(into, uses.get(into)! - 1 + uses.get(step)!);
  };

  for (const step of live) {
    step.inputs = step.inputs.map((input) => merged.get(input) ?? input);
    const [input] = step.inputs;
    if (!input) continue;
    for (const padding of step.inputs) if (padding.op === 'pad') absorbPadding(step, padding);
    const alone = uses.get(input) === 1;
    if (step.op === 'scale') {
      if (alone && LAYERS.includes(input.op) && input.limit === null) {
        scaleLayer(input, step);
        merge(step, input);
      } else {
        becomeDepthwise(step);
      }
    } else if (step.op === 'clip') {
      const already = input.limit !== null && input.limit <= step.limit!;
      if (already || (alone && input.op !== 'input')) {
        input.limit = Math.min(input.limit ?? Number.POSITIVE_INFINITY, step.limit!);
        merge(step, input);
      } else {
        step.op = 'maxPooling';
      }
    }
  }
  const last = merged.get(target) ?? target;
  if (last.op === 'pad') throw new OnnxError(`${last.label}: a padded image cannot be the feature vector`);
  return emit(live.filter((step) => !merged.has(step) && step.op !== 'pad' && step.op !== 'input'));
}

/** The steps that `target` depends on, in their order. */
function reachable(steps: Step[], target: Step): Step[] {
  const found = new Set<Step>([target]);
  for (const step of found) for (const input of step.inputs) found.add(input);
  return steps.filter((step) => found.has(step));
}

/** Multiplies each output channel of a layer: its weights and bias. */
function scaleLayer(layer: Step, { scale, shift }: Step): void {
  layer.integers = undefined;
  const channels = layer.out[2];
  const weights = layer.weights!;
  const bias = layer.bias!;
  const run = weights.length / channels;
  for (let i = 0; i < weights.length; i++) {
    // The channel is the last dimension of a depthwise convolution's weights, the first one of the others'.
    const channel = layer.op === 'depthwise' ? i % channels : Math.floor(i / run);
    weights[i] = weights[i]! * scale![channel]!;
  }
  for (let channel = 0; channel < channels; channel++) {
    bias[channel] = bias[channel]! * scale![channel]! + shift![channel]!;
  }
}

function becomeDepthwise(step: Step): void {
  step.op = 'depthwise';
  step.weights = Float32Array.from(step.scale!);
  step.bias = Float32Array.from(step.shift!);
}

/** Moves a padding into the window that reads it. */
function absorbPadding(step: Step, pad: Step): void {
  const refuse = (why: string): never => {
    throw new OnnxError(`${pad.label}: ${why}`);
  };
  if (!WINDOWS.includes(step.op))
    refuse(`is read by ${step.label}; supported is padding before a convolution or pooling`);
  const [source] = pad.inputs;
  if (step.op === 'maxPooling') {
    // Behind an activation nothing is below 0, so that zeros win no window that touches the image.
    if (pad.fill === 0 && source!.limit === null) {
      refuse(`pads ${step.label} with 0; supported before max pooling is minus infinity, or 0 behind an activation`);
    }
  } else if (pad.fill !== 0) {
    refuse(`pads ${step.label} with minus infinity; supported is 0`);
  }
  if (step.op === 'averagePooling') {
    if (!step.wholeWindow && step.padding.some((n) => n > 0)) {
      refuse(`is read by ${step.label}, which does not count padding of its own; supported is one of the two`);
    }
    step.wholeWindow = true;
  }
  step.padding = step.padding.map((n, side) => n + pad.padding[side]!) as Step['padding'];
  step.in = pad.in;
  step.inputs = [source!];
}

/** The plain operators: values numbered, names unique, everything checked. */
function emit(steps: Step[]): Operator[] {
  const values = new Map<Step, number>();
  const names = new Set<string>();
  return steps.map((step, i): Operator => {
    values.set(step, i + 1);
    const operator: Operator = {
      op: step.op as Operator['op'],
      name: uniqueName(step.name, names),
      input: values.get(step.inputs[0]!) ?? 0,
      second: step.op === 'addition' ? (values.get(step.inputs[1]!) ?? 0) : null,
      in: step.in,
      out: step.out,
      kernel: step.kernel,
      stride: step.stride,
      padding: step.padding,
      limit: step.limit,
      wholeWindow: step.wholeWindow,
      weights: step.weights,
      bias: step.bias,
      ...int8Fields(step),
    };
    const problem = operatorProblem(operator);
    if (problem) throw new OnnxError(`${step.label}: ${problem}`);
    return operator;
  });
}

function uniqueName(name: string, taken: Set<string>): string {
  let unique = name;
  for (let n = 2; taken.has(unique); n++) unique = `${name}.${n}`;
  taken.add(unique);
  return unique;
}
