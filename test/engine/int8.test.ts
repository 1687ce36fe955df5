import { describe, expect, it } from 'vitest';
import { layersOf, type Model, quantisationOf } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { Binary } from '../../src/types.js';
import { describeWithData } from '../data.js';
import { readDump } from '../dumps.js';
import { dequantiseModel } from '../quantise/dequantise.js';
import { forwardFrom } from '../reference/forward.js';
import { int8All, quantise } from '../reference/int8.js';
import { deepNetwork, everyOperator, int8Of, randomMobile, randomModel, support } from './networks.js';
import { parsePatch } from './patch.js';
import { BINARIES, everyLayer, type Job, Rig } from './rig.js';

const NETWORKS: [string, Model][] = [
  ['every operator', everyOperator()],
  ['deep', deepNetwork()],
  ...[1, 2, 3, 4, 5, 6].map((seed): [string, Model] => [`random ${seed}`, randomModel(seed, 12)]),
  ...[1, 2, 3, 4].map((seed): [string, Model] => [`mobile ${seed}`, randomMobile(seed)]),
];

const create = (binary: Binary, model: Model, outside: boolean) =>
  Rig.create(binary, model, support(model.input, [2, 2]), outside);

/** Features of a sample. */
function embed(rig: Rig): Float32Array {
  rig.run('embed');
  return rig.engine.floats('featuresPointer', rig.engine.control.get('featureCount'));
}

/** What a training job gives, and what the adapted network then says of a sample. */
async function train(binary: Binary, model: Model, job: Job, outside: boolean) {
  const rig = await create(binary, model, outside);
  rig.set({ iterations: 2, optimizer: 'adam', ...job });
  rig.run('train');
  const { loss } = rig;
  const backward = rig.engine.control.get('backwardBytes');
  const macs = rig.engine.control.get('backwardMacs');
  const patch = rig.patch();
  const rows = layersOf(model).map((layer) => layer.weights!.length / layer.out[2]);
  const trained = embed(rig);
  rig.reset();
  rig.engine.apply(patch);
  return { loss, backward, macs, patch: parsePatch(patch, (l) => rows[l]!), trained, applied: embed(rig) };
}

for (const binary of BINARIES) {
  describe(`an int8 network, ${binary}`, () => {
    it.each(NETWORKS)('computes its features in int8 to the end: %s', async (_, model) => {
      const small = int8Of(model);
      const image = quantise(support(model.input, [2, 2])[0]!.image as Float32Array, small.image!);
      const { scale, zero } = quantisationOf(small, small.operators.length)!;
      const expected = Float32Array.from(int8All(small, image).at(-1)!, (q) => Math.fround(q - zero) * scale);
      for (const outside of [false, true]) expect(embed(await create(binary, small, outside))).toEqual(expected);
    });

    it.each(NETWORKS)('of which everything is trained gives the bits of its float network: %s', async (_, model) => {
      const small = int8Of(model);
      const job: Job = { selection: everyLayer(model), augment: 3 };
      // Nothing before the first layer: the border is at the image.
      if (model.operators.findIndex((o) => o.weights) > 0) return;
      const float = await train(binary, dequantiseModel(small), job, true);
      for (const outside of [false, true]) {
        const int8 = await train(binary, small, job, outside);
        expect(int8).toEqual({ ...float, patch: { ...float.patch, model: int8.patch.model } });
      }
    });

    it.each(NETWORKS)('gives the same bits with its weights outside, and after its patch: %s', async (_, model) => {
      const small = int8Of(model);
      const layers = layersOf(model);
      for (const from of [layers.length - 1, layers.length >> 1]) {
        for (const job of [
          { selection: everyLayer(model, from), augment: 3 },
          { selection: everyLayer(model, from), optimizer: 'momentum', variants: 2, augment: 1 },
          { selection: everyLayer(model, from), memoryBudget: 1 },
        ] as Job[]) {
          const inside = await train(binary, small, job, false);
          expect(await train(binary, small, job, true)).toEqual(inside);
          expect(inside.applied).toEqual(inside.trained);
        }
      }
    });

    it.each(NETWORKS)('goes on in floats from its border: %s', async (_, model) => {
      const small = int8Of(model);
      const image = quantise(support(model.input, [2, 2])[0]!.image as Float32Array, small.image!);
      const values = int8All(small, image).map((each, v) => {
        const { scale, zero } = quantisationOf(small, v)!;
        return Float64Array.from(each, (q) => (q - zero) * scale);
      });
      const layer = layersOf(model).length >> 1;
      const border = model.operators.indexOf(layersOf(model)[layer]!);
      const expected = forwardFrom(dequantiseModel(small), values.slice(0, border + 1)).at(-1)!;
      const rig = await create(binary, small, false);
      rig.set({ selection: { [layer]: 'all' } });
      const size = Math.max(...expected.map(Math.abs));
      for (const [i, x] of embed(rig).entries()) expect(Math.abs(x - expected[i]!)).toBeLessThan(1e-5 * size + 1e-6);
    });

    it('needs less memory than a network of floats', async () => {
      const model = deepNetwork();
      const peak = async (of: Model) => {
        const rig = await create(binary, of, true);
        rig.set({ selection: everyLayer(model, layersOf(model).length - 1), variants: 2, augment: 1 });
        rig.run('train');
        const { control } = rig.engine;
        return control.get('planHigh') - control.get('planLow');
      };
      expect(await peak(int8Of(model))).toBeLessThan(0.5 * (await peak(model)));
    });
  });

  describeWithData(`int8 networks to their features, ${binary}`, () => {
    it.each(['mcunet-5fps', 'mbv2-w0.35', 'proxyless-w0.3'])('%s', async (network) => {
      const { model, image, traces } = readDump(network);
      const floats = Float32Array.from(image, (q) => (q - model.image!.zero) * model.image!.scale);
      const rig = await Rig.create(binary, model, [
        { image: floats, label: 'a' },
        { image: floats, label: 'b' },
      ]);
      const { scale, zero } = quantisationOf(model, model.operators.length)!;
      const features = Array.from(embed(rig), (x) => Math.round(x / scale) + zero);
      // One number that is rounded the other way spreads: see the README of the dumps.
      for (const [i, q] of features.entries()) expect(Math.abs(q - traces.at(-1)![i]!)).toBeLessThanOrEqual(10);
    });
  });
}

describe('both binaries', () => {
  it.each(NETWORKS)('give the same bits: %s', async (__, model) => {
    const small = int8Of(model);
    const job: Job = { selection: everyLayer(model, layersOf(model).length >> 1), augment: 3, variants: 2 };
    // Their kernels take different scratch.
    const { backward: _, ...scalar } = await train('scalar', small, job, false);
    expect(await train('simd', small, job, false)).toMatchObject(scalar);
  });
});

describe('the criterion l2', () => {
  it.each(['scalar', 'simd'] as const)('reads int8 weights as the floats that they stand for, %s', async (binary) => {
    const small = int8Of(deepNetwork());
    const criterion = 'l2';
    const select = async (model: Model) => {
      const tt = await TinyTrain.load(writeModel(model), { binary });
      const { layers } = await tt.select(support(model.input, [3, 3]), { criterion, memory: '1GB', compute: '40%' });
      return layers;
    };
    const [int8, float] = [await select(small), await select(dequantiseModel(small))];
    expect(int8.some(({ op }) => op === 'depthwise')).toBe(true);
    for (const [i, { score, selected }] of int8.entries()) {
      expect(float[i]!.score).toBeGreaterThan(0);
      expect(Math.abs(score! / float[i]!.score! - 1)).toBeLessThan(1e-6);
      expect(selected).toEqual(float[i]!.selected);
    }
    expect(int8.some(({ selected, channels }) => selected.length > 0 && selected.length < channels)).toBe(true);
  });
});
