import { describe, expect, it } from 'vitest';
import { TinyTrain } from '../../src/tinytrain.js';
import { deviation, GOLDEN } from './golden.js';
import { allValues, parsePatch } from './patch.js';
import { ALL } from './rig.js';

/** Single precision against double, through a dozen layers. */
const VALUES = 3e-6;
const GRADIENTS = 2e-5;

for (const binary of ALL) {
  for (const network of GOLDEN) {
    describe(`${network.name}, ${binary}, against PyTorch`, () => {
      const load = () => TinyTrain.load(network.file, { binary });
      const layers = network.model.operators.filter((operator) => operator.weights);
      const rowLength = (layer: number) => layers[layer]!.weights!.length / layers[layer]!.out[2];

      it('features', async () => {
        const tt = await load();
        const features = network.support.flatMap(({ image }) => Array.from(tt.embed(image)));
        expect(deviation(features, network.features)).toBeLessThan(VALUES);
      });

      it('Fisher information, potentials and scores of every layer', async () => {
        const tt = await load();
        const delta: Float32Array[] = [];
        const limits = { memory: '64MB', compute: 1, augment: 'none' } as const;
        await tt.select(network.support, {
          ...limits,
          criterion: (layer) => {
            delta[layer.index] = layer.delta;
            return 1;
          },
        });
        expect(delta).toHaveLength(layers.length);
        for (const [i, d] of delta.entries()) expect(deviation(d, network.delta[i]!)).toBeLessThan(GRADIENTS);
        const { layers: report } = await tt.select(network.support, limits);
        for (const [i, layer] of report.entries()) {
          expect(Math.abs(layer.fisher! / network.fisher[i]! - 1)).toBeLessThan(GRADIENTS);
          expect(Math.abs(layer.score! / network.score[i]! - 1)).toBeLessThan(GRADIENTS);
        }
      });

      // Without iterations the patch holds the original values: also where a prefix is kept.
      for (const run of network.runs) {
        it(`training ${run.title}`, async () => {
          const tt = await load();
          const { optimizer, lr } = run;
          const options = { selection: { layers: run.selection }, optimizer, lr, augment: 'none' } as const;
          const original = parsePatch(await patchAfter(0), rowLength);
          expect(original.entries.map((entry) => layers[entry.layer]!.name)).toEqual(
            layers.map((layer) => layer.name).filter((name) => run.selection[name] !== undefined),
          );
          const before = allValues(original);
          const change = (after: Float32Array) => after.map((value, i) => value - before[i]!);
          for (const [iterations, expected] of [
            [1, run.first],
            [5, run.last],
          ] as const) {
            const after = allValues(parsePatch(await patchAfter(iterations), rowLength));
            // Compared are the changes; a weight near 1 is rounded by 6e-8 in each iteration.
            const wanted = change(expected);
            const rounding = (iterations * 2 ** -23) / Math.max(...wanted.map(Math.abs));
            expect(deviation(change(after), wanted)).toBeLessThan(iterations * GRADIENTS + rounding);
          }

          async function patchAfter(iterations: number): Promise<Uint8Array> {
            const { loss } = await tt.adapt(network.support, { ...options, iterations });
            expect(deviation(loss, run.loss.slice(0, iterations))).toBeLessThan(GRADIENTS);
            return tt.patch();
          }
        });
      }
    });
  }
}
