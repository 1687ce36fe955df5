import { describe, expect, test } from 'vitest';
import { BINARIES, Kernels } from './harness.js';

const kernels = BINARIES.map((file) => new Kernels(file));

/** The definition again, in JavaScript. */
function hash32(seed: number, stream: number, counter: number): number {
  const mix = (x: number) => {
    let z = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  const golden = 0x9e3779b9;
  return mix((mix((mix(seed + golden) ^ stream) + golden) ^ counter) + golden);
}

test('all binaries give the bits of the definition', () => {
  for (const [seed, stream, counter] of [
    [0, 0, 0],
    [1, 2, 3],
    [0xffffffff, 0x80000000, 7],
  ] as const)
    for (const k of kernels) {
      const hash = hash32(seed, stream, counter);
      expect(k.call.hash32!(seed, stream, counter) >>> 0).toBe(hash);
      expect(k.call.uniform!(seed, stream, counter)).toBe((hash >>> 8) / 2 ** 24);
    }
  // Fixed for good: a saved seed must keep its meaning.
  expect(hash32(1, 2, 3)).toBe(516099048);
});

/** A run of numbers along each of the three arguments. */
const runs: [string, (i: number) => number][] = [
  ['counter', (i) => kernels[0]!.call.uniform!(1, 2, i)],
  ['stream', (i) => kernels[0]!.call.uniform!(1, i, 2)],
  ['seed', (i) => kernels[0]!.call.uniform!(i, 1, 2)],
];

describe.each(runs)('along the %s', (_, draw) => {
  const n = 65536;
  const values = Float64Array.from({ length: n }, (_, i) => draw(i));

  test('uniform in [0, 1)', () => {
    expect(values.every((v) => v >= 0 && v < 1)).toBe(true);
    const bins = new Array(64).fill(0);
    for (const v of values) bins[Math.floor(v * 64)]++;
    // Chi squared with 63 degrees of freedom: 103.4 is passed by one in a thousand.
    const chi = bins.reduce((sum, count) => sum + (count - n / 64) ** 2 / (n / 64), 0);
    expect(chi).toBeLessThan(103.4);
  });

  test('neighbours are not correlated', () => {
    for (const lag of [1, 2, 3, 64]) {
      let sum = 0;
      for (let i = 0; i + lag < n; i++) sum += (values[i]! - 0.5) * (values[i + lag]! - 0.5);
      // The deviation of a correlation of n independent pairs is 1 / sqrt(n).
      expect(Math.abs((sum / n) * 12)).toBeLessThan(4 / Math.sqrt(n));
    }
  });
});

test('one bit of any argument changes half the bits', () => {
  const { hash32 } = kernels[1]!.call as { hash32: (...args: number[]) => number };
  for (let argument = 0; argument < 3; argument++)
    for (let bit = 0; bit < 32; bit++) {
      let changed = 0;
      for (let i = 0; i < 256; i++) {
        const args = [i, i * 7, i * 31];
        const before = hash32(...args);
        args[argument]! ^= 1 << bit;
        let difference = before ^ hash32(...args);
        for (; difference; difference &= difference - 1) changed++;
      }
      expect(changed / 256).toBeGreaterThan(14.5);
      expect(changed / 256).toBeLessThan(17.5);
    }
});
