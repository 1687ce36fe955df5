import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JOB } from '../../src/job.js';
import { layersOf, type Model } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { Sample } from '../../src/types.js';
import { forward } from '../reference/forward.js';
import { deepNetwork, everyOperator, randomMobile, randomModel, support } from './networks.js';
import { parsePatch } from './patch.js';
import { crossEntropy, inDouble } from './reference.js';
import { BINARIES, everyLayer, type Job, Rig } from './rig.js';

/** One drawn sample, so that the weights change by its gradient alone. */
const ONE: Job = { optimizer: 'lomo', iterations: 1, draws: 1, lr: 2 ** -6 };

/** Rows of a layer's block: the bias of each channel, then the weights of each channel. */
function rowsOf(values: ArrayLike<number>, channels: number): number[][] {
  const all = Array.from(values);
  const length = (all.length - channels) / channels;
  const weights = Array.from({ length: channels }, (_, c) =>
    all.slice(channels + c * length, channels + (c + 1) * length),
  );
  return [...all.slice(0, channels).map((x) => [x]), ...weights];
}

/** Where element `at` of a layer's block, biases and then rows, lies. */
function place(layer: Model['operators'][number], at: number): { values: Float32Array; index: number } {
  const channels = layer.out[2];
  if (at < channels) return { values: layer.bias as Float32Array, index: at };
  const row = layer.weights!.length / channels;
  const [channel, element] = [Math.floor((at - channels) / row), (at - channels) % row];
  const index = layer.op === 'depthwise' ? element * channels + channel : channel * row + element;
  return { values: layer.weights as Float32Array, index };
}

/** Loss of a sample as a query, where of all features only its own follow the weights. */
function lossOf(model: Model, features: number[][], labels: number[], sample: Sample, which: number): number {
  const own = forward(model, sample.image as Float32Array);
  const ways = Math.max(...labels) + 1;
  const prototypes = Array.from({ length: ways }, (_, k) => {
    const mine = features.map((f, i) => (i === which ? Array.from(own) : f)).filter((_, i) => labels[i] === k);
    return Float64Array.from(own, (_, j) => mine.reduce((sum, f) => sum + f[j]!, 0) / mine.length);
  });
  return crossEntropy(own, prototypes, labels[which]!, 10);
}

for (const binary of BINARIES) {
  describe(`LOMO, ${binary}`, () => {
    it('moves each row of weights along the gradient of the drawn sample, by the rate in the root of the mean square', async () => {
      const model = everyOperator(3);
      const samples = support(model.input, [2, 2]);
      const rig = await Rig.create(binary, model, samples);
      const layers = layersOf(model);
      const length = (layer: number) => layers[layer]!.weights!.length / layers[layer]!.out[2];
      const values = (job: Job) => {
        rig.reset();
        rig.set({ ...job, selection: everyLayer(model) });
        rig.run('train');
        return parsePatch(rig.patch(), length).entries.map((entry) => Array.from(entry.values));
      };
      const before = values({ ...ONE, iterations: 0 });
      const after = values(ONE);
      const double = inDouble(model);
      const features = samples.map(({ image }) => Array.from(forward(double, image as Float32Array)));
      let moved = 0;
      for (const [l, layer] of layersOf(double).entries()) {
        const step = before[l]!.map((x, i) => (x - after[l]![i]!) / ONE.lr!);
        const gradient = step.map((_, at) => {
          const { values: weights, index } = place(layer, at);
          const original = weights[index]!;
          const [above, below] = [1e-6, -1e-6].map((h) => {
            weights[index] = original + h;
            return lossOf(double, features, rig.labels, samples[0]!, 0);
          }) as [number, number];
          weights[index] = original;
          return (above - below) / 2e-6;
        });
        const channels = layer.out[2];
        const slopes = rowsOf(gradient, channels);
        for (const [r, row] of rowsOf(step, channels).entries()) {
          const root = Math.sqrt(slopes[r]!.reduce((sum, x) => sum + x * x, 0) / row.length);
          if (root < 1e-5) continue;
          moved++;
          for (const [i, x] of row.entries()) expect(Math.abs(x - slopes[r]![i]! / root)).toBeLessThan(5e-3);
        }
      }
      expect(moved).toBeGreaterThan(30);
    });

    it('draws one class after the other, of each class one sample after the other', async () => {
      const model = everyOperator();
      const samples = support(model.input, [3, 1, 2]);
      const rig = await Rig.create(binary, model, samples);
      rig.set({ optimizer: 'lomo', iterations: 2, draws: 5, lr: 1e-3, selection: everyLayer(model) });
      rig.engine.begin(JOB.train);
      const asked: number[] = [];
      const loss: number[] = [];
      const sample = (index: number) => {
        asked.push(index);
        return samples[index]!.image as Float32Array;
      };
      rig.engine.pump({ sample, iteration: (x) => loss.push(x) });
      // Prototypes before each iteration and at the end; between them what is drawn.
      const all = [0, 1, 2, 3, 4, 5];
      expect(asked).toEqual([...all, 0, 3, 4, 1, 3, ...all, 5, 2, 3, 4, 0, ...all]);
      expect(loss).toHaveLength(2);
    });

    it('the rate falls to nothing, the loss falls, and what one run gives another gives', async () => {
      const model = deepNetwork();
      const rig = await Rig.create(binary, model, support(model.input, [3, 3]));
      const run = () => {
        rig.reset();
        rig.set({ optimizer: 'lomo', iterations: 80, draws: 6, lr: 5e-4, selection: everyLayer(model) });
        rig.run('train');
        return { loss: rig.loss, patch: Buffer.from(rig.patch()).toString('base64') };
      };
      const first = run();
      expect(run()).toEqual(first);
      const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
      expect(mean(first.loss.slice(-5))).toBeLessThan(0.7 * mean(first.loss.slice(0, 5)));
    });

    it('refuses what it cannot do', async () => {
      const model = everyOperator();
      const rig = await Rig.create(binary, model, support(model.input, [2, 2]));
      const { control } = rig.engine;
      for (const [field, value] of [
        ['draws', 0],
        ['draws', -1],
        ['shards', 2],
      ] as const) {
        rig.set({ ...ONE, selection: everyLayer(model) });
        control.set(field, value);
        expect(() => rig.run('train'), field).toThrow('an option is out of range');
        control.set('shards', 0);
      }
      rig.engine.task(rig.labels, rig.ways, 1);
      rig.set({ ...ONE, selection: everyLayer(model) });
      expect(() => rig.run('train')).toThrow('an option is out of range');
    });
  });

  describe(`deeptrain and thintrain, ${binary}`, () => {
    const graph = (seed: number) => (seed % 3 ? randomMobile(seed) : randomModel(seed, 12));

    it.each([
      'deeptrain',
      'thintrain',
    ] as const)('%s holds both budgets, and takes the last layers first', async (method) => {
      let chosen = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 1e6 }),
          fc.integer({ min: 500, max: 40_000 }),
          fc.double({ min: 0.001, max: 1, noNaN: true }),
          async (seed, memory, compute) => {
            const model = graph(seed);
            const samples = support(model.input, [2, 2]);
            const tt = await TinyTrain.load(writeModel(model), { binary });
            const options = { method, memory, compute, augment: 'none', iterations: 2, lr: 1e-4 } as const;
            let report: Awaited<ReturnType<typeof tt.adapt>>;
            try {
              report = await tt.adapt(samples, options);
            } catch (error) {
              expect((error as Error).message).toMatch(
                /^(a (memory|compute) budget of|no layer fits both budgets)[^\n]+$/,
              );
              return;
            }
            chosen++;
            const { macs, draws, budgets, layers } = report;
            expect(report.memory.backwardBytes).toBeLessThanOrEqual(memory);
            expect(macs.backward).toBeLessThanOrEqual(budgets.backwardMacs);
            expect(draws).toBeGreaterThanOrEqual(1);
            expect(draws).toBeLessThanOrEqual(samples.length);
            // An iteration of the other optimisers has a way back of each pseudo-query and of each support sample.
            expect(macs.backward).toBeCloseTo((draws! * macs.draw) / (2 * samples.length), 6);
            expect(macs.adaptation).toBe(2 * draws! * macs.draw);
            if (method === 'deeptrain') {
              const scores = layers.flatMap(({ score }) => score ?? []);
              expect(scores).toEqual(scores.toSorted((a, b) => a - b));
              return;
            }
            expect(layers.every(({ score, fisher }) => score === null && fisher === null)).toBe(true);
            for (const { op, trains, selected, channels } of layers) {
              if (trains === 'nothing') continue;
              expect(trains).toBe(op === 'depthwise' ? 'weights' : 'bias');
              if (trains === 'weights') expect(selected).toHaveLength(channels);
            }
          },
        ),
        { numRuns: 60, seed: 4 },
      );
      expect(chosen).toBeGreaterThan(30);
    });

    it('thintrain takes each layer from the last to the first that the budgets hold beside those behind it', async () => {
      let skipped = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 1e6 }),
          fc.integer({ min: 2000, max: 20_000 }),
          fc.double({ min: 0.01, max: 0.3, noNaN: true }),
          async (seed, memory, compute) => {
            const model = graph(seed);
            const samples = support(model.input, [2, 2]);
            const tt = await TinyTrain.load(writeModel(model), { binary });
            const options = { method: 'thintrain', memory, compute, augment: 'none' } as const;
            const report = await tt.select(samples, options).catch(() => undefined);
            if (!report) return;
            const most = report.budgets.backwardMacs * 2 * samples.length;
            const rig = await Rig.create(binary, model, samples);
            const { control } = rig.engine;
            const behind: Job['selection'] = {};
            let draw = 0;
            for (const { index, name, op, channels, params, trains } of report.layers.toReversed()) {
              const all = Array.from({ length: channels }, (_, channel) => channel);
              const selection = { ...behind, [index]: op === 'depthwise' ? all : ('bias' as const) };
              rig.set({ optimizer: 'lomo', augment: 0, memoryBudget: memory, selection });
              rig.engine.cost();
              const [bytes, macs] = [control.get('backwardBytes'), control.get('backwardMacs')];
              // No gradient takes more than half of the memory.
              const gradient = 4 * (op === 'depthwise' ? params : channels);
              const fits = bytes <= memory && 2 * gradient <= memory && macs <= most;
              // One that the features don't depend on takes nothing more.
              if (macs > draw) expect([name, trains !== 'nothing']).toEqual([name, fits]);
              if (trains === 'nothing') skipped++;
              else {
                behind[index] = selection[index]!;
                draw = macs;
              }
            }
            expect(report.layers.filter(({ trains }) => trains !== 'nothing').length).toBeGreaterThan(0);
          },
        ),
        { numRuns: 30, seed: 5 },
      );
      expect(skipped).toBeGreaterThan(10);
    });

    it('thintrain reaches as deep as deeptrain in less memory, by more samples for the same MACs', async () => {
      const model = deepNetwork();
      const samples = support(model.input, [6, 6]);
      const tt = await TinyTrain.load(writeModel(model), { binary });
      const options = { compute: '15%', iterations: 1 } as const;
      const deep = await tt.adapt(samples, { ...options, memory: '64KB', method: 'deeptrain' });
      const thin = await tt.adapt(samples, { ...options, memory: '32KB', method: 'thintrain' });
      const first = ({ layers }: typeof deep) => layers.findIndex(({ trains }) => trains !== 'nothing');
      expect(first(thin)).toBeLessThanOrEqual(first(deep));
      expect(thin.draws!).toBeGreaterThan(deep.draws!);
      expect(thin.macs.backward).toBeLessThanOrEqual(thin.budgets.backwardMacs);
      expect(thin.patch.bytes).toBeLessThan(0.6 * deep.patch.bytes);
      expect(thin).toMatchObject({ optimizer: 'lomo', criterion: 'depth', lr: 1e-3 });
    });

    it('reaches further back than tinytrain in the same memory, where it has the compute of a step', async () => {
      const model = deepNetwork();
      const samples = support(model.input, [3, 3]);
      const tt = await TinyTrain.load(writeModel(model), { binary });
      const depth = async (method: 'tinytrain' | 'deeptrain') => {
        const { layers, macs } = await tt.select(samples, { method, memory: '64KB', compute: '15%', augment: 'none' });
        const first = layers.findIndex(({ selected }) => selected.length > 0);
        return { first, left: 0.15 * macs.fullBackward - macs.backward };
      };
      const [tiny, deep] = [await depth('tinytrain'), await depth('deeptrain')];
      expect(deep.first).toBeLessThan(tiny.first);
      expect(deep.left).toBeGreaterThanOrEqual(0);
    });
  });
}
