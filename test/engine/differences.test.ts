import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layersOf, type Model } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import { Random } from '../../src/random.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { Sample } from '../../src/types.js';
import { everyOperator, randomModel, support } from './networks.js';
import { parsePatch } from './patch.js';
import { difference, inDouble, meanLoss } from './reference.js';

/** Large, so that the change of a weight shows its gradient to the last digits. */
const LR = 256;

/** The gradient of every layer, in the order of a patch, from one iteration of SGD; and the loss. */
async function gradients(model: Model, samples: readonly Sample[], binary: 'scalar' | 'simd') {
  const tt = await TinyTrain.load(writeModel(model), { binary });
  const options = { method: 'fulltrain', optimizer: 'sgd', lr: LR, augment: 'none' } as const;
  const layers = layersOf(model);
  const values = async (iterations: number) => {
    const { loss } = await tt.adapt(samples, { ...options, iterations });
    const rowLength = (layer: number) => layers[layer]!.weights!.length / layers[layer]!.out[2];
    return { loss, entries: parsePatch(tt.patch(), rowLength).entries };
  };
  const before = await values(0);
  const after = await values(1);
  return {
    loss: after.loss[0]!,
    layers: before.entries.map((entry, i) => entry.values.map((w, j) => (w - after.entries[i]!.values[j]!) / LR)),
  };
}

/** Where element `at` of a layer's gradient, biases and then rows, lies in its weights. */
function place(layer: Model['operators'][number], at: number): { values: Float32Array; index: number } {
  const channels = layer.out[2];
  if (at < channels) return { values: layer.bias as Float32Array, index: at };
  const row = layer.weights!.length / channels;
  const channel = Math.floor((at - channels) / row);
  const element = (at - channels) % row;
  const index = layer.op === 'depthwise' ? element * channels + channel : channel * row + element;
  return { values: layer.weights as Float32Array, index };
}

async function check(model: Model, samples: readonly Sample[], binary: 'scalar' | 'simd', perLayer: number) {
  const engine = await gradients(model, samples, binary);
  expect(Math.abs(engine.loss - meanLoss(model, samples))).toBeLessThan(1e-5);
  const double = inDouble(model);
  const random = new Random(9);
  const largest = Math.max(...engine.layers.map((g) => Math.max(...g.map(Math.abs))));
  for (const [l, layer] of layersOf(double).entries()) {
    const g = engine.layers[l]!;
    const scale = Math.max(...g.map(Math.abs), 1e-3 * largest, 1e-2);
    for (let n = 0; n < perLayer; n++) {
      const at = random.between(0, g.length - 1);
      const { values, index } = place(layer, at);
      const expected = difference(double, samples, values, index);
      const error = Math.abs(g[at]! - expected) / scale;
      expect(error, `${layer.name}[${at}]: ${g[at]}, by differences ${expected}`).toBeLessThan(1e-3);
    }
  }
}

for (const binary of ['scalar', 'simd'] as const) {
  describe(`gradients of the whole engine, ${binary}, by finite differences`, () => {
    it('of a network with every operator', async () => {
      for (const seed of [1, 2]) {
        const model = everyOperator(seed);
        await check(model, support(model.input), binary, 12);
      }
    });

    it('of random graphs', async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), async (seed) => {
          const model = randomModel(seed);
          await check(model, support(model.input, [2, 2], seed), binary, 3);
        }),
        { numRuns: 60, seed: 3 },
      );
    });
  });
}
