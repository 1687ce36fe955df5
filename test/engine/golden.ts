import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Model, Operator } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import type { OptimizerName, Sample, Selection } from '../../src/types.js';

type Place = [at: number, length: number];

interface Stored {
  name: string;
  input: Model['input'];
  operators: (Omit<Operator, 'weights' | 'bias' | 'limit'> & {
    limit: number | 'Infinity' | null;
    weights: Place | null;
    bias: Place | null;
  })[];
  labels: number[];
  images: Place;
  features: Place;
  delta: Place[];
  fisher: number[];
  score: number[];
  runs: {
    title: string;
    selection: Selection['layers'];
    optimizer: OptimizerName;
    lr: number;
    loss: number[];
    first: Place;
    last: Place;
  }[];
}

const file = (name: string) => readFileSync(new URL(`../golden/${name}`, import.meta.url));
const data = new Float32Array(new Uint8Array(file('engine.bin')).buffer);
const networks: Stored[] = JSON.parse(file('engine.json').toString()).networks;

const values = ([at, length]: Place) => data.subarray(at, at + length);

/** The small networks of test/reference/engine_reference.py, and what PyTorch gave for them. */
export const GOLDEN = networks.map((stored) => {
  const model: Model = {
    name: stored.name,
    input: stored.input,
    mean: stored.input.map(() => 0.5).slice(0, stored.input[2]),
    std: stored.input.map(() => 0.5).slice(0, stored.input[2]),
    operators: stored.operators.map((operator) => ({
      ...operator,
      limit: operator.limit === 'Infinity' ? Number.POSITIVE_INFINITY : operator.limit,
      weights: operator.weights && values(operator.weights).slice(),
      bias: operator.bias && values(operator.bias).slice(),
    })),
  };
  const [h, w, c] = stored.input;
  const images = values(stored.images);
  const support: Sample[] = stored.labels.map((label, i) => ({
    image: images.slice(i * h * w * c, (i + 1) * h * w * c),
    label: `class ${label}`,
  }));
  return {
    ...stored,
    model,
    file: writeModel(model),
    support,
    features: values(stored.features),
    delta: stored.delta.map(values),
    runs: stored.runs.map((run) => ({ ...run, first: values(run.first), last: values(run.last) })),
  };
});

/** Largest difference, in units of the largest value expected (or of `scale`). */
export function deviation(actual: ArrayLike<number>, expected: ArrayLike<number>, scale?: number): number {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return worst / (scale ?? (largest || 1));
}
