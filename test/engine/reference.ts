import { type Model, macs } from '../../src/model/model.js';
import type { Sample } from '../../src/types.js';
import { forward } from '../reference/forward.js';

/** Cross-entropy of one sample over temperature times its cosines with the prototypes. */
export function crossEntropy(
  f: Float64Array,
  prototypes: readonly Float64Array[],
  label: number,
  temperature: number,
): number {
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const logits = prototypes.map((c) => {
    const norms = Math.sqrt(dot(f, f) * dot(c, c));
    return norms > 0 ? (temperature * dot(f, c)) / norms : 0;
  });
  const largest = Math.max(...logits);
  return Math.log(logits.reduce((sum, x) => sum + Math.exp(x - largest), 0)) + largest - logits[label]!;
}

/**
 * The loss of an iteration in double precision: the prototypes are the means of the classes of the support set, whose
 * samples are the queries unless others are given.
 */
export function meanLoss(
  model: Model,
  support: readonly Sample[],
  queries: readonly Sample[] = support,
  temperature = 10,
): number {
  const classes = [...new Set(support.map((sample) => sample.label))];
  const labels = support.map((sample) => classes.indexOf(sample.label));
  const features = support.map((sample) => forward(model, sample.image as Float32Array));
  const prototypes = classes.map((_, k) => {
    const mine = features.filter((_, i) => labels[i] === k);
    return mine[0]!.map((_, j) => mine.reduce((sum, f) => sum + f[j]!, 0) / mine.length);
  });
  const losses = queries.map(({ image, label }) =>
    crossEntropy(forward(model, image as Float32Array), prototypes, classes.indexOf(label), temperature),
  );
  return losses.reduce((sum, x) => sum + x, 0) / losses.length;
}

/** The model with its weights in double precision, so that they can be moved by less than single precision shows. */
export function inDouble(model: Model): Model {
  const wide = (values: ArrayLike<number> | null) => values && (Float64Array.from(values) as unknown as Float32Array);
  return {
    ...model,
    operators: model.operators.map((o) => ({ ...o, weights: wide(o.weights), bias: wide(o.bias) })),
  };
}

/** Central difference of the loss with respect to one weight or bias of a model made by `inDouble`. */
export function difference(
  model: Model,
  support: readonly Sample[],
  values: Float32Array,
  at: number,
  queries: readonly Sample[] = support,
): number {
  const h = 1e-6;
  const original = values[at]!;
  values[at] = original + h;
  const above = meanLoss(model, support, queries);
  values[at] = original - h;
  const below = meanLoss(model, support, queries);
  values[at] = original;
  return (above - below) / (2 * h);
}

/** What is trained of a layer: nothing of it, its bias, or so many channels. */
export type Trains = { kind: 'nothing' | 'bias' } | { kind: 'weights'; channels: number };

/**
 * Multiply-accumulates of one sample's backward pass: weight gradients of the channels that are trained, and every input
 * gradient on a way from the features to something trained. `trains`: by operator.
 */
export function backwardMacs(model: Model, trains: readonly Trains[]): number {
  const inputs = model.operators.map((o) => (o.second === null ? [o.input] : [o.input, o.second]));
  const last = model.operators.length;
  const matters = new Set([last]);
  for (let i = last - 1; i >= 0; i--) if (matters.has(i + 1)) for (const v of inputs[i]!) matters.add(v);
  const moves = new Set<number>();
  let sum = 0;
  for (const [i, operator] of model.operators.entries()) {
    const choice = trains[i]!;
    const onTheWay = inputs[i]!.some((v) => moves.has(v));
    if (matters.has(i + 1)) {
      if (onTheWay) sum += macs(operator);
      if (choice.kind === 'weights') sum += (macs(operator) * choice.channels) / operator.out[2];
    }
    if (onTheWay || choice.kind !== 'nothing') moves.add(i + 1);
  }
  return sum;
}
