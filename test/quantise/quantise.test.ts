import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadEngine, loadImporter } from '../../src/cli/load.js';
import { readModel } from '../../src/model/read.js';
import { writeModel } from '../../src/model/write.js';
import { openData, readAll } from '../../src/node/data.js';
import { type QuantizeReport, quantize, RANGES } from '../../src/quantise/index.js';
import { quantisationFor } from '../../src/quantise/model.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { InspectReport } from '../../src/types.js';
import { tinytrain } from '../cli/harness.js';
import { deepNetwork, everyOperator, int8Of, support } from '../engine/networks.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'tinytrain-quantize-'));
afterAll(() => rmSync(work, { recursive: true }));
const run = (...args: string[]) =>
  tinytrain(root, args, { engine: loadEngine, importOnnx: loadImporter, root: new URL('../../', import.meta.url) });

describe('quantize', () => {
  it.each(RANGES)('makes an int8 network that is near the float one, ranges by %s', async (range) => {
    for (const model of [everyOperator(), deepNetwork()]) {
      const samples = support(model.input, [4, 4, 4]);
      const { bytes, report } = await quantize(writeModel(model), samples, { range });
      const small = readModel(bytes);
      expect(small.operators.every((operator) => operator.int8)).toBe(true);
      expect(report).toMatchObject({ model: model.name, range, images: 12, classes: 3 });
      expect(report.accuracy.after).toBeGreaterThanOrEqual(report.accuracy.before - 17);
      expect(report.layers.map((layer) => layer.name)).toEqual(
        model.operators.filter((operator) => operator.weights).map((operator) => operator.name),
      );
      for (const { error, added } of report.layers) {
        expect(error).toBeLessThan(0.15);
        expect(added).toBeLessThanOrEqual(error);
      }
      const [a, b] = await Promise.all([TinyTrain.load(writeModel(model)), TinyTrain.load(bytes)]);
      const [f, g] = [a.embed(samples[0]!.image), b.embed(samples[0]!.image)];
      const size = Math.hypot(...f);
      expect(Math.hypot(...f.map((x, i) => x - g[i]!))).toBeLessThan(0.15 * size);
    }
  });

  it('gives zero a number of its own, and values at most half a step of error inside the range', () => {
    for (const [min, max] of [
      [0, 6],
      [-1, 1],
      [-3.7, 0.2],
      [0.5, 2],
      [-2, -1],
      [0, 0],
    ] as const) {
      const { scale, zero } = quantisationFor({ min, max });
      expect(Number.isInteger(zero) && zero >= -128 && zero <= 127).toBe(true);
      for (let i = 0; i <= 100; i++) {
        const x = min + ((max - min) * i) / 100;
        const q = Math.min(Math.max(Math.round(x / scale) + zero, -128), 127);
        expect(Math.abs((q - zero) * scale - x)).toBeLessThanOrEqual(
          scale * (i === 0 || i === 100 ? 1.001 : 0.501) + 1e-12,
        );
      }
    }
  });

  it('refuses what cannot be quantised, in one line', async () => {
    const model = everyOperator();
    const samples = support(model.input, [2, 2]);
    const { bytes } = await quantize(writeModel(model), samples);
    await expect(quantize(bytes, samples)).rejects.toThrow(
      /^model every operator is int8 already: give the float network/,
    );
    await expect(quantize(writeModel(model), samples.slice(0, 2))).rejects.toThrow('2 images of 1 classes');
    await expect(quantize(writeModel(model), samples, { range: 'all' as 'mse' })).rejects.toThrow(
      'range must be one of',
    );
  });
});

describe('tinytrain quantize', () => {
  it('makes models/default.int8.ttm of the default network, with its accuracy', async () => {
    const output = join(work, 'default.int8.ttm');
    const { status, out, err } = await run('quantize', 'default', '-o', output, '--data', join(root, 'demo'), '--json');
    expect([status, err]).toEqual([0, '']);
    const report = JSON.parse(out) as QuantizeReport;
    expect(report.accuracy.after).toBeGreaterThan(report.accuracy.before - 2);
    const made = readFileSync(output);
    expect(made.length).toBeLessThan(800 * 1024);
    const shipped = readFileSync(join(root, 'models/default.int8.ttm'));
    expect(Buffer.compare(made, shipped), 'the default network has changed: see offline/README.md').toBe(0);
  });

  it('says what it did, and what is wrong', async () => {
    const output = join(work, 'small.ttm');
    const data = join(root, 'demo');
    const { status, out } = await run(
      'quantize',
      'small',
      '-o',
      output,
      '--data',
      data,
      '--images',
      '20',
      '--range',
      'minmax',
    );
    expect(status).toBe(0);
    expect(out).toMatch(
      /^model {5}small, ranges by minmax over 20 images of 5 classes\naccuracy .*% before, .*% after/,
    );
    expect(out).toContain(`written   ${output}`);
    const again = await run('quantize', output, '-o', join(work, 'x.ttm'), '--data', data);
    expect(again).toMatchObject({ status: 1, err: expect.stringMatching(/is int8 already: give the float network/) });
    expect((await run('quantize', 'small', '-o', join(work, 'x.ttm'), '--data', data, '--range', 'all')).status).toBe(
      2,
    );
    expect((await run('quantize', 'small', '-o', join(work, 'none/x.ttm'), '--data', data)).err).toContain(
      'cannot write',
    );
  });
});

describe('tinytrain inspect', () => {
  it('says which layers are int8', async () => {
    const types = async (model: string) => {
      const { model: whole, layers } = JSON.parse((await run('inspect', model, '--json')).out) as InspectReport;
      return [whole.type, ...new Set(layers.map((layer) => layer.type))];
    };
    expect(await types('default')).toEqual(['float32', 'float32']);
    expect(await types('default-int8')).toEqual(['int8', 'int8']);
    const { out } = await run('inspect', 'default-int8');
    expect(out).toMatch(/^type {6}int8$/m);
    expect(out).toMatch(/^ *0 {2}\S+ +conv2d +int8 +3x3 /m);
    const model = everyOperator();
    const mixed = int8Of(model);
    const last = mixed.operators.length - 1;
    mixed.operators[last] = model.operators[last]!;
    const path = join(work, 'mixed.ttm');
    writeFileSync(path, writeModel(mixed));
    expect(await types(path)).toEqual(['mixed', 'int8', ...(model.operators[last]!.weights ? ['float32'] : [])]);
  });
});

describe('the int8 default network', () => {
  it('adapts to the demo as the float one does', async () => {
    const data = await openData(join(root, 'demo'));
    const accuracy = async (name: string, ram?: number) => {
      const tt = await TinyTrain.load(name);
      const samples = await readAll(data, tt.model.input);
      const shot = new Map<string, number>();
      const isSupport = samples.map(({ label }) => {
        shot.set(label, (shot.get(label) ?? 0) + 1);
        return shot.get(label)! <= 5;
      });
      const report = await tt.adapt(
        samples.filter((_, i) => isSupport[i]),
        { iterations: 15, ...(ram && { ram }) },
      );
      const queries = samples.filter((_, i) => !isSupport[i]);
      const right = queries.filter(({ image, label }) => tt.classify(image).label === label).length;
      return { share: right / queries.length, peak: report.memory.peakBytes };
    };
    const float = await accuracy('default');
    // Where RAM has no limit, training keeps the floats of what it goes through.
    const int8 = await accuracy('default-int8');
    const limited = await accuracy('default-int8', Math.floor(0.3 * float.peak));
    // Of 100 queries each is one percent, and one task says little.
    for (const { share } of [int8, limited]) expect(share).toBeGreaterThan(float.share - 0.06);
    expect(int8.peak).toBeLessThan(float.peak);
    expect(limited.peak).toBeLessThan(0.3 * float.peak);
  });
});
