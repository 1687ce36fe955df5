/** The optimiser of the offline stage: over all weights, in the order of their vector, so that it has one result. */
import type { OptimizerName } from '../types.js';

export interface OptimizerOptions {
  optimizer: OptimizerName;
  /** The highest learning rate of the schedule. */
  lr: number;
  /** Steps in all, and those in which the rate rises to its highest. */
  steps: number;
  warmup: number;
  /** What a step at full rate takes from every weight (biases excepted), as a share of rate times weight. */
  decay: number;
  /** Gradients of a higher norm are scaled down to it. */
  clip: number;
  /** Share of the averaged weights that a step keeps. */
  average: number;
}

/** Everything that a step changes. */
export interface TrainingState {
  /** Steps done. */
  step: number;
  weights: Float32Array;
  /** Exponential moving average of the weights. */
  averaged: Float32Array;
  /** Velocity of momentum, or Adam's mean. */
  first: Float32Array;
  /** Adam's mean of squares. */
  second: Float32Array;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** State at the beginning; the arrays of weights are those given. */
export function beginTraining(weights: Float32Array, averaged: Float32Array, optimizer: OptimizerName): TrainingState {
  const floats = (used: boolean) => new Float32Array(used ? weights.length : 0);
  return { step: 0, weights, averaged, first: floats(optimizer !== 'sgd'), second: floats(optimizer === 'adam') };
}

/** Learning rate of a step, counted from 0: a linear rise, times half a cosine down to nothing. */
export function rateOf({ lr, steps, warmup }: OptimizerOptions, step: number): number {
  return lr * Math.min(1, (step + 1) / (warmup + 1)) * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
}

/** The mean of gradients, summed in their order whoever computed them, clipped; returns its norm before that. */
export function meanGradient(gradients: readonly Float32Array[], clip: number, out: Float32Array): number {
  let squares = 0;
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (const gradient of gradients) sum += gradient[i]!;
    out[i] = sum / gradients.length;
    squares += out[i]! * out[i]!;
  }
  const norm = Math.sqrt(squares);
  if (norm > clip) for (let i = 0; i < out.length; i++) out[i] = (out[i]! * clip) / norm;
  return norm;
}

/** One step; `decays` are the ranges of the vector that hold weights, not biases. */
export function trainingStep(
  state: TrainingState,
  gradient: Float32Array,
  options: OptimizerOptions,
  decays: readonly (readonly [start: number, end: number])[],
): void {
  const { weights, averaged, first, second } = state;
  const { optimizer } = options;
  const lr = rateOf(options, state.step++);
  const t = state.step;
  for (const [start, end] of decays) {
    for (let i = start; i < end; i++) weights[i]! -= lr * options.decay * weights[i]!;
  }
  if (optimizer === 'adam') {
    const rate = lr / (1 - BETA1 ** t);
    const scale = 1 / Math.sqrt(1 - BETA2 ** t);
    for (let i = 0; i < weights.length; i++) {
      const g = gradient[i]!;
      first[i] = BETA1 * first[i]! + (1 - BETA1) * g;
      second[i] = BETA2 * second[i]! + (1 - BETA2) * g * g;
      weights[i]! -= (rate * first[i]!) / (Math.sqrt(second[i]!) * scale + EPSILON);
    }
  } else if (optimizer === 'momentum') {
    for (let i = 0; i < weights.length; i++) {
      first[i] = BETA1 * first[i]! + gradient[i]!;
      weights[i]! -= lr * first[i]!;
    }
  } else {
    for (let i = 0; i < weights.length; i++) weights[i]! -= lr * gradient[i]!;
  }
  // At the beginning the average is over fewer steps.
  const keep = Math.min(options.average, t / (10 + t));
  for (let i = 0; i < weights.length; i++) averaged[i] = keep * averaged[i]! + (1 - keep) * weights[i]!;
}
