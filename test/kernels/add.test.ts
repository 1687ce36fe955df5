import { describe, expect, test } from 'vitest';
import { BINARIES, geometry, Kernels, randoms } from './harness.js';

const lengths = [1, 2, 3, 4, 5, 7, 8, 33];

describe.each(BINARIES)('%s', (file) => {
  const k = new Kernels(file);

  test.each(lengths)('addition of %i values, with each activation', (n) => {
    const a = randoms(n, 1).map((v) => 8 * v);
    const b = randoms(n, 2);
    for (const [activation, limit] of [
      [0, Number.POSITIVE_INFINITY],
      [1, Number.POSITIVE_INFINITY],
      [1, 6],
    ] as const) {
      k.reset();
      const g = k.geometry(geometry({ inH: 1, inW: 1, inC: n, activation, limit }));
      const out = k.alloc(n * 4);
      k.call.add_forward!(out, k.floats(a), k.floats(b), n, g);
      const sum = a.map((v, i) => v + b[i]!);
      expect(k.read(out, n)).toEqual(activation ? sum.map((v) => Math.min(Math.max(v, 0), limit)) : sum);
      expect(k.intact(out, n * 4)).toBe(true);
    }
  });

  test('addition in place', () => {
    k.reset();
    const a = k.floats([1, 2, 3, 4, 5]);
    k.call.add_forward!(a, a, k.floats([5, 4, 3, 2, 1]), 5, k.geometry(geometry({ inH: 1, inW: 1, inC: 5 })));
    expect([...k.read(a, 5)]).toEqual([6, 6, 6, 6, 6]);
  });

  test.each(lengths)('accumulation of %i values', (n) => {
    k.reset();
    const [a, b] = [randoms(n, 3), randoms(n, 4)];
    const dst = k.floats(a);
    const src = k.floats(b);
    k.call.accumulate!(dst, src, n);
    expect(k.read(dst, n)).toEqual(a.map((v, i) => v + b[i]!));
    expect(k.read(src, n)).toEqual(b);
    expect(k.intact(dst, n * 4)).toBe(true);
  });

  test('a NaN survives the activation', () => {
    k.reset();
    const n = 5;
    const out = k.alloc(n * 4);
    const g = k.geometry(geometry({ inH: 1, inW: 1, inC: n, activation: 1, limit: 6 }));
    k.call.add_forward!(out, k.floats(new Array(n).fill(Number.NaN)), k.floats(new Array(n).fill(1)), n, g);
    expect(k.read(out, n).every(Number.isNaN)).toBe(true);
  });
});
