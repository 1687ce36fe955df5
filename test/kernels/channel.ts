import { readFileSync } from 'node:fs';
import { type Geometry, geometry } from './harness.js';

/** A stored array: its first float in channel.bin, and its shape. */
export interface Stored {
  at: number;
  shape: number[];
}

interface Windowed {
  geometry: Partial<Geometry> & { inH: number; inW: number; inC: number };
  x: Stored;
  out: Stored;
  dy: Stored;
  dx: Stored;
}

interface Cases {
  depthwise: (Windowed & { w: Stored; b: Stored; dw: Stored })[];
  maxpool: Windowed[];
  avgpool: (Windowed & { includePad: boolean })[];
  globalavgpool: Windowed[];
  prototype: {
    ways: number;
    shots: number;
    temperature: number;
    labels: number[];
    support: Stored;
    query: Stored;
    prototypes: Stored;
    scores: Stored;
    loss: number;
    dQuery: Stored;
    dPrototypes: Stored;
    dSupport: Stored;
  }[];
  optimizer: { name: string; lr: number; before: Stored; gradients: Stored; after: Stored }[];
}

const golden = (name: string) => readFileSync(new URL(`../golden/${name}`, import.meta.url));
const floats = new Float32Array(new Uint8Array(golden('channel.bin')).buffer);

/** PyTorch's values, made by test/reference/channel_reference.py. */
export const cases: Cases = JSON.parse(golden('channel.json').toString()).cases;

export function stored(s: Stored): Float32Array {
  const length = s.shape.reduce((a, b) => a * b, 1);
  return floats.subarray(s.at, s.at + length);
}

/** The geometry of a stored case, output size included. */
export function sizes(c: Windowed): Geometry {
  return geometry(c.geometry);
}

export const inputLength = (g: Geometry) => g.inH * g.inW * g.inC;
export const outputLength = (g: Geometry) => g.outH * g.outW * g.outC;

/** A readable name of a case. */
export function label(g: Geometry): string {
  return (
    `${g.inH}x${g.inW}x${g.inC} kernel ${g.kernelH}x${g.kernelW} stride ${g.strideH},${g.strideW} ` +
    `padding ${g.padTop},${g.padLeft},${g.padBottom},${g.padRight}${g.activation ? ` clip ${g.limit}` : ''}`
  );
}

/** Largest difference, relative to the largest expected magnitude (at least 1). */
export function error(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let scale = 1;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]!));
    const difference = Math.abs(got[i]! - expected[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest / scale;
}

/** Central difference of `loss` with respect to each of `values`, which it is given back unchanged. */
export function differences(values: Float32Array, step: number, loss: () => number): Float64Array {
  return Float64Array.from(values, (value, i) => {
    values[i] = value + step;
    const above = values[i]!;
    const up = loss();
    values[i] = value - step;
    const width = above - values[i]!;
    const down = loss();
    values[i] = value;
    return (up - down) / width;
  });
}

/** Σ a[i] * b[i] in double precision. */
export function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
