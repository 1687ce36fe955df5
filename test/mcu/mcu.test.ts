import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import binaryen from 'binaryen';
import { afterAll, describe, expect, it } from 'vitest';
import { runJob, runNode } from '../../bench/mcu/job.mjs';
import { writeModel } from '../../src/model/write.js';
import { everyOperator, int8Of } from '../engine/networks.js';
import { type Job, missingTools, refusal, runWamr, smallJob } from './tools.js';

const missing = await missingTools();
const model = everyOperator();
const job = smallJob(model, { method: 'tinytrain', iterations: 2, variants: 1, compute: '60%' });
const HOSTS = [
  { engine: 'linux-wasm2c' },
  { engine: 'wasm2c', board: 'm7' },
  { engine: 'fast', board: 'm7' },
  { engine: 'classic', board: 'm7' },
  { engine: 'wasm2c', board: 'm4' },
  { engine: 'fast', board: 'm4' },
];
const BOARDS = HOSTS.filter(({ board }) => board === 'm7');
const STORE = 1 << 16;

if (missing === undefined) describe('a microcontroller', suite);
else if (process.env.CI !== 'true') it.skip(`a microcontroller (skipped: ${missing})`, () => {});
else {
  it('a microcontroller', () => {
    throw new Error(`${missing}: these tests must run here`);
  });
}

function suite(): void {
  const node = runNode(job);
  const board = async (host: Partial<Job>) => runJob({ ...job, peak: (await node).peakBytes, store: STORE, ...host });

  it('WAMR on Linux makes the patch of Node', async () => {
    expect(await runWamr(job, model)).toBe((await node).sha256);
  });

  it.each(HOSTS)('%o makes the patch of Node, and classifies as it does', async (host) => {
    const { sha256, right, patchBytes, loss } = await node;
    const result = await board(host);
    expect(result).toMatchObject({ status: 0, exit: 0, sha256, right, patchBytes, iterations: 2, restarts: 0 });
    expect(result.loss).toEqual([loss[0], loss.at(-1)]);
  });

  it.each(BOARDS.slice(0, 2))('%o makes the patch of Node of an int8 network, in less memory', async (host) => {
    const small = { ...job, model: writeModel(int8Of(model)) };
    const { sha256, right, peakBytes } = await runNode(small);
    const result = await runJob({ ...small, peak: peakBytes, store: STORE, ...host });
    expect(result).toMatchObject({ status: 0, exit: 0, sha256, right });
  });

  it.each(BOARDS.slice(0, 2))('%o makes the patch of Node by drawn samples', async (host) => {
    const drawn = { ...job, options: { method: 'deeptrain', iterations: 2, lr: 1e-3 } as const };
    const { sha256, right, peakBytes } = await runNode(drawn);
    const result = await runJob({ ...drawn, peak: peakBytes, store: STORE, ...host });
    expect(result).toMatchObject({ status: 0, exit: 0, sha256, right });
  });

  // The M4 computes doubles in software.
  it.each([
    ...BOARDS.slice(0, 2),
    { engine: 'wasm2c', board: 'm4' },
  ])('%o makes the patch of Node by several views, and classifies as it does', async (host) => {
    const looking = { ...job, options: { ...job.options, views: 6 } };
    const { sha256, right, peakBytes } = await runNode(looking);
    expect(sha256).not.toBe((await node).sha256);
    const result = await runJob({ ...looking, peak: peakBytes, store: STORE, ...host });
    expect(result).toMatchObject({ status: 0, exit: 0, sha256, right, restarts: 0 });
  });

  it('counts instructions, the same in every run, and more of them for more iterations', async () => {
    const once = await board({ engine: 'wasm2c' });
    const again = await board({ engine: 'wasm2c', options: { ...job.options, iterations: 3 } });
    for (const phase of ['check', 'probe', 'fisher', 'selection', 'step', 'inference'] as const) {
      expect(once.instructions[phase]).toBeGreaterThan(1000);
    }
    expect(Math.abs(again.instructions.fisher - once.instructions.fisher)).toBeLessThanOrEqual(80);
    expect(again.instructions.adapt - once.instructions.adapt).toBeGreaterThan(0.9 * once.instructions.step);
  });

  it('counts a selection that no Fisher pass precedes as selection, not as check', async () => {
    const options = { ...job.options, method: 'thintrain', lr: 1e-3 } as const;
    const { peakBytes } = await runNode({ ...job, options });
    const thin = await board({ engine: 'wasm2c', peak: peakBytes, options });
    const { instructions } = await board({ engine: 'wasm2c' });
    expect(thin.instructions).toMatchObject({ fisher: 0 });
    expect(thin.instructions.selection).toBeGreaterThan(1000);
    expect(thin.instructions.check).toBeLessThanOrEqual(instructions.check);
  });

  it('needs no more memory than it reports', async () => {
    const { highWater } = await board({ engine: 'wasm2c' });
    const { linear, runtimeHeap, stack, store } = highWater;
    const ram = linear + runtimeHeap + stack + highWater.static + 64;
    const tight = await board({ engine: 'wasm2c', ram, stack: stack + 7 - ((stack + 7) % 8), store: store + 16 });
    expect(tight).toMatchObject({ status: 0, sha256: (await node).sha256 });
  });

  describe.each(BOARDS)('bad input, %o', (host) => {
    it('a damaged model', async () => {
      const damaged = job.model.slice();
      damaged[damaged.length - 1]! ^= 1;
      expect(await refusal({ ...job, ...host, model: damaged })).toMatch(
        /^1 .*its checksum does not match, the file is damaged$/,
      );
      expect(await refusal({ ...job, ...host, model: job.model.slice(0, -16) })).toMatch(
        /^1 not a usable .ttm model: truncated/,
      );
      expect(await refusal({ ...job, ...host, model: new Uint8Array(200) })).toMatch(/^1 not a .ttm model/);
    });

    it('too little memory', async () => {
      const { peakBytes } = await node;
      expect(await refusal({ ...job, ...host, linear: 6000 })).toMatch(/^1 .*RAM/);
      expect(await refusal({ ...job, ...host, peak: peakBytes, ram: 12_000 })).toMatch(
        /^1 .*(not enough|allocate) memory/,
      );
      expect(await refusal({ ...job, ...host, ram: 4096 })).toMatch(/region `RAM' overflowed/);
      expect(await refusal({ ...job, ...host, stack: 256 })).toMatch(
        /^the program ended with status 3: the C stack is too small/,
      );
      expect(await refusal({ ...job, ...host, peak: peakBytes, store: 64 })).toMatch(/^1 the store is too small/);
    });
  });

  describe('modules that are not the engine', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tinytrain-mcu-'));
    afterAll(() => rmSync(folder, { recursive: true }));
    /** A module with the engine's exports: `step` is what the text says. */
    const write = (name: string, step: string, open = '') => {
      const module = binaryen.parseText(`(module (memory (export "memory") 1 1)
        (global (export "__heap_base") i32 (i32.const 1024)) (global (export "__data_end") i32 (i32.const 1024))
        (func (export "control") (result i32) (i32.const 16))
        ${open || '(func (export "open") (param i32 i32 i32) (result i32) (i32.const 0))'}
        (func (export "task") (result i32) (i32.const 0))
        (func (export "begin") (param i32) (result i32) (i32.const 0))
        (func (export "step") (param i32) (result i32) ${step})
        (func (export "stop")) (func (export "score"))
        (func (export "select") (result i32) (i32.const 0))
        (func (export "cost") (result i32) (i32.const 0))
        (func (export "patch_size") (param i32) (result i32) (i32.const 0))
        (func (export "patch_write") (param i32 i32 i32))
        (func (export "patch_apply") (param i32 i32) (result i32) (i32.const 0)))`);
      const path = join(folder, `${name}.wasm`);
      writeFileSync(path, module.emitBinary());
      module.dispose();
      return path;
    };
    const cases: [string, string, string, RegExp][] = [
      ['jumps out of its memory', '(i32.load (i32.const -4))', '', /^1 the engine was stopped: .*out of bounds/],
      ['gives up', '(unreachable)', '', /^1 the engine was stopped: .*unreachable/],
      ['divides by zero', '(i32.div_s (i32.const 1) (i32.const 0))', '', /^1 the engine was stopped: .*divide by zero/],
      [
        'names an address outside',
        '(i32.store offset=80 (i32.const 0) (i32.const -64)) (i32.store offset=84 (i32.const 0) (i32.const 128)) (i32.const 1)',
        '',
        /^1 the engine named an address or a key that is not its own/,
      ],
      [
        'has another open',
        '(i32.const 0)',
        '(func (export "open") (param f32) (result i32) (i32.const 0))',
        /^1 not the engine: its open/,
      ],
    ];
    it.each(
      BOARDS.flatMap((host) => cases.map((c) => [host, ...c] as const)),
    )('%o: one that %s', async (host, name, step, open, message) => {
      const wasm = write(name.replaceAll(' ', '-'), step, open);
      expect(await refusal({ ...job, ...host, wasm, peak: 1 << 15 })).toMatch(message);
    });
  });
}
