import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { toBytes, toTensor } from '../../src/image.js';

const stored = JSON.parse(readFileSync(new URL('../reference/resize.json', import.meta.url), 'utf8')) as {
  cases: { from: [number, number, number]; to: [number, number]; seed: number; bytes: number[] }[];
  luma: { seed: number; bytes: number[] };
};

/** The bytes that test/reference/resize.py makes too. */
function noise(count: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

const half = [0.5, 0.5, 0.5];

describe('resizing', () => {
  for (const { from, to, seed, bytes } of stored.cases) {
    it(`equals Pillow: ${from.join('x')} to ${to.join('x')}`, () => {
      const [width, height, c] = from;
      const image = { data: noise(width * height * c, seed), width, height };
      expect([...toBytes(image, [to[1], to[0], c]).data]).toEqual(bytes);
    });
  }

  it('in two steps equals one step', () => {
    const image = { data: noise(40 * 30 * 4, 7), width: 40, height: 30 };
    const input: [number, number, number] = [8, 9, 3];
    expect(toTensor(toBytes(image, input), input, half, half)).toEqual(toTensor(image, input, half, half));
  });
});

describe('channels', () => {
  it('makes grey by luma as Pillow does', () => {
    const image = { data: noise(300, stored.luma.seed), width: 10, height: 10 };
    expect([...toBytes(image, [10, 10, 1]).data]).toEqual(stored.luma.bytes);
  });
  it('repeats grey for colour models', () => {
    expect([...toBytes({ data: Uint8Array.of(7, 9), width: 2, height: 1 }, [1, 2, 3]).data]).toEqual([
      7, 7, 7, 9, 9, 9,
    ]);
  });
  it('puts transparent pictures on white', () => {
    const data = Uint8ClampedArray.of(0, 10, 200, 0, 0, 10, 200, 255, 0, 10, 200, 128);
    const out = toBytes({ data, width: 3, height: 1 }, [1, 3, 3]).data;
    expect([...out]).toEqual([255, 255, 255, 0, 10, 200, 127, 132, 227]);
  });
  it('keeps alpha for models of four channels', () => {
    expect([...toBytes({ data: Uint8Array.of(1, 2, 3), width: 1, height: 1 }, [1, 1, 4]).data]).toEqual([1, 2, 3, 255]);
  });
});

describe('tensors', () => {
  it('normalises each channel', () => {
    const out = toTensor(
      { data: Uint8Array.of(0, 255, 51), width: 1, height: 1 },
      [1, 1, 3],
      [0.5, 0, 0.1],
      [0.5, 1, 2],
    );
    expect([...out]).toEqual([-1, 1, Math.fround(0.05)]);
  });
  it('takes preprocessed values as they are', () => {
    const values = Float32Array.of(1, -2, 3);
    expect(toTensor(values, [1, 1, 3], half, half)).toBe(values);
  });
  it.each([
    [Float32Array.of(1), '1 x 1 x 3 = 3 values, got 1'],
    [Float32Array.of(1, Number.NaN, 0), 'value 1 of the tensor is NaN'],
    [{ data: new Uint8Array(5), width: 1, height: 1 }, '1 x 1 needs 3 bytes (RGB), 4 (RGBA) or 1 (grey), got 5'],
    [{ data: new Uint8Array(3), width: 0, height: 1 }, 'positive integers, got 0 x 1'],
    [undefined, 'expected { data, width, height }'],
    [null, 'expected { data, width, height }'],
    [{ data: [1, 2, 3], width: 1, height: 1 }, 'expected { data, width, height }'],
  ])('refuses %o', (image, message) => {
    expect(() => toTensor(image as never, [1, 1, 3], half, half)).toThrow(message);
  });
  it('refuses pictures for a model of two channels', () => {
    const image = { data: new Uint8Array(3), width: 1, height: 1 };
    expect(() => toTensor(image, [1, 1, 2], half, half)).toThrow('the model takes 2 channels');
  });
});
