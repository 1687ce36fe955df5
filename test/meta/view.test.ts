import { describe, expect, it } from 'vitest';
import { toBytes } from '../../src/image.js';
import { randomView } from '../../src/meta/view.js';
import { Random } from '../../src/random.js';
import type { RawImage } from '../../src/types.js';

/** Red rises from left to right, green from top to bottom. */
function ramps(width: number, height: number): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    data[3 * i] = 55 + Math.round((200 * (i % width)) / (width - 1));
    data[3 * i + 1] = 55 + Math.round((200 * Math.floor(i / width)) / (height - 1));
    data[3 * i + 2] = 40;
  }
  return { data, width, height };
}

const image = ramps(40, 30);
const rising = ({ data, width }: RawImage, channel: number, step: number) =>
  data[3 * (step === 1 ? width - 1 : width * (width - 1)) + channel]! > data[channel]!;

describe('a random view', () => {
  it('is the whole image without augmentation', () => {
    expect(randomView(image, [16, 16, 3], 'none', new Random(1))).toEqual(toBytes(image, [16, 16, 3]));
  });

  it('is a part of it, lit otherwise, of the model’s size; mirrored half of the time, never upside down', () => {
    const random = new Random(3);
    let mirrored = 0;
    const blues = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const view = randomView(image, [16, 16, 3], 'auto', random);
      expect([view.width, view.height, view.data.length]).toEqual([16, 16, 768]);
      if (!rising(view, 0, 1)) mirrored++;
      expect(rising(view, 1, 16)).toBe(true);
      blues.add(view.data[2]!);
      const plain = randomView(image, [16, 16, 3], 'noflip', random);
      expect(rising(plain, 0, 1)).toBe(true);
    }
    expect(mirrored).toBeGreaterThan(70);
    expect(mirrored).toBeLessThan(130);
    expect(blues.size).toBeGreaterThan(20);
  });

  it('repeats itself, and takes one pixel, RGBA and grey models', () => {
    const view = () => randomView(image, [8, 8, 3], 'auto', new Random(7));
    expect(view()).toEqual(view());
    const dot = { data: Uint8Array.of(9, 9, 9, 255), width: 1, height: 1 };
    expect(randomView(dot, [4, 4, 3], 'auto', new Random(7)).data).toHaveLength(48);
    expect(randomView(image, [4, 4, 1], 'auto', new Random(7)).data).toHaveLength(16);
    const four = randomView(image, [4, 4, 4], 'auto', new Random(7)).data;
    expect([...four].filter((_, i) => i % 4 === 3)).toEqual(Array(16).fill(255));
  });
});
