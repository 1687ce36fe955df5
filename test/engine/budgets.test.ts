import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layersOf, type Model } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { SelectOptions, SelectReport } from '../../src/types.js';
import { deepNetwork, everyOperator, Network, randomMobile, randomModel, support } from './networks.js';
import { BINARIES, Rig } from './rig.js';

const graph = (seed: number) => (seed % 3 ? randomMobile(seed) : randomModel(seed, 12));
const seeds = fc.integer({ min: 1, max: 1e6 });
const samples = (model: Model) => support(model.input, [2, 2]);

/** The report, or what the error says. */
async function attempt(tt: TinyTrain, model: Model, options: SelectOptions): Promise<SelectReport | string> {
  try {
    return await tt.select(samples(model), { augment: 'none', ...options });
  } catch (error) {
    return (error as Error).message;
  }
}

for (const binary of BINARIES) {
  describe(`budgets, ${binary}`, () => {
    const load = (model: Model) => TinyTrain.load(writeModel(model), { binary });

    it('are held, with shares of 1, 1/2, 1/4 or 1/8 of the channels', async () => {
      let chosen = 0;
      await fc.assert(
        fc.asyncProperty(
          seeds,
          fc.integer({ min: 500, max: 40_000 }),
          fc.double({ min: 0.01, max: 1, noNaN: true }),
          fc.constantFrom('tinytrain' as const, 'fisher' as const, 'l2' as const, 'random' as const),
          async (seed, memory, compute, criterion) => {
            const model = graph(seed);
            const tt = await load(model);
            const report = await attempt(tt, model, { memory, compute, criterion });
            if (typeof report === 'string') {
              expect(report).toMatch(/^(a (memory|compute) budget of|no layer fits both budgets)[^\n]+$/);
              return;
            }
            chosen++;
            expect(report.memory.backwardBytes).toBeLessThanOrEqual(memory);
            expect(report.macs.backward).toBeLessThanOrEqual(report.budgets.backwardMacs);
            for (const { selected, channels } of report.layers) {
              const shares = [0, 1, 2, 3].map((s) => Math.max(1, channels >> s));
              if (selected.length) expect(shares).toContain(selected.length);
              expect(selected).toEqual([...new Set(selected)].sort((a, b) => a - b));
            }
            // Twice the memory or all of the compute never takes everything away.
            for (const more of [{ memory: 2 * memory }, { compute: 1 }]) {
              expect(typeof (await attempt(tt, model, { memory, compute, criterion, ...more }))).toBe('object');
            }
          },
        ),
        { numRuns: 80, seed: 6 },
      );
      expect(chosen).toBeGreaterThan(30);
    });

    it('take the channels with the highest Fisher information, of the layers with the highest scores', async () => {
      let partly = 0;
      for (const model of [everyOperator(), deepNetwork()]) {
        for (const computeBudget of [1000, 2000, 5000, 10_000, 20_000, 50_000]) {
          const rig = await Rig.create(binary, model, samples(model));
          rig.set({ memoryBudget: 60_000, computeBudget });
          rig.run('fisher');
          rig.engine.score();
          rig.engine.select();
          const layers = layersOf(model).map((layer, l) => rig.engine.layer(l, layer.out[2]));
          for (const { channels, delta } of layers.filter((layer) => layer.channels.length > 0)) {
            const left = delta.filter((_, channel) => !channels.includes(channel));
            if (left.length) partly++;
            expect(Math.min(...channels.map((channel) => delta[channel]!))).toBeGreaterThanOrEqual(
              Math.max(...left, 0),
            );
          }
          // A layer is passed over for want of room alone: its least share, by itself, is over the budget with what
          // was taken before it. So the first that fits by itself is in.
          const order = [...layers.keys()].sort((a, b) => layers[b]!.score - layers[a]!.score);
          const fits = (l: number) => {
            const share = Math.max(1, layersOf(model)[l]!.out[2] >> 3);
            rig.set({ memoryBudget: 60_000, selection: { [l]: Array.from({ length: share }, (_, c) => c) } });
            rig.engine.cost();
            const { control } = rig.engine;
            return control.get('backwardMacs') <= computeBudget && control.get('backwardBytes') <= 60_000;
          };
          const first = order.find(fits)!;
          expect(layers[first]!.channels.length).toBeGreaterThan(0);
        }
      }
      expect(partly).toBeGreaterThan(4);
    });

    it.each([
      'tinytrain',
      'thintrain',
    ] as const)('that are too small for %s: the error says the least possible, and that is enough', async (method) => {
      await fc.assert(
        fc.asyncProperty(seeds, async (seed) => {
          const model = graph(seed);
          const tt = await load(model);
          const choose = (options: SelectOptions) => attempt(tt, model, { method, ...options });
          const memory = await choose({ memory: 16, compute: 1 });
          const bytes = Number(/^a memory budget of 16 bytes .* is (\d+) bytes$/.exec(memory as string)?.[1]);
          expect(typeof (await choose({ memory: bytes, compute: 1 }))).toBe('object');
          expect(await choose({ memory: bytes - 1, compute: 1 })).toMatch(`possible is ${bytes} bytes`);

          const compute = await choose({ memory: '64MB', compute: 1.5 });
          if (typeof compute === 'object') return; // a layer of one MAC
          const macs = Number(/^a compute budget of 1 MACs .* is ([\d.]+) MACs$/.exec(compute)?.[1]);
          expect(typeof (await choose({ memory: '64MB', compute: Math.ceil(macs) }))).toBe('object');
          const less = Math.ceil(macs) - 1;
          if (less > 1) expect(await choose({ memory: '64MB', compute: less })).toMatch('compute budget');
        }),
        { numRuns: 60, seed: 7 },
      );
    });

    it('are not spent on layers that the features do not depend on', async () => {
      const net = new Network([6, 6, 2]).convolution(4, { limit: 6 });
      const model = net
        .convolution(8)
        .convolution(3, { input: 1 })
        .mean()
        .convolution(2, { input: 2 })
        .mean({ input: 3 })
        .model();
      const tt = await load(model);
      for (const options of [{ criterion: 'random' }, { method: 'thintrain' }] as const) {
        const { layers } = (await attempt(tt, model, { memory: '1MB', compute: 1, ...options })) as SelectReport;
        const unused = [1, 3];
        for (const layer of layers) {
          if ('criterion' in options) expect(layer.fisher === null).toBe(unused.includes(layer.index));
          expect(layer.trains !== 'nothing').toBe(!unused.includes(layer.index));
        }
      }
    });

    it('of a model without layers: the error says so', async () => {
      const model = new Network([6, 6, 2]).mean().model();
      const tt = await load(model);
      expect(await attempt(tt, model, {})).toBe('the model has no layer that can be trained');
    });

    it('of training, not of the Fisher pass alone', async () => {
      const model = everyOperator();
      const tt = await load(model);
      const report = await attempt(tt, model, { memory: 16, compute: 1 });
      const bytes = Number(/is (\d+) bytes$/.exec(report as string)?.[1]);
      const { memory } = await tt.adapt(samples(model), { memory: bytes, compute: 1, augment: 'none', iterations: 1 });
      expect(memory.backwardBytes).toBeLessThanOrEqual(bytes);
    });
  });
}
