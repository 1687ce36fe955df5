import { describe, expect, test } from 'vitest';
import { cases, differences, error, stored } from './channel.js';
import { BINARIES, EXACT, Kernels, randoms } from './harness.js';

const VALUES = 2e-6;
const GRADIENTS = 3e-6;

interface Loss {
  loss: number;
  df: Float32Array;
  dPrototypes: Float32Array;
  scores: Float32Array;
}

interface Options {
  temperature?: number;
  scale?: number;
  /** What dPrototypes holds before; without it the prototypes take no gradient. */
  before?: ArrayLike<number>;
}

function loss(k: Kernels, f: Float32Array, prototypes: Float32Array, label: number, options: Options = {}): Loss {
  const { temperature = 10, scale = 1, before } = options;
  k.reset();
  const F = f.length;
  const K = prototypes.length / F;
  const df = k.floats(new Float32Array(F).fill(Number.NaN));
  const dPrototypes = k.floats(before ?? new Float32Array(K * F).fill(7));
  const scores = k.alloc(K * 4);
  const value = k.call.prototype_loss!(
    df,
    dPrototypes,
    scores,
    k.floats(f),
    k.floats(prototypes),
    label,
    K,
    F,
    temperature,
    scale,
    before ? 1 : 0,
  );
  expect(k.intact(df, F * 4) && k.intact(dPrototypes, K * F * 4) && k.intact(scores, K * 4)).toBe(true);
  return { loss: value, df: k.read(df, F), dPrototypes: k.read(dPrototypes, K * F), scores: k.read(scores, K) };
}

describe.each(BINARIES)('%s', (file) => {
  const k = new Kernels(file);

  test.each(cases.prototype.map((c) => [c.ways, c.shots, c] as const))('PyTorch: %i ways, %i shots', (_w, _s, c) => {
    const F = c.support.shape[2]!;
    const K = c.ways;
    const support = stored(c.support);
    const row = (all: Float32Array, i: number) => all.subarray(i * F, (i + 1) * F);

    k.reset();
    const at = k.floats(new Float32Array(K * F));
    const f = k.alloc(F * 4);
    for (let i = 0; i < K * c.shots; i++) {
      new Float32Array(k.memory.buffer, f, F).set(row(support, i));
      k.call.prototype_add!(at, f, Math.floor(i / c.shots), F, 1 / c.shots);
    }
    const prototypes = k.read(at, K * F);
    expect(error(prototypes, stored(c.prototypes))).toBeLessThan(VALUES);
    expect(k.intact(at, K * F * 4)).toBe(true);

    let total = 0;
    let dPrototypes = new Float32Array(K * F);
    c.labels.forEach((label, q) => {
      const options = { temperature: c.temperature, scale: 1 / c.labels.length, before: dPrototypes };
      const result = loss(k, row(stored(c.query), q), prototypes, label, options);
      total += result.loss / c.labels.length;
      dPrototypes = result.dPrototypes as never;
      expect(error(result.scores, stored(c.scores).subarray(q * K, (q + 1) * K))).toBeLessThan(VALUES);
      expect(error(result.df, row(stored(c.dQuery), q))).toBeLessThan(GRADIENTS);
    });
    expect(total).toBeCloseTo(c.loss, 5);
    expect(error(dPrototypes, stored(c.dPrototypes))).toBeLessThan(GRADIENTS);

    for (let i = 0; i < K * c.shots; i++) {
      k.reset();
      const before = randoms(F, i);
      const df = k.floats(before);
      k.call.prototype_backward_support!(df, k.floats(dPrototypes), Math.floor(i / c.shots), F, 1 / c.shots);
      const added = k.read(df, F).map((v, j) => v - before[j]!);
      expect(error(added, row(stored(c.dSupport), i))).toBeLessThan(GRADIENTS);
      expect(k.intact(df, F * 4)).toBe(true);
    }
  });

  test.each([1, 2, 3, 4, 6, 9])('finite differences, %i features', (F) => {
    for (const K of [1, 2, 5]) {
      const f = randoms(F, 1).map((v) => v + Math.sign(v));
      const prototypes = randoms(K * F, 2).map((v) => v + Math.sign(v));
      const label = K >> 1;
      const before = randoms(K * F, 3);
      const { df, dPrototypes } = loss(k, f, prototypes, label, { scale: 0.5, before });
      const value = () => 0.5 * loss(k, f, prototypes, label).loss;
      const gradient = dPrototypes.map((v, i) => v - before[i]!);
      expect(error(df, differences(f, 1 / 256, value))).toBeLessThan(1e-3);
      expect(error(gradient, differences(prototypes, 1 / 256, value))).toBeLessThan(1e-3);
    }
  });

  test('without the prototypes, their gradient is left alone', () => {
    const { dPrototypes } = loss(k, randoms(6, 1), randoms(18, 2), 1);
    expect(dPrototypes).toEqual(new Float32Array(18).fill(7));
  });

  test('a vector without direction scores 0 and takes no gradient', () => {
    const F = 6;
    for (const size of [0, 1e-30, 1e-20, 1e-16]) {
      const tiny = new Float32Array(F).fill(size);
      const prototypes = randoms(3 * F, 1);
      const feature = loss(k, tiny, prototypes, 0, { before: new Float32Array(3 * F) });
      expect(feature.loss).toBeCloseTo(Math.log(3), 6);
      expect(feature.scores.every((v) => v === 0)).toBe(true);
      expect([...feature.df, ...feature.dPrototypes].every((v) => v === 0)).toBe(true);

      prototypes.set(tiny, F);
      const prototype = loss(k, randoms(F, 2), prototypes, 1, { before: new Float32Array(3 * F) });
      expect(prototype.scores[1]).toBe(0);
      expect([...prototype.df, ...prototype.dPrototypes, prototype.loss].every(Number.isFinite)).toBe(true);
      expect(prototype.dPrototypes.subarray(F, 2 * F).every((v) => v === 0)).toBe(true);
      expect(prototype.df.some((v) => v !== 0)).toBe(true);
    }
  });

  test('stays finite for small vectors and high temperatures', () => {
    const f = new Float32Array([1e-14, -1e-14, 1e-14]);
    const prototypes = new Float32Array([1e-14, 1e-14, 1e-14, -1e9, 1e9, -1e9]);
    for (const temperature of [1, 1e3, 1e6])
      for (const label of [0, 1]) {
        const result = loss(k, f, prototypes, label, { temperature, before: new Float32Array(6) });
        expect([result.loss, ...result.df, ...result.dPrototypes].every(Number.isFinite)).toBe(true);
      }
  });

  test('cosines alone', () => {
    k.reset();
    const scores = k.alloc(16);
    k.call.prototype_scores!(scores, k.floats([3, 4]), k.floats([6, 8, -3, -4, 4, -3, 0, 0]), 4, 2);
    const [same, opposite, right, none] = k.read(scores, 4);
    expect(same).toBeCloseTo(1, 6);
    expect(opposite).toBeCloseTo(-1, 6);
    expect(right).toBe(0);
    expect(none).toBe(0);
    expect(k.intact(scores, 16)).toBe(true);
  });
});

test('both binaries give equal bits', () => {
  const [scalar, simd] = EXACT.map((file) => new Kernels(file)) as [Kernels, Kernels];
  const options = { before: randoms(5 * 21, 3) };
  const results = [simd, scalar].map((k) => loss(k, randoms(21, 1), randoms(5 * 21, 2), 2, options));
  expect(results[0]).toEqual(results[1]);
});
