import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import binaryen from 'binaryen';
import { afterAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../src/model/ttm.js';
import { natural } from '../../src/node/natural.js';
import { classNames } from '../../src/patchfile.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { AdaptOptions } from '../../src/types.js';
import { deepNetwork, everyOperator, Network, RELU, support } from '../engine/networks.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const name = 'WAMR, fast interpreter';

/** Path of the program, or what is missing for it to be built. */
function build(): Promise<{ program: string } | { missing: string }> {
  return new Promise((resolve) => {
    if (process.platform !== 'linux') resolve({ missing: 'the program is for Linux' });
    else {
      execFile('sh', ['bench/wamr/build.sh'], { cwd: root, encoding: 'utf8' }, (error, stdout, stderr) => {
        resolve(error ? { missing: stderr.trim() } : { program: stdout.trim() });
      });
    }
  });
}

const built = await build();
if ('program' in built) describe(name, () => suite(built.program));
else if (process.env.CI === 'true') {
  it(`${name} is built`, () => {
    throw new Error(`${built.missing}: these tests must run here`);
  });
} else it.skip(`${name} (skipped: ${built.missing})`, () => {});

function suite(program: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'tinytrain-wamr-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = (file: string) => join(folder, file);

  /** Writes the samples of a model as files; the names of some need the natural order. */
  const write = (model: ReturnType<typeof everyOperator>, to: string) => {
    const samples = support(model.input, [2, 11, 2]);
    for (const [i, { label, image }] of samples.entries()) {
      mkdirSync(path(`${to}/${label}`), { recursive: true });
      writeFileSync(path(`${to}/${label}/s${i}.f32`), image as Float32Array);
    }
    writeFileSync(path(`${to}.ttm`), writeModel(model));
    return samples;
  };
  const command = (model: string, ...rest: string[]) => {
    const paths = ['--wasm', join(root, 'build/tinytrain.wasm'), '--model', path(`${model}.ttm`)];
    return [...paths, '--support', path(model), '-o', path('out.ttd'), '--json', ...rest];
  };
  const run = (model: string, ...rest: string[]) =>
    JSON.parse(execFileSync(program, command(model, ...rest), { encoding: 'utf8', timeout: 60_000 }));
  const refusal = (model: string, ...rest: string[]) => {
    const { status, stderr } = spawnSync(program, command(model, ...rest), { encoding: 'utf8', timeout: 20_000 });
    return `${status} ${stderr.trim()}`;
  };

  const models = { every: everyOperator(), deep: deepNetwork() };
  const samples = { every: write(models.every, 'every'), deep: write(models.deep, 'deep') };

  const cases: [keyof typeof models, AdaptOptions][] = [
    ['every', { method: 'tinytrain', iterations: 3 }],
    ['every', { method: 'tinytrain', iterations: 3, variants: 0, augment: 'noflip', compute: '60%', seed: 7 }],
    ['every', { method: 'lastlayer', iterations: 3, variants: 2, lr: 0.01, temperature: 5 }],
    ['every', { method: 'biasonly', iterations: 2, optimizer: 'sgd', augment: 'none' }],
    ['every', { method: 'none' }],
    ['deep', { method: 'tinytrain', iterations: 2, variants: 1, criterion: 'l2', memory: '8KB', compute: 400_000 }],
    ['deep', { method: 'lastlayer', iterations: 2, variants: 1, optimizer: 'momentum' }],
    ['deep', { method: 'fulltrain', iterations: 2, variants: 1 }],
  ];
  it.each(cases)('%s, %o: the patch equals that of Node, byte for byte', async (model, options) => {
    const node = await TinyTrain.load(writeModel(models[model]), { binary: 'scalar' });
    const expected = await node.adapt(samples[model], options);
    const flags = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const report = run(model, ...flags);
    expect(Buffer.compare(readFileSync(path('out.ttd')), node.patch())).toBe(0);
    expect(report.loss.map(Math.fround)).toEqual(expected.loss);
    expect(report.augment).toEqual(expected.augment);
    expect(report.memory.backwardBytes).toBe(expected.memory.backwardBytes);
    expect(report.budgets.backwardMacs).toBe(expected.budgets.backwardMacs);
    const frozen = options.method === 'tinytrain' || options.method === 'lastlayer';
    expect(report.memory.keptBytes > 0).toBe(frozen && options.variants !== 0);
  });

  it('needs no byte more than the arena that it reports', () => {
    const flags = ['--method', 'tinytrain', '--iterations', '2'];
    const { arenaNeeded, linearBytes } = run('every', ...flags).memory;
    const patch = readFileSync(path('out.ttd'));
    const exact = run('every', ...flags, '--arena', String(arenaNeeded)).memory;
    expect(readFileSync(path('out.ttd'))).toEqual(patch);
    expect(exact.arenaNeeded).toBe(arenaNeeded);
    expect(exact.linearBytes).toBeLessThan(linearBytes);
    // Static data, the arena, and what the app heap keeps for itself.
    expect(exact.linearBytes).toBeLessThan(arenaNeeded + 1360 + 80);
    expect(refusal('every', ...flags, '--arena', String(arenaNeeded - 16))).toBe(
      `1 tinytrain-wamr: the run needs an arena of ${arenaNeeded} bytes, and has ${arenaNeeded - 16}`,
    );
  });

  it('takes classes in the order in which Node does', () => {
    const tensor = samples.every[0]!.image as Float32Array;
    const names = ['a', 'a1', 'a01', 'a2', 'a10', 'a-', 'a-1', 'ab', 'A', '7', '007', '10', '-1', '1b2', '1b10', '1b'];
    for (const label of names) {
      mkdirSync(path(`names/${label}`), { recursive: true });
      writeFileSync(path(`names/${label}/0.f32`), tensor);
    }
    run('every', '--support', path('names'), '--method', 'none');
    expect(classNames(readFileSync(path('out.ttd')))).toEqual(names.toSorted(natural));
  });

  it('gives a larger arena when the engine asks for one', async () => {
    // 25 MB of activations.
    const wide = new Network([512, 512, 3]).convolution(24, { limit: RELU }).mean().model();
    const two = support(wide.input, [1, 1]);
    for (const { label, image } of two) {
      mkdirSync(path(`wide/${label}`), { recursive: true });
      writeFileSync(path(`wide/${label}/0.f32`), image as Float32Array);
    }
    writeFileSync(path('wide.ttm'), writeModel(wide));
    const { memory } = run('wide', '--method', 'none', '--iterations', '0');
    expect(memory.arenaNeeded).toBeGreaterThan(25e6);
    const node = await TinyTrain.load(writeModel(wide), { binary: 'scalar' });
    await node.adapt(two, { method: 'none', iterations: 0 });
    expect(Buffer.compare(readFileSync(path('out.ttd')), node.patch())).toBe(0);
  });

  it('says in one line what is wrong', async () => {
    const node = await TinyTrain.load(writeModel(models.every), { binary: 'scalar' });
    const message = await node.adapt(samples.every, { memory: 1 }).catch((error: Error) => error.message);
    expect(refusal('every', '--memory', '1')).toBe(`1 tinytrain-wamr: ${message}`);
    expect(refusal('every', '--method', 'all')).toMatch(/^2 tinytrain-wamr: --method: 'all' is none of its values/);
    expect(refusal('every', '--lr', '1e30', '--method', 'lastlayer')).toMatch(/training diverged/);
    const damaged = writeModel(models.every);
    damaged[damaged.length - 1]! ^= 1;
    writeFileSync(path('damaged.ttm'), damaged);
    expect(refusal('every', '--model', path('damaged.ttm'))).toMatch(
      /its checksum does not match, the file is damaged$/,
    );
    writeFileSync(path('empty.wasm'), Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    expect(refusal('every', '--wasm', path('empty.wasm'))).toMatch(
      /^1 tinytrain-wamr: not the engine: it does not export/,
    );
    for (const label of ['a', 'b']) mkdirSync(path(`odd/${label}`), { recursive: true });
    writeFileSync(path('odd/a/s0.f32'), new Float32Array(3));
    expect(refusal('every', '--support', path('odd'))).toMatch(
      /s0\.f32: a tensor for this model has 864 bytes, got 12$/,
    );
  });

  /** Offsets of fields of the control block, of which one lies in each of the modules. */
  const FIELDS = {
    pointer: 64,
    bytes: 68,
    index: 72,
    layers: 152,
    count: 156,
    labels: 168,
    features: 176,
    stored: 192,
  };
  const honest = { pointer: 1024, bytes: 16, labels: 2048, features: 66_000, stored: 1 };
  const lies: [string, number, Partial<typeof FIELDS>][] = [
    ['the labels', 0, { labels: 0xfffffff0 }],
    ['the end of the task', 0, { features: 0 }],
    ['a layer', 0, { layers: 0xffffffe0, count: 1 }],
    ['a sample that leaves the memory', 1, { pointer: 0x7fffff00, bytes: 864 }],
    ['a sample of another size', 1, { bytes: 868 }],
    ['a sample that is not there', 1, { bytes: 864, index: 15 }],
    ['a block that is too large', 2, { bytes: 0xfffffff0 }],
    ['a key that is too large', 2, { index: 15 * 9 }],
    ['a key below zero', 2, { index: -1 }],
    ['a block that was not kept', 3, {}],
  ];
  it.each(lies)('refuses a module that lies about %s', (_, step, lie) => {
    const stores = Object.entries({ ...honest, ...lie }).map(
      ([field, value]) =>
        `(i32.store offset=${16 + FIELDS[field as keyof typeof FIELDS]} (i32.const 0) (i32.const ${value | 0}))`,
    );
    const text = `(module (memory (export "memory") 1 1)
      (func (export "control") (result i32) (i32.const 16))
      (func (export "open") (param i32 i32) (result i32) ${stores.join(' ')} (i32.const 0))
      (func (export "task") (result i32) (i32.const 0))
      (func (export "begin") (param i32) (result i32) (i32.const 0))
      (func (export "step") (param i32) (result i32) (i32.const ${step}))
      (func (export "stop")) (func (export "score"))
      (func (export "select") (result i32) (i32.const 0))
      (func (export "cost") (result i32) (i32.const 0))
      (func (export "patch_size") (param i32) (result i32) (i32.const 0))
      (func (export "patch_write") (param i32 i32 i32))
      (func (export "patch_apply") (param i32 i32) (result i32) (i32.const 0)))`;
    const module = binaryen.parseText(text);
    writeFileSync(path('liar.wasm'), module.emitBinary());
    module.dispose();
    expect(refusal('every', '--wasm', path('liar.wasm'), '--method', 'none', '--arena', '65536')).toMatch(
      /^1 tinytrain-wamr: the engine named an address or a key that is not its own/,
    );
  });
}
