/**
 * Pictures that are classified together: soft k-means (Ren et al., Meta-learning for semi-supervised few-shot
 * classification, ICLR 2018) moves each prototype towards the pictures that it claims. A prototype counts as much as
 * `WEIGHT` pictures, so that few pictures, or many of one class, move it little. Only +, -, *, / and square roots: every
 * host has the same bits.
 */

import { SLICE, turn } from './run.js';

const WEIGHT = 10;
const ROUNDS = 3;
/** Of the cosines in the softmax by which a picture is shared among the prototypes. */
const TEMPERATURE = 10;
/** e^x as (1 + x / 2^n)^(2^n): whose last bits, unlike those of Math.exp, are the same in every JavaScript engine. */
const SQUARINGS = 10;

function power(x: number): number {
  let y = 1 + x / 2 ** SQUARINGS;
  for (let i = 0; i < SQUARINGS; i++) y *= y;
  return y;
}

/** The vector with norm 1; zeros where it has no direction. */
function unit(vector: ArrayLike<number>): Float64Array {
  let square = 0;
  for (let j = 0; j < vector.length; j++) square += vector[j]! * vector[j]!;
  const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
  return Float64Array.from(vector, (x) => x * scale);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!;
  return sum;
}

/** Cosines of each picture's features with each prototype after it has moved, in single precision. */
export function scoresTogether(
  pictures: readonly ArrayLike<number>[],
  prototypes: readonly ArrayLike<number>[],
): Float32Array[] {
  const features = pictures.map(unit);
  const start = prototypes.map(unit);
  let moved = start;
  for (let round = 0; round < ROUNDS; round++) {
    const sums = start.map((prototype) => prototype.map((x) => WEIGHT * x));
    for (const f of features) {
      const claims = moved.map((prototype) => power(TEMPERATURE * dot(f, prototype)));
      const total = claims.reduce((a, b) => a + b, 0);
      for (const [k, sum] of sums.entries()) {
        const share = claims[k]! / total;
        for (let j = 0; j < f.length; j++) sum[j]! += share * f[j]!;
      }
    }
    moved = sums.map(unit);
  }
  return features.map((f) => Float32Array.from(moved, (prototype) => dot(f, prototype)));
}

/** The same for `count` pictures whose features are made one by one, in slices. */
export async function scoresOfAll(
  count: number,
  features: (i: number) => ArrayLike<number>,
  prototypes: readonly ArrayLike<number>[],
): Promise<Float32Array[]> {
  const all: ArrayLike<number>[] = [];
  let begun = performance.now();
  while (all.length < count) {
    if (performance.now() - begun > SLICE) {
      await turn();
      begun = performance.now();
    }
    all.push(features(all.length));
  }
  return scoresTogether(all, prototypes);
}
