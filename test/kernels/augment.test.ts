import { describe, expect, test } from 'vitest';
import { error } from './channel.js';
import { BINARIES, EXACT, Kernels, randoms } from './harness.js';

interface Image {
  h: number;
  w: number;
  c: number;
}
interface Options {
  seed?: number;
  stream?: number;
  crop?: boolean;
  flip?: boolean | 2;
  light?: boolean;
}

const MEAN = [0.48, 0.45, 0.4, 0.5];
const STD = [0.22, 0.23, 0.25, 0.2];

/** Pixels in [0, 1], normalised. */
function image({ h, w, c }: Image, seed: number): Float32Array {
  return randoms(h * w * c, seed).map((v, i) => ((v + 1) / 2 - MEAN[(i % c) % 4]!) / STD[(i % c) % 4]!);
}

const pixels = (values: ArrayLike<number>, c: number) => Array.from(values, (v, i) => v * STD[i % c]! + MEAN[i % c]!);

function augment(k: Kernels, x: Float32Array, { h, w, c }: Image, options: Options): Float32Array {
  const { seed = 1, stream = 1, crop = false, flip = false, light = false } = options;
  k.reset();
  const out = k.floats(new Float32Array(x.length).fill(Number.NaN));
  const [mean, std] = [k.floats(MEAN), k.floats(STD)];
  k.call.augment!(out, k.floats(x), h, w, c, mean, std, seed, stream, Number(crop), Number(flip), Number(light));
  expect(k.intact(out, x.length * 4)).toBe(true);
  return k.read(out, x.length);
}

function mirror(x: Float32Array, { h, w, c }: Image): Float32Array {
  const out = new Float32Array(x.length);
  for (let y = 0; y < h; y++)
    for (let i = 0; i < w; i++) out.set(x.subarray((y * w + i) * c, (y * w + i + 1) * c), (y * w + w - 1 - i) * c);
  return out;
}

const images: Image[] = [
  { h: 1, w: 1, c: 1 },
  { h: 5, w: 7, c: 3 },
  { h: 16, w: 9, c: 4 },
  { h: 6, w: 6, c: 5 },
];
const streams = Array.from({ length: 400 }, (_, i) => i);

describe.each(BINARIES)('%s', (file) => {
  const k = new Kernels(file);

  test.each(images)('nothing asked for: the image itself, $h x $w x $c', (size) => {
    const x = image(size, 1);
    expect(augment(k, x, size, {})).toEqual(x);
  });

  test.each(images)('a flip is exact, and happens every other time, $h x $w x $c', (size) => {
    const x = image(size, 2);
    const mirrored = mirror(x, size);
    expect(augment(k, x, size, { flip: 2 })).toEqual(mirrored);
    if (size.w === 1) return;
    let flips = 0;
    for (const stream of streams) {
      const got = augment(k, x, size, { stream, flip: true });
      const flipped = got.some((v, i) => v !== x[i]);
      expect(got).toEqual(flipped ? mirrored : x);
      flips += Number(flipped);
    }
    expect(flips).toBeGreaterThan(160);
    expect(flips).toBeLessThan(240);
  });

  test('a crop of a ramp is a ramp of 0.84 to 1 times the slope, inside the image', () => {
    // Value y * 1000 + x is linear, so bilinear resampling reproduces it except where it is clamped.
    const size = { h: 24, w: 32, c: 1 };
    const x = Float32Array.from({ length: 24 * 32 }, (_, i) => Math.floor(i / 32) * 1000 + (i % 32));
    const shares: number[] = [];
    for (const stream of streams) {
      const got = augment(k, x, size, { stream, crop: true });
      const at = (row: number, column: number) => got[row * 32 + column]!;
      const [down, right] = [at(13, 16) - at(12, 16), at(12, 17) - at(12, 16)];
      expect(down / 1000).toBeCloseTo(right, 1);
      shares.push((down / 1000) ** 2);
      expect(at(0, 0)).toBeGreaterThanOrEqual(0);
      expect(at(23, 31)).toBeLessThanOrEqual(23031);
      // The row in the middle of the crop, half its height away from the image's edges at least.
      const middle = (at(11, 16) + at(12, 16)) / 2000 + 0.5;
      const half = (24 * down) / 2000;
      expect(middle).toBeGreaterThan(half - 0.05);
      expect(middle).toBeLessThan(24 - half + 0.05);
    }
    expect(Math.min(...shares)).toBeGreaterThan(0.699);
    expect(Math.max(...shares)).toBeLessThan(1.001);
    const mean = shares.reduce((a, b) => a + b, 0) / shares.length;
    expect(mean).toBeCloseTo(0.85, 1);
  });

  test('light: within [0, 1], contrast about the mean, factors of 0.8 to 1.2', () => {
    const size = { h: 12, w: 10, c: 3 };
    // Kept away from 0 and 1, so that nothing is clamped: then p -> slope * p + offset, and
    // slope = brightness * contrast, offset = brightness * mean * (1 - contrast).
    const x = image(size, 3).map((v, i) => {
      const p = v * STD[i % 3]! + MEAN[i % 3]!;
      return (0.4 + 0.2 * p - MEAN[i % 3]!) / STD[i % 3]!;
    });
    const before = pixels(x, 3);
    const mean = before.reduce((a, b) => a + b, 0) / before.length;
    for (const stream of streams) {
      const after = pixels(augment(k, x, size, { stream, light: true }), 3);
      const slope = (after[1]! - after[0]!) / (before[1]! - before[0]!);
      const offset = after[0]! - slope * before[0]!;
      expect(
        error(
          after,
          before.map((p) => slope * p + offset),
        ),
      ).toBeLessThan(1e-4);
      const brightness = after.reduce((a, b) => a + b, 0) / after.length / mean;
      const contrast = slope / brightness;
      for (const factor of [brightness, contrast]) {
        expect(factor).toBeGreaterThan(0.799);
        expect(factor).toBeLessThan(1.201);
      }
    }
  });

  test('everything at once: still pixels', () => {
    for (const size of images.slice(0, 3))
      for (const stream of streams.slice(0, 50)) {
        const got = augment(k, image(size, 4), size, { stream, crop: true, flip: true, light: true });
        expect(pixels(got, size.c).every((p) => p > -1e-6 && p < 1 + 1e-6)).toBe(true);
      }
  });

  test('no light for more than 4 channels', () => {
    const size = { h: 6, w: 6, c: 5 };
    const x = image(size, 5);
    expect(augment(k, x, size, { light: true })).toEqual(x);
  });

  test('repeats for a seed and stream, differs for others', () => {
    const size = { h: 8, w: 8, c: 3 };
    const x = image(size, 6);
    const all = { crop: true, flip: true, light: true };
    const once = augment(k, x, size, { ...all, seed: 5, stream: 9 });
    expect(augment(k, x, size, { ...all, seed: 5, stream: 9 })).toEqual(once);
    expect(augment(k, x, size, { ...all, seed: 6, stream: 9 })).not.toEqual(once);
    expect(augment(k, x, size, { ...all, seed: 5, stream: 10 })).not.toEqual(once);
  });
});

test('both binaries give equal bits', () => {
  const [scalar, simd] = EXACT.map((file) => new Kernels(file)) as [Kernels, Kernels];
  for (const size of images)
    for (const stream of streams.slice(0, 20)) {
      const x = image(size, stream);
      const options = { stream, crop: true, flip: true, light: true };
      expect(augment(simd, x, size, options)).toEqual(augment(scalar, x, size, options));
    }
});
