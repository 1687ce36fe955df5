import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DEFAULTS, TRAINING } from '../../src/defaults.js';
import { writeModel } from '../../src/model/ttm.js';
import { natural } from '../../src/node/natural.js';
import { classNames } from '../../src/patchfile.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { AdaptOptions, Method } from '../../src/types.js';
import { deepNetwork, everyOperator, Network, RELU, support } from '../engine/networks.js';
import { Program } from './tools.js';

/** Figures of the engine under WAMR against those in Node: the same bytes, the same memory. */
export function patches(file: string): void {
  const program = new Program(file);
  const models = { every: everyOperator(), deep: deepNetwork() };
  const samples = { every: program.add('every', models.every), deep: program.add('deep', models.deep) };

  const cases: [keyof typeof models, AdaptOptions][] = [
    ['every', { method: 'tinytrain', iterations: 3 }],
    ['every', { method: 'tinytrain', iterations: 3, variants: 0, augment: 'noflip', compute: '60%', seed: 7 }],
    ['every', { method: 'lastlayer', iterations: 3, variants: 2, lr: 0.01, temperature: 5 }],
    ['every', { method: 'biasonly', iterations: 2, optimizer: 'sgd', augment: 'none' }],
    ['every', { method: 'none' }],
    ['every', { method: 'tinytrain', iterations: 3, ram: 15_200 }],
    ['deep', { method: 'tinytrain', iterations: 2, variants: 1, criterion: 'fisher', memory: '8KB', compute: 400_000 }],
    ['deep', { method: 'tinytrain', iterations: 2, variants: 2, compute: 1, ram: '48KB', memory: '32KB' }],
    ['deep', { method: 'lastlayer', iterations: 2, variants: 1, optimizer: 'momentum' }],
    ['deep', { method: 'fulltrain', iterations: 2, variants: 1 }],
  ];
  it.each(cases)('%s, %o: the patch equals that of Node, byte for byte', async (model, options) => {
    const node = await TinyTrain.load(writeModel(models[model]), { binary: 'scalar' });
    const expected = await node.adapt(samples[model], options);
    const flags = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const report = program.run(model, ...flags);
    expect(Buffer.compare(program.patch(), node.patch())).toBe(0);
    expect(report.loss.map(Math.fround)).toEqual(expected.loss);
    expect(report.augment).toEqual(expected.augment);
    expect(report.memory.backwardBytes).toBe(expected.memory.backwardBytes);
    expect(report.budgets.backwardMacs).toBe(expected.budgets.backwardMacs);
    const frozen = options.method === 'tinytrain' || options.method === 'lastlayer';
    expect(report.memory.keptBytes > 0).toBe(frozen && options.variants !== 0);
    if (!options.ram) return;
    expect(report.memory.peakBytes).toBe(expected.memory.peakBytes);
    expect(report.memory.linearBytes).toBe(report.budgets.ramBytes);
  });

  it.each(['tinytrain', 'lastlayer', 'fulltrain', 'biasonly'] as Method[])('%s has the defaults of Node', (method) => {
    const report = program.run('every', '--method', method, '--iterations', '0');
    const { optimizer, lr } = TRAINING[method];
    const { variants, temperature } = DEFAULTS;
    expect(report).toMatchObject({ optimizer, lr: expect.closeTo(lr, 8), variants, temperature });
    expect(Math.fround(report.lr)).toBe(Math.fround(lr));
    expect(report.budgets.memoryBytes).toBe(1 << 20);
  });

  it('runs as many iterations as Node unless it is told', () => {
    const { method, iterations } = program.run('every', '--method', 'none');
    expect({ method, iterations }).toEqual({ method: 'none', iterations: DEFAULTS.iterations });
    expect(program.run('every').loss).toHaveLength(DEFAULTS.iterations);
  });

  it('needs no byte more than the arena that it reports', () => {
    const flags = ['--method', 'tinytrain', '--iterations', '2'];
    const { arenaNeeded, linearBytes } = program.run('every', ...flags).memory;
    const patch = program.patch();
    const exact = program.run('every', ...flags, '--arena', String(arenaNeeded)).memory;
    expect(program.patch()).toEqual(patch);
    expect(exact.arenaNeeded).toBe(arenaNeeded);
    expect(exact.linearBytes).toBe(exact.peakBytes);
    expect(exact.linearBytes).toBeLessThan(linearBytes);
    expect(program.refusal('every', ...flags, '--arena', String(arenaNeeded - 16))).toBe(
      `1 tinytrain-wamr: the run needs an arena of ${arenaNeeded} bytes, and has ${arenaNeeded - 16}`,
    );
  });

  it('holds less than the model in memory', () => {
    const large = new Network([8, 8, 3])
      .convolution(64, { limit: RELU })
      .convolution(256)
      .convolution(512)
      .mean()
      .model();
    program.add('large', large, [2, 2]);
    const bytes = readFileSync(program.path('large.ttm')).length;
    const { memory } = program.run('large', '--method', 'none');
    expect(memory.peakBytes).toBeLessThan(0.5 * bytes);
  });

  it('takes classes in the order in which Node does', () => {
    const names = ['a', 'a1', 'a01', 'a2', 'a10', 'a-', 'a-1', 'ab', 'A', '7', '007', '10', '-1', '1b2', '1b10', '1b'];
    for (const label of names) program.sample(`names/${label}/0`, samples.every[0]!.image as Float32Array);
    program.run('every', '--support', program.path('names'), '--method', 'none');
    expect(classNames(program.patch())).toEqual(names.toSorted(natural));
  });

  it('gives a larger arena when the engine asks for one', async () => {
    // 25 MB of activations.
    const wide = new Network([512, 512, 3]).convolution(24, { limit: RELU }).mean().model();
    const two = program.add('wide', wide, [1, 1]);
    const { memory } = program.run('wide', '--method', 'none', '--iterations', '0');
    expect(memory.arenaNeeded).toBeGreaterThan(25e6);
    const node = await TinyTrain.load(writeModel(wide), { binary: 'scalar' });
    await node.adapt(two, { method: 'none', iterations: 0 });
    expect(Buffer.compare(program.patch(), node.patch())).toBe(0);
  });

  it('classifies as Node does, after adapting and with a saved patch', async () => {
    const node = await TinyTrain.load(writeModel(models.every), { binary: 'scalar' });
    const options: AdaptOptions = { method: 'lastlayer', iterations: 2 };
    await node.adapt(samples.every, options);
    const queries = support(models.every.input, [3, 4, 5], 99);
    const expected: Record<string, { label: string; cosine: number }> = {};
    for (const [i, { label, image }] of queries.entries()) {
      program.sample(`queries/${label}/q${i}`, image as Float32Array);
      const found = node.classify(image);
      expected[`${label}/q${i}.f32`] = { label: found.label, cosine: found.scores[found.label]! };
    }
    const check = (report: { accuracy: number; queries: { sample: string; label: string; cosine: number }[] }) => {
      const found = report.queries.map(({ sample, label, cosine }) => [sample, { label, cosine: Math.fround(cosine) }]);
      expect(Object.fromEntries(found)).toEqual(expected);
      const right = Object.entries(expected).filter(([sample, { label }]) => sample.split('/')[0] === label);
      expect(report.accuracy).toBeCloseTo(right.length / queries.length, 5);
    };
    const flags = ['--queries', program.path('queries')];
    check(program.run('every', '--method', 'lastlayer', '--iterations', '2', ...flags));
    const saved = program.path('saved.ttd');
    writeFileSync(saved, program.patch());
    check(program.run('every', '--patch', saved, ...flags));
    const { memory } = program.run('every', '--patch', saved, ...flags);
    const exact = program.run('every', '--patch', saved, ...flags, '--ram', String(memory.peakBytes));
    check(exact);
    expect(exact.memory.linearBytes).toBe(memory.peakBytes);
  });
}
