import { describe, expect, test } from 'vitest';
import { BINARIES, Kernels, randoms } from './harness.js';

const LENGTHS = [1, 2, 3, 4, 5, 7, 31, 32, 33, 63, 64, 66, 100];
const LIMITS = [6, 0.5, Number.POSITIVE_INFINITY];
/** Values with the limits themselves, zeros of both signs and what may follow from an overflow among them. */
const values = (n: number, seed: number) => {
  const special = [0, -0, 0.5, 6, Number.POSITIVE_INFINITY, Number.NaN, 1e-40, -1e-40];
  return randoms(n, seed).map((v, i) => (i % 3 === 2 ? special[((i / 3) % special.length) | 0]! : v * 8));
};

describe.each(BINARIES)('activation, %s', (file) => {
  const k = new Kernels(file);

  test.each(LENGTHS)('derivative of the clipped ReLU, %i values', (n) => {
    for (const limit of LIMITS) {
      k.reset();
      const y = values(n, n);
      const dy = randoms(n, n + 1);
      const want = dy.map((v, i) => (y[i]! > 0 && y[i]! < limit ? v : 0));
      const at = k.floats(y);
      const words = Math.ceil(n / 32);
      const mask = k.alloc(words * 4);
      new Uint8Array(k.memory.buffer, mask, words * 4).fill(0xff);
      const masked = k.floats(dy);
      const direct = k.floats(dy);

      k.call.relu_mask!(mask, at, n, limit);
      k.call.relu_backward_mask!(masked, mask, n);
      k.call.relu_backward!(direct, at, n, limit);

      const bits = new Uint8Array(k.memory.buffer, mask, words * 4);
      for (let i = 0; i < words * 32; i++)
        expect((bits[i >> 3]! >> (i & 7)) & 1, `bit ${i}`).toBe(i < n && y[i]! > 0 && y[i]! < limit ? 1 : 0);
      expect(k.read(masked, n)).toEqual(want);
      expect(k.read(direct, n)).toEqual(want);
      expect(k.intact(mask, words * 4) && k.intact(masked, n * 4) && k.intact(direct, n * 4)).toBe(true);
    }
  });

  test('is the derivative of the clip, by central differences', () => {
    k.reset();
    const x = randoms(200, 5).map((v) => v * 10);
    const clip = (v: number) => Math.min(Math.max(v, 0), 6);
    const dy = k.floats(new Float32Array(x.length).fill(1));
    k.call.relu_backward!(dy, k.floats(x.map(clip)), x.length, 6);
    const step = 1e-3;
    for (const [i, v] of x.entries()) {
      if (Math.min(Math.abs(v), Math.abs(v - 6)) < 2 * step) continue;
      expect(k.read(dy, x.length)[i]).toBeCloseTo((clip(v + step) - clip(v - step)) / (2 * step), 6);
    }
  });

  test('nothing behind the values is read or written: they may end where the memory ends', () => {
    k.reset();
    const n = 37;
    const end = k.memory.buffer.byteLength - n * 4;
    new Float32Array(k.memory.buffer, end, n).set(randoms(n, 3));
    const mask = k.alloc(8);
    k.call.relu_mask!(mask, end, n, 6);
    k.call.relu_backward_mask!(end, mask, n);
    k.call.relu_backward!(end, k.floats(randoms(n, 4)), n, 6);
  });
});
