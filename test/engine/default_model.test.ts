import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TinyTrain } from '../../src/node/index.js';

/** The embedded network against what PyTorch computed of the network it was imported from. */
const golden = (file: string) => readFileSync(new URL(`../golden/default.golden.${file}`, import.meta.url));

describe.each(['scalar', 'simd'] as const)('the embedded network, %s binary', (binary) => {
  test('gives the features of its training framework within 1e-4', async () => {
    const { tensors } = JSON.parse(golden('json').toString());
    const bytes = golden('bin');
    const read = ({ offset, shape }: { offset: number; shape: number[] }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return new Float32Array(new Uint8Array(bytes.subarray(offset, offset + 4 * length)).buffer);
    };
    const [input, features] = [read(tensors.input), read(tensors.features)];
    const tt = await TinyTrain.load('default', { binary });
    const [h, w, c] = tt.model.input;
    const width = tt.model.features;
    for (let n = 0; n < tensors.input.shape[0]; n++) {
      const image = new Float32Array(h * w * c);
      for (let i = 0; i < image.length; i++) {
        image[i] = input[n * image.length + (i % c) * h * w + Math.floor(i / c)]!;
      }
      const got = tt.embed(image);
      for (let i = 0; i < width; i++) expect(Math.abs(got[i]! - features[n * width + i]!)).toBeLessThan(1e-4);
    }
  });
});
