/**
 * Speed of the kernels on layers of usual networks. Each is timed where it works: as a step of the engine's own program,
 * training a network of two layers, of which the first needs the input gradient of the second.
 */
import { compileBinary } from '../../binary.js';
import { Engine } from '../../engine.js';
import { JOB } from '../../job.js';
import type { Model, Operator, OperatorKind, Shape } from '../../model/model.js';
import { writeModel } from '../../model/write.js';
import { STEP } from '../../profile.js';
import { Random } from '../../random.js';
import type { Binary } from '../../types.js';
import { spread } from './timing.js';

interface Layer {
  op: OperatorKind;
  size: number;
  inC: number;
  outC: number;
  kernel: number;
  stride: number;
}

export interface KernelRow {
  name: string;
  direction: 'forward' | 'input gradient' | 'weight gradient' | 'weight gradient, 1/8 of the channels';
  /** Input height, width, channels, output channels, kernel, stride. */
  shape: [number, number, number, number, number, number];
  ms: number;
  gmacs: number;
  /** Of the peak. */
  share: number;
}

const dense = (size: number, inC: number, outC: number, kernel = 1, stride = 1): Layer => ({
  op: 'convolution',
  ...{ size, inC, outC, kernel, stride },
});
const depthwise = (size: number, channels: number, kernel: number, stride: number): Layer => ({
  op: 'depthwise',
  ...{ size, inC: channels, outC: channels, kernel, stride },
});

export const LAYERS: Record<string, Layer> = {
  'pointwise 32x32 48>96': dense(32, 48, 96),
  'pointwise 8x8 192>320': dense(8, 192, 320),
  'pointwise 4x4 160>960': dense(4, 160, 960),
  'pointwise 9x9 20>44': dense(9, 20, 44),
  'conv 3x3/2 128x128 3>16': dense(128, 3, 16, 3, 2),
  'depthwise 3x3 64x64 48': depthwise(64, 48, 3, 1),
  'depthwise 3x3/2 64x64 48': depthwise(64, 48, 3, 2),
  'depthwise 5x5 8x8 480': depthwise(8, 480, 5, 1),
  'depthwise 5x5/2 8x8 480': depthwise(8, 480, 5, 2),
  'depthwise 7x7 16x16 144': depthwise(16, 144, 7, 1),
  'depthwise 7x7/2 16x16 144': depthwise(16, 144, 7, 2),
};

/** Iterations, each with four runs forward, three back; as many as fit a time, but at least some. */
const LEAST = 12;
const BUDGET_MACS = 6e8;

/** The network: a depthwise layer of one tap, then the layer itself, whose output is the feature vector. */
function network(name: string, { op, size, inC, outC, kernel, stride }: Layer): Model {
  const random = new Random(7);
  const values = (n: number, scale: number) => Float32Array.from({ length: n }, () => (random.uniform() - 0.5) * scale);
  const pad = (kernel - 1) >> 1;
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const input: Shape = [size, size, inC];
  const common = { second: null, limit: null, wholeWindow: false };
  const first: Operator = {
    ...{ ...common, op: 'depthwise', name: 'first', input: 0, in: input, out: input },
    ...{ kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0] },
    ...{ weights: values(inC, 2), bias: values(inC, 1) },
  };
  const fan = kernel * kernel * (op === 'depthwise' ? 1 : inC);
  const second: Operator = {
    ...{ ...common, op, name: 'second', input: 1, in: input, out: [out, out, outC] },
    ...{ kernel: [kernel, kernel], stride: [stride, stride], padding: [pad, pad, pad, pad] },
    ...{ weights: values(outC * fan, 2 / Math.sqrt(fan)), bias: values(outC, 1) },
  };
  const small = inC <= 4 ? inC : 0;
  const each = (value: number) => Array.from({ length: small }, () => value);
  return { name, input, mean: each(0.5), std: each(0.5), operators: [first, second] };
}

/** Median milliseconds of each kind of step of the second layer, when so many of its channels are trained. */
async function time(
  binary: Binary,
  model: Model,
  channels: number[],
  iterations: number,
): Promise<Map<number, number>> {
  const engine = await Engine.create(await compileBinary(binary));
  const random = new Random(3);
  const length = model.input.reduce((a, b) => a * b, 1);
  const samples = [0, 1].map(() => Float32Array.from({ length }, () => random.uniform() * 2 - 1));
  engine.open(writeModel(model));
  engine.task([0, 1], 2);
  const { control } = engine;
  control.set('iterations', iterations);
  control.set('optimizer', 0);
  control.set('lr', 1e-9);
  control.set('temperature', 10);
  control.set('augment', 0);
  control.set('variants', 0);
  control.set('memoryBudget', 0xffffffff);
  engine.setSelection(0, 'bias');
  engine.setSelection(1, channels);
  engine.begin(JOB.train);
  const times = new Map<number, number[]>();
  engine.profile({ sample: (index) => samples[index]! }, ({ code, operator, ms }) => {
    if (operator !== 1) return;
    const list = times.get(code) ?? [];
    times.set(code, list);
    list.push(ms);
  });
  // The first runs are those of code that is not optimised yet.
  return new Map([...times].map(([code, list]) => [code, spread(list.slice(list.length >> 1)).median]));
}

/** Times one layer in its directions. */
export async function timeKernel(binary: Binary, name: string, layer: Layer, peak: number): Promise<KernelRow[]> {
  const model = network(name, layer);
  const { out, weights } = model.operators[1]!;
  const macs = out[0] * out[1] * weights!.length;
  const iterations = Math.max(LEAST, Math.round(BUDGET_MACS / (6 * macs)));
  const { size, inC, outC, kernel, stride } = layer;
  const every = Array.from({ length: outC }, (_, o) => o);
  const eighth = every.filter((o) => o % 8 === Math.floor(o / 8) % 8);
  const all = await time(binary, model, every, iterations);
  const some = await time(binary, model, eighth, iterations);
  const row = (direction: KernelRow['direction'], ms: number, share = 1): KernelRow => {
    const gmacs = (macs * share) / ms / 1e6;
    return { name, direction, shape: [size, size, inC, outC, kernel, stride], ms, gmacs, share: gmacs / peak };
  };
  return [
    row('forward', all.get(STEP.forward)!),
    row('input gradient', all.get(STEP.input)!),
    row('weight gradient', all.get(STEP.weights)!),
    row('weight gradient, 1/8 of the channels', some.get(STEP.weights)!, eighth.length / outC),
  ];
}
