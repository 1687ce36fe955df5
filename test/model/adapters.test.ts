import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { addAdapters } from '../../src/adapters.js';
import { loadEngine, loadImporter } from '../../src/cli/load.js';
import { layersOf, type Model } from '../../src/model/model.js';
import { readModel } from '../../src/model/read.js';
import { writeModel } from '../../src/model/write.js';
import { importOnnx } from '../../src/onnx/index.js';
import { isAdapter } from '../../src/selection.js';
import { TinyTrain } from '../../src/tinytrain.js';
import { tinytrain } from '../cli/harness.js';
import { dataFile, describeWithData, goldenTensors } from '../data.js';
import { deepNetwork, int8Of, Network, RELU, support } from '../engine/networks.js';
import { fromChw } from '../reference/forward.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'tinytrain-adapters-'));
afterAll(() => rmSync(work, { recursive: true }));
const run = (...args: string[]) =>
  tinytrain(root, args, { engine: loadEngine, importOnnx: loadImporter, root: new URL('../../', import.meta.url) });

/** Blocks of every form: without expansion, with stride 2, with a sum, with a sum that is clipped; odd sizes. */
function blocks(): Model {
  const network = new Network([13, 11, 3]).convolution(4, { kernel: [3, 3], padding: [1, 1, 1, 1], limit: 6 });
  const padding = [1, 1, 1, 1] as [number, number, number, number];
  network.depthwise({ limit: 6 }).convolution(6);
  network
    .convolution(12, { limit: 6 })
    .depthwise({ limit: 6, stride: [2, 2], padding })
    .convolution(8);
  let input = network.last;
  network.convolution(16, { limit: RELU }).depthwise({ limit: RELU }).convolution(8).add(input);
  input = network.last;
  network.convolution(16, { limit: 6 }).depthwise({ limit: 6 }).convolution(8).add(input, { limit: RELU });
  return network.mean().model();
}

const without = (name: string) => name.replace(/\.adapter\..*/, '');

describe('adapters', () => {
  const model = blocks();
  const wide = addAdapters(model);

  it('stand beside every block, with its stride, and are added to its output', () => {
    const adapters = layersOf(wide).filter(isAdapter);
    const ends = ['convolution2', 'convolution5', 'addition9', 'addition13'];
    expect(adapters.map(({ name }) => name)).toEqual(ends.flatMap((end) => [`${end}.adapter.dw`, `${end}.adapter.pw`]));
    expect(adapters.map(({ in: from, out, stride }) => [from, out, stride])).toEqual([
      [
        [13, 11, 4],
        [13, 11, 4],
        [1, 1],
      ],
      [
        [13, 11, 4],
        [13, 11, 6],
        [1, 1],
      ],
      [
        [13, 11, 6],
        [7, 6, 6],
        [2, 2],
      ],
      [
        [7, 6, 6],
        [7, 6, 8],
        [1, 1],
      ],
      ...Array.from({ length: 4 }, () => [
        [7, 6, 8],
        [7, 6, 8],
        [1, 1],
      ]),
    ]);
    const sums = wide.operators.filter(({ name }) => name.endsWith('.adapter.add'));
    expect(sums.map(({ name, limit }) => [without(name), limit])).toEqual(
      ends.map((end) => [end, end === 'addition13' ? RELU : null]),
    );
    expect(wide.operators.find(({ name }) => name === 'addition13')!.limit).toBeNull();
    expect(wide.operators).toHaveLength(model.operators.length + 3 * ends.length);
    // The same network in the same order, and the same file each time.
    expect(wide.operators.filter((o) => !isAdapter(o)).map(({ name }) => name)).toEqual(
      model.operators.map(({ name }) => name),
    );
    expect(writeModel(addAdapters(blocks()))).toEqual(writeModel(wide));
  });

  it.each(['scalar', 'simd'] as const)('change no feature until they are trained, %s', async (binary) => {
    const [a, b] = await Promise.all([model, wide].map((m) => TinyTrain.load(writeModel(m), { binary })));
    const samples = support(model.input, [4, 4]);
    for (const { image } of samples) expect(b!.embed(image)).toEqual(a!.embed(image));
    const before = b!.embed(samples[0]!.image);
    const { layers, loss } = await b!.adapt(samples, { method: 'tinytl', lr: 0.02, iterations: 20, augment: 'none' });
    expect(b!.embed(samples[0]!.image)).not.toEqual(before);
    expect(loss.at(-1)).toBeLessThan(0.9 * loss[0]!);
    const last = layers.findLast((layer) => !isAdapter(layer))!.name;
    for (const { name, trains } of layers)
      expect([name, trains]).toEqual([name, isAdapter({ name }) || name === last ? 'weights' : 'bias']);
    b!.reset();
    expect(b!.embed(samples[0]!.image)).toEqual(before);
  });

  it('lastlayer is the last layer of the network itself', async () => {
    const end = new Network([6, 6, 3]).convolution(4, { limit: 6 }).depthwise({ limit: 6 }).convolution(5).model();
    const tt = await TinyTrain.load(writeModel(addAdapters(end)));
    const { layers } = await tt.select(support(end.input, [2, 2]), { method: 'lastlayer' });
    expect(layers.filter(({ trains }) => trains !== 'nothing').map(({ name }) => name)).toEqual(['convolution2']);
  });

  it('are refused in one line where they cannot be, or are missing', async () => {
    expect(() => addAdapters(wide)).toThrow('has adapters already');
    expect(() => addAdapters(int8Of(deepNetwork()))).toThrow('is int8: give the float network');
    const plain = new Network([6, 6, 3]).convolution(4, { limit: 6 }).mean().model();
    expect(() => addAdapters(plain)).toThrow('has no inverted residual block');
    const tt = await TinyTrain.load(writeModel(model));
    await expect(tt.select(support(model.input, [2, 2]), { method: 'tinytl' })).rejects.toThrow(
      /^the model has no adapters for method tinytl: tinytrain import --adapters adds them$/,
    );
  });
});

describe('tinytrain import --adapters', () => {
  it('takes a .ttm file; the features of the golden images stay', async () => {
    const output = join(work, 'wide.ttm');
    const { status, out, err } = await run('import', join(root, 'models/default.ttm'), '-o', output, '--adapters');
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(/b1\.pw2\.adapter\.dw +depthwise +float32 +5x5 +2x2/);
    const [plain, wide] = await Promise.all([TinyTrain.load('default'), TinyTrain.load(readFileSync(output))]);
    for (const { image } of support(plain.model.input, [1, 1])) expect(wide.embed(image)).toEqual(plain.embed(image));
    const again = await run('import', output, '-o', join(work, 'x.ttm'), '--adapters');
    expect(again).toMatchObject({ status: 1, err: `tinytrain: ${output}: has adapters already\n` });
    writeFileSync(join(work, 'bad.ttm'), 'TTM1 and nothing more');
    const bad = await run('import', join(work, 'bad.ttm'), '-o', join(work, 'x.ttm'), '--adapters');
    expect(bad.err).toMatch(/bad\.ttm: not a usable \.ttm model: .*\n$/);
    expect(existsSync(join(work, 'x.ttm'))).toBe(false);
  });
});

describeWithData('adapters of the pre-trained networks', () => {
  it.each(['mcunet-5fps', 'mbv2-w0.35', 'proxyless-w0.3'])('%s: golden outputs', async (name) => {
    const bytes = importOnnx(dataFile(`models/${name}.onnx`));
    const wide = addAdapters(readModel(bytes));
    const blocks = wide.operators.filter(({ op }) => op === 'depthwise').length / 2;
    expect(layersOf(wide).filter(isAdapter)).toHaveLength(2 * blocks);
    const [a, b] = await Promise.all([TinyTrain.load(bytes), TinyTrain.load(writeModel(wide))]);
    const golden = goldenTensors(name);
    const { values, shape } = golden.input!;
    const size = values.length / shape[0]!;
    for (let i = 0; i < shape[0]!; i++) {
      const image = Float32Array.from(fromChw(values.subarray(i * size, (i + 1) * size), [128, 128, 3]));
      const features = b.embed(image);
      expect(features).toEqual(a.embed(image));
      const expected = golden.features!.values.subarray(i * features.length, (i + 1) * features.length);
      for (const [k, x] of features.entries()) expect(Math.abs(x - expected[k]!)).toBeLessThan(3e-5);
    }
  });
});
