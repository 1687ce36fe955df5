import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DEFAULTS, TRAINING } from '../../src/defaults.js';
import type { Model } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import { natural } from '../../src/node/natural.js';
import { classNames } from '../../src/patchfile.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { AdaptOptions, Method, Sample } from '../../src/types.js';
import { deepNetwork, everyOperator, int8Of, Network, randomMobile, support } from '../engine/networks.js';
import { Program } from './tools.js';

/** Many operators of small values: the tables of the planner reach beyond what it plans. */
function chain(): Model {
  const net = new Network([8, 8, 3]).convolution(8, {
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1, 1, 1],
    limit: 6,
  });
  for (let i = 0; i < 6; i++) net.convolution(16, { limit: 6 }).depthwise({ limit: 6 }).convolution(8);
  return net.mean().model('chain');
}

/** Many features: what is kept for each is much beside the rest. */
function wide(): Model {
  const window: Parameters<Network['convolution']>[1] = {
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1, 1, 1],
    limit: 6,
  };
  return new Network([16, 16, 3])
    .convolution(8, window)
    .convolution(8, window)
    .convolution(256, { limit: 6 })
    .mean()
    .model('wide');
}

const MODELS = {
  every: everyOperator(),
  deep: deepNetwork(),
  int8: int8Of(deepNetwork()),
  chain: chain(),
  small: int8Of(chain()),
  wide: wide(),
  mobile1: randomMobile(1),
  mobile2: randomMobile(2),
  mobile3: randomMobile(3),
  mobile4: randomMobile(4),
};
type Case = [keyof typeof MODELS, AdaptOptions];

/** Models and options whose patches are compared. */
export const CASES: Case[] = [
  ['every', { method: 'tinytrain', iterations: 3 }],
  ['every', { method: 'tinytrain', iterations: 3, variants: 0, augment: 'noflip', compute: '60%', seed: 7 }],
  ['every', { method: 'lastlayer', iterations: 3, variants: 2, lr: 0.01, temperature: 5 }],
  ['every', { method: 'biasonly', iterations: 2, optimizer: 'sgd', augment: 'none' }],
  ['every', { method: 'deeptrain', iterations: 3, lr: 1e-3 }],
  ['every', { method: 'deeptrain', iterations: 3, criterion: 'tinytrain', compute: '40%', ram: 15_600 }],
  ['every', { method: 'thintrain', iterations: 3 }],
  ['deep', { method: 'thintrain', iterations: 2, memory: '8KB', compute: '40%' }],
  ['int8', { method: 'thintrain', iterations: 2, ram: '48KB', memory: '16KB', variants: 2 }],
  ['every', { method: 'fulltrain', iterations: 2, optimizer: 'lomo', lr: 1e-3, augment: 'none' }],
  ['every', { method: 'none' }],
  ['every', { method: 'none', views: 2 }],
  ['every', { method: 'tinytrain', iterations: 2, views: 6, ram: 15_600 }],
  ['every', { method: 'tinytrain', iterations: 3, ram: 15_600 }],
  ['deep', { method: 'tinytrain', iterations: 2, variants: 1, criterion: 'fisher', memory: '8KB', compute: 400_000 }],
  ['deep', { method: 'tinytrain', iterations: 2, variants: 2, compute: 1, ram: '48KB', memory: '32KB' }],
  ['deep', { method: 'lastlayer', iterations: 2, variants: 1, optimizer: 'momentum' }],
  ['deep', { method: 'fulltrain', iterations: 2, variants: 1 }],
  ['int8', { method: 'tinytrain', iterations: 2, variants: 1 }],
  ['int8', { method: 'tinytrain', iterations: 2, variants: 2, compute: 1, ram: '48KB', memory: '32KB' }],
  ['int8', { method: 'deeptrain', iterations: 2, ram: '48KB', memory: '16KB', variants: 2 }],
  ['int8', { method: 'none' }],
  ['int8', { method: 'tinytrain', iterations: 2, variants: 1, views: 3 }],
  ['chain', { method: 'tinytrain', iterations: 2, variants: 1, views: 6 }],
  ['small', { method: 'none', views: 2 }],
  ['wide', { method: 'tinytrain', iterations: 1, variants: 1, views: 2 }],
  ['mobile1', { method: 'tinytrain', iterations: 1, variants: 1, views: 2 }],
  ['mobile2', { method: 'fulltrain', iterations: 1, variants: 1, views: 2 }],
  ['mobile3', { method: 'none', views: 2 }],
  ['mobile4', { method: 'lastlayer', iterations: 1, variants: 1, views: 2 }],
];

/** Figures of the engine under WAMR against those in Node: the same bytes, the same answers. */
export function patches(file: string, cases: Case[]): void {
  const program = new Program(file);
  const samples = Object.fromEntries(
    Object.entries(MODELS).map(([name, model]) => [name, program.add(name, model)]),
  ) as Record<keyof typeof MODELS, Sample[]>;

  it.each(cases)('%s, %o: the patch equals that of Node, byte for byte', async (model, options) => {
    const node = await TinyTrain.load(writeModel(MODELS[model]), { binary: 'scalar' });
    const expected = await node.adapt(samples[model], options);
    const flags = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const report = program.run(model, ...flags);
    expect(Buffer.compare(program.patch(), node.patch())).toBe(0);
    expect(report.loss.map(Math.fround)).toEqual(expected.loss);
    expect(report.augment).toEqual(expected.augment);
    expect(report.memory.backwardBytes).toBe(expected.memory.backwardBytes);
    expect(report.budgets.backwardMacs).toBe(expected.budgets.backwardMacs);
    const frozen = options.method === 'tinytrain' || options.method === 'lastlayer';
    if (options.method !== 'deeptrain' && options.method !== 'thintrain') {
      expect(report.memory.keptBytes > 0).toBe(frozen && options.variants !== 0);
    }
    if (!options.ram) return;
    expect(report.memory.peakBytes).toBe(expected.memory.peakBytes);
    expect(report.memory.linearBytes).toBe(report.budgets.ramBytes);
  });

  it.each([
    'tinytrain',
    'deeptrain',
    'thintrain',
    'lastlayer',
    'fulltrain',
    'biasonly',
  ] as Method[])('%s has the defaults of Node', (method) => {
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
  });

  it('takes classes in the order in which Node does', () => {
    const names = ['a', 'a1', 'a01', 'a2', 'a10', 'a-', 'a-1', 'ab', 'A', '7', '007', '10', '-1', '1b2', '1b10', '1b'];
    for (const label of names) program.sample(`names/${label}/0`, samples.every[0]!.image as Float32Array);
    program.run('every', '--support', program.path('names'), '--method', 'none');
    expect(classNames(program.patch())).toEqual(names.toSorted(natural));
  });

  it.each([
    ['every', 1],
    ['every', 6],
    ['chain', 3],
    ['small', 6],
  ] as [
    keyof typeof MODELS,
    number,
  ][])('%s: classifies as Node does by %i views, after adapting and with a saved patch', async (model, views) => {
    const node = await TinyTrain.load(writeModel(MODELS[model]), { binary: 'scalar' });
    const options: AdaptOptions = { method: 'lastlayer', iterations: 2, views };
    await node.adapt(samples[model], options);
    const queries = support(MODELS[model].input, [3, 4, 5], 99);
    const expected: Record<string, { label: string; cosine: number }> = {};
    for (const [i, { label, image }] of queries.entries()) {
      program.sample(`queries-${model}/${label}/q${i}`, image as Float32Array);
      const found = node.classify(image);
      expected[`${label}/q${i}.f32`] = { label: found.label, cosine: found.scores[found.label]! };
    }
    const check = (report: {
      views: number;
      accuracy: number;
      queries: { sample: string; label: string; cosine: number }[];
    }) => {
      const found = report.queries.map(({ sample, label, cosine }) => [sample, { label, cosine: Math.fround(cosine) }]);
      expect(Object.fromEntries(found)).toEqual(expected);
      const right = Object.entries(expected).filter(([sample, { label }]) => sample.split('/')[0] === label);
      expect(report.views).toBe(views);
      expect(report.accuracy).toBeCloseTo(right.length / queries.length, 5);
    };
    const flags = ['--queries', program.path(`queries-${model}`)];
    check(program.run(model, '--method', 'lastlayer', '--iterations', '2', '--views', String(views), ...flags));
    const saved = program.path('saved.ttd');
    writeFileSync(saved, program.patch());
    check(program.run(model, '--patch', saved, ...flags));
    const { memory } = program.run(model, '--patch', saved, ...flags);
    const exact = program.run(model, '--patch', saved, ...flags, '--ram', String(memory.peakBytes));
    check(exact);
    expect(exact.memory.linearBytes).toBe(memory.peakBytes);
  });
}
