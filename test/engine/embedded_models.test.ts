import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TinyTrain } from '../../src/node/index.js';
import { EMBEDDED_MODELS } from '../../src/resources.js';

/** The embedded networks against what PyTorch computed of the networks they were imported from. */
const names = Object.keys(EMBEDDED_MODELS);
const cases = names.flatMap((name) => (['scalar', 'simd'] as const).map((binary) => ({ name, binary })));

describe.each(cases)('the embedded network $name, $binary binary', ({ name, binary }) => {
  const isInt8 = name.endsWith('-int8');
  const float = name.replace(/-int8$/, '');
  const golden = (file: string) => readFileSync(new URL(`../golden/${float}.golden.${file}`, import.meta.url));

  test(`gives the features of its training framework ${isInt8 ? 'nearly' : 'within 1e-4'}`, async () => {
    const { tensors } = JSON.parse(golden('json').toString());
    const bytes = golden('bin');
    const read = ({ offset, shape }: { offset: number; shape: number[] }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return new Float32Array(new Uint8Array(bytes.subarray(offset, offset + 4 * length)).buffer);
    };
    const [input, features] = [read(tensors.input), read(tensors.features)];
    const tt = await TinyTrain.load(name, { binary });
    expect(tt.model.name).toBe(float);
    const [h, w, c] = tt.model.input;
    const width = tt.model.features;
    expect([tensors.input.shape, tensors.features.shape]).toEqual([
      [2, c, h, w],
      [2, width],
    ]);
    for (let n = 0; n < 2; n++) {
      const image = new Float32Array(h * w * c);
      for (let i = 0; i < image.length; i++) {
        image[i] = input[n * image.length + (i % c) * h * w + Math.floor(i / c)]!;
      }
      const got = tt.embed(image);
      const wanted = features.subarray(n * width, (n + 1) * width);
      const dot = got.reduce((sum, x, i) => sum + x * wanted[i]!, 0);
      expect(dot / (Math.hypot(...got) * Math.hypot(...wanted))).toBeGreaterThan(isInt8 ? 0.99 : 0.999999);
      if (isInt8) continue;
      for (let i = 0; i < width; i++) expect(Math.abs(got[i]! - features[n * width + i]!)).toBeLessThan(1e-4);
    }
  });
});
