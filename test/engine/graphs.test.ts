import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layersOf, type Model } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import { Random } from '../../src/random.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { LayerReport, Selection } from '../../src/types.js';
import { forward } from '../reference/forward.js';
import { deviation } from './golden.js';
import { randomMobile, randomModel, support } from './networks.js';
import { backwardMacs, type Trains } from './reference.js';
import { BINARIES } from './rig.js';

const graph = (seed: number) => (seed % 2 ? randomMobile(seed) : randomModel(seed, 12));
const seeds = fc.integer({ min: 1, max: 1e6 });

/** What a report says is trained, by operator. */
function trained(model: Model, report: readonly LayerReport[]): Trains[] {
  let layer = 0;
  return model.operators.map((operator): Trains => {
    if (!operator.weights) return { kind: 'nothing' };
    const { trains, selected } = report[layer++]!;
    return trains === 'weights' ? { kind: 'weights', channels: selected.length } : { kind: trains };
  });
}

for (const binary of BINARIES) {
  describe(`random graphs, ${binary}`, () => {
    it('features are those of the reference', async () => {
      await fc.assert(
        fc.asyncProperty(seeds, async (seed) => {
          const model = graph(seed);
          const tt = await TinyTrain.load(writeModel(model), { binary });
          const [h, w, c] = model.operators.at(-1)!.out;
          for (const { image } of support(model.input, [1, 1], seed)) {
            // The engine keeps height, width, channel; embed gives channel, height, width as ONNX does.
            const expected = forward(model, image as Float32Array);
            const turned = expected.map((_, i) => expected[(i % (h * w)) * c + Math.floor(i / (h * w))]!);
            expect(deviation(tt.embed(image), turned)).toBeLessThan(1e-5);
          }
        }),
        { numRuns: 150, seed: 2 },
      );
    });

    it('MACs of the backward pass follow from the selection and the graph', async () => {
      await fc.assert(
        fc.asyncProperty(seeds, async (seed) => {
          const model = graph(seed);
          const tt = await TinyTrain.load(writeModel(model), { binary });
          const random = new Random(seed);
          const layers: Selection['layers'] = {};
          for (const layer of layersOf(model)) {
            const kind = random.between(0, 3);
            if (kind === 1) layers[layer.name] = 'bias';
            if (kind === 2) layers[layer.name] = 'all';
            if (kind === 3) layers[layer.name] = [random.between(0, layer.out[2] - 1)];
          }
          const samples = support(model.input, [1, 1]);
          const report = await tt.select(samples, { selection: { layers }, augment: 'none' });
          expect(report.macs.backward).toBe(backwardMacs(model, trained(model, report.layers)));
          const full = await tt.select(samples, { method: 'fulltrain', augment: 'none' });
          expect(full.macs.backward).toBe(backwardMacs(model, trained(model, full.layers)));
          expect(report.macs.backward).toBeLessThanOrEqual(full.macs.backward);
          expect(full.macs.backward).toBeLessThanOrEqual(full.macs.fullBackward);
          expect(tt.inspect().totals.fullBackwardMacs).toBe(full.macs.fullBackward);
        }),
        { numRuns: 80, seed: 3 },
      );
    });
  });
}
