import { describe, expect, it } from 'vitest';
import { layersOf, parameters } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import { selectionOf } from '../../src/selection.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { AdaptOptions, LayerFigures, LayerReport, Selection } from '../../src/types.js';
import { everyOperator, support } from './networks.js';
import { parsePatch } from './patch.js';
import { BINARIES } from './rig.js';

const model = everyOperator();
const layers = layersOf(model);
const samples = support(model.input);
const every = (layer: LayerReport) => Array.from({ length: layer.channels }, (_, c) => c);
const norm = (values: Float32Array) => Math.hypot(...values);

/** Weights of output channel o. */
function row(layer: (typeof layers)[number], o: number): Float32Array {
  const channels = layer.out[2];
  const weights = layer.weights as Float32Array;
  const length = weights.length / channels;
  if (layer.op === 'depthwise') return weights.filter((_, i) => i % channels === o);
  return weights.subarray(o * length, (o + 1) * length);
}

for (const binary of BINARIES) {
  describe(`methods and criteria, ${binary}`, () => {
    const load = () => TinyTrain.load(writeModel(model), { binary });
    const adapt = async (options: AdaptOptions) => {
      const tt = await load();
      const report = await tt.adapt(samples, { iterations: 2, optimizer: 'sgd', lr: 0.05, ...options });
      const rowLength = (l: number) => layers[l]!.weights!.length / layers[l]!.out[2];
      return { tt, report, patch: parsePatch(tt.patch(), rowLength) };
    };

    it('none trains nothing; its patch holds the prototypes', async () => {
      const { tt, report, patch } = await adapt({ method: 'none' });
      expect(report.loss).toEqual([]);
      expect(report.layers.every((layer) => layer.trains === 'nothing' && layer.selected.length === 0)).toBe(true);
      expect([report.memory.backwardBytes, report.macs.backward]).toEqual([0, 0]);
      expect(patch.entries).toEqual([]);
      expect(patch.classes).toEqual(['class 0', 'class 1', 'class 2']);
      const features = samples.slice(0, 3).map(({ image }) => tt.embed(image));
      for (let j = 0; j < patch.features; j++) {
        const mean = (features[0]![j]! + features[1]![j]! + features[2]![j]!) / 3;
        expect(patch.prototypes[j]).toBeCloseTo(mean, 5);
      }
    });

    it('lastlayer, fulltrain and biasonly train what their names say', async () => {
      const last = await adapt({ method: 'lastlayer' });
      expect(last.patch.entries.map((entry) => [entry.layer, entry.kind])).toEqual([[layers.length - 1, 'weights']]);
      expect(last.report.layers.at(-1)!.selected).toEqual([0, 1, 2, 3, 4]);

      const full = await adapt({ method: 'fulltrain' });
      expect(full.patch.entries.map((entry) => entry.layer)).toEqual(layers.map((_, l) => l));
      for (const layer of full.report.layers) expect(layer.selected).toEqual(every(layer));
      expect(full.report.macs.backward).toBe(full.report.macs.fullBackward);

      const bias = await adapt({ method: 'biasonly' });
      expect(bias.patch.entries.every((entry) => entry.kind === 'bias')).toBe(true);
      expect(bias.report.layers.every((layer) => layer.trains === 'bias')).toBe(true);
      for (const { report } of [last, full, bias]) {
        expect(report.loss).toHaveLength(2);
        expect(report.loss[1]).toBeLessThan(report.loss[0]!);
      }
    });

    it('sparseupdate and a selection of the caller train exactly that, and reports give it back', async () => {
      const selection: Selection = { layers: { convolution8: [6, 2], depthwise2: 'bias', linear10: 'all' } };
      const own = await adapt({ selection });
      expect(own.report.method).toBe('selection');
      const sparse = await adapt({ method: 'sparseupdate', selection });
      expect(sparse.report.method).toBe('sparseupdate');
      expect(sparse.tt.patch()).toEqual(own.tt.patch());
      const given = selectionOf(own.report);
      expect(given.layers).toEqual({ convolution8: [2, 6], depthwise2: 'bias', linear10: 'all' });
      expect((await adapt({ selection: given })).tt.patch()).toEqual(own.tt.patch());
      const nothing = await adapt({ selection: { layers: { convolution8: [] } } });
      expect(nothing.patch.entries).toEqual([]);
    });

    it('selections that do not fit the model are refused by name', async () => {
      const tt = await load();
      const fails = (selection: unknown, message: RegExp) =>
        expect(tt.adapt(samples, { selection: selection as Selection })).rejects.toThrow(message);
      await fails({ layers: { nowhere: 'all' } }, /^selection: the model has no layer 'nowhere'/);
      await fails({ layers: { averagePooling7: 'all' } }, /^selection: the model has no layer 'averagePooling7'/);
      await fails({ layers: { linear10: [5] } }, /^selection: layer 'linear10' has channels 0 to 4, not 5$/);
      await fails({ layers: { linear10: [1, 1] } }, /names a channel twice$/);
      await fails({ layers: { linear10: [-1] } }, /^selection must be/);
      await fails({ layers: { linear10: 'some' } }, /^selection must be/);
      await fails(['linear10'], /^selection must be/);
      await expect(tt.adapt(samples, { method: 'sparseupdate' })).rejects.toThrow(/needs a selection/);
      expect(() => tt.patch()).toThrow(/^there is no patch/);
    });

    it('criteria order layers and channels as they say', async () => {
      const tt = await load();
      const limits = { memory: '1MB', compute: 1500, augment: 'none' } as const;
      const choose = async (criterion: 'tinytrain' | 'fisher' | 'l2' | 'random', seed = 0) =>
        (await tt.select(samples, { ...limits, criterion, seed })).layers;

      const fisher = await choose('fisher');
      for (const layer of fisher) expect(layer.score).toBe(layer.fisher);
      const tinytrain = await choose('tinytrain');
      const most = (figure: (l: (typeof layers)[number]) => number) => Math.max(...layers.map(figure));
      for (const [l, layer] of tinytrain.entries()) {
        const cost = parameters(layers[l]!) / most(parameters);
        const expected = layer.fisher! / (cost * (layer.macs / Math.max(...tinytrain.map((other) => other.macs))));
        expect(layer.score! / expected).toBeCloseTo(1, 5);
      }
      const l2 = await choose('l2');
      for (const [l, layer] of l2.entries()) {
        const norms = every(layer).map((o) => norm(row(layers[l]!, o)));
        expect(layer.score! / norms.reduce((sum, n) => sum + n, 0)).toBeCloseTo(1, 5);
        const taken = layer.selected.map((o) => norms[o]!);
        const left = norms.filter((_, o) => !layer.selected.includes(o));
        if (taken.length) expect(Math.min(...taken)).toBeGreaterThanOrEqual(Math.max(0, ...left));
      }
      expect(await choose('random', 1)).toEqual(await choose('random', 1));
      expect(await choose('random', 1)).not.toEqual(await choose('random', 2));
    });

    it("the caller's function sees every figure and decides the order", async () => {
      const tt = await load();
      const seen: LayerFigures[] = [];
      const only = (name: string) => (layer: LayerFigures) => (layer.name === name ? 1 : 0);
      for (const name of ['linear10', 'convolution6', 'convolution1']) {
        const { layers: report } = await tt.select(samples, { memory: '1MB', compute: 0.8, criterion: only(name) });
        expect(report.find((layer) => layer.name === name)!.selected.length).toBeGreaterThan(0);
        expect(report.find((layer) => layer.name === name)!.score).toBe(1);
      }
      await tt.select(samples, {
        memory: '1MB',
        compute: 1,
        criterion: (layer, all) => {
          expect(all).toContain(layer);
          seen.push(layer);
          return -layer.index;
        },
      });
      expect(seen.map((layer) => layer.name)).toEqual(layers.map((layer) => layer.name));
      for (const layer of seen) {
        expect(layer.delta).toHaveLength(layers[layer.index]!.out[2]);
        expect(layer.fisher / layer.delta.reduce((sum, d) => sum + d, 0)).toBeCloseTo(1, 5);
      }
      const bad = (value: unknown) => tt.select(samples, { criterion: () => value as number });
      await expect(bad(Number.NaN)).rejects.toThrow(/^the criterion gave NaN for layer 'convolution0'/);
      await expect(bad('1')).rejects.toThrow(/it must give a number$/);
      const throws = () => {
        throw new Error('mine');
      };
      await expect(tt.select(samples, { criterion: throws })).rejects.toThrow('mine');
    });
  });
}
