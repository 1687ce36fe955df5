import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/model/model.js';
import { readModel } from '../../src/model/read.js';
import { importOnnx } from '../../src/onnx/index.js';
import { TinyTrain } from '../../src/tinytrain.js';
import { dequantiseModel } from '../quantise/dequantise.js';
import { forward, fromChw } from '../reference/forward.js';

const FOLDER = new URL('../golden/onnx/', import.meta.url);
const cases = JSON.parse(readFileSync(new URL('qdq.json', FOLDER), 'utf8')) as {
  name: string;
  image: number[];
  features: number[];
}[];
const read = (name: string) => new Uint8Array(readFileSync(new URL(`${name}.onnx`, FOLDER)));

/** Networks of test/reference/make_qdq.py, against ONNX Runtime. */
describe('networks with QuantizeLinear and DequantizeLinear', () => {
  it.each(cases)('$name is int8, and gives the features of ONNX Runtime', async ({ name, image, features }) => {
    const file = importOnnx(read(name));
    const model = readModel(file);
    const { operators, input } = model;
    expect(operators.filter((operator) => operator.int8)).toHaveLength(operators.length);
    const picture = fromChw(image, input);
    for (const binary of ['scalar', 'simd'] as const) {
      const tt = await TinyTrain.load(file, { binary });
      const found = tt.embed(Float32Array.from(picture));
      expect(sizeOf(operators.at(-1)!.out)).toBe(features.length);
      const { scale } = operators.at(-1)!.int8!;
      for (const [i, x] of found.entries())
        expect(Math.abs(x - features[i]!) / scale, `feature ${i}`).toBeLessThan(1.01);
    }
  });

  it.each(cases)('$name has weights that stand for its floats', ({ name, image, features }) => {
    const model = readModel(importOnnx(read(name)));
    const found = forward(dequantiseModel(model), fromChw(image, model.input));
    // Ranges of four images of noise are rough: these say that it is the same network, not how near it is.
    const dot = found.reduce((sum, x, i) => sum + x * features[i]!, 0);
    expect(dot / (Math.hypot(...found) * Math.hypot(...features))).toBeGreaterThan(0.9);
  });
});
