import { writeFileSync } from 'node:fs';
import binaryen from 'binaryen';
import { expect, it } from 'vitest';
import { everyOperator } from '../engine/networks.js';
import { Program } from './tools.js';

/** Offsets of fields of the control block, of which one lies in each of the modules. */
const FIELDS = {
  pointer: 64,
  bytes: 68,
  index: 72,
  layers: 152,
  count: 156,
  ops: 160,
  features: 164,
  labels: 168,
  prototypes: 172,
  vector: 176,
  scores: 180,
  stored: 192,
  offset: 236,
  free: 220,
};
const HONEST = {
  pointer: 1024,
  bytes: 16,
  features: 8,
  labels: 2048,
  prototypes: 8192,
  vector: 3072,
  scores: 12_288,
  free: 70_000,
  offset: 0,
  stored: 1,
};

/** Functions of a module that behaves; each may be replaced. */
const FUNCTIONS = {
  control: '(func (export "control") (result i32) (i32.const 16))',
  open: '(func (export "open") (param i32 i32 i32) (result i32) (call $set) (i32.const 0))',
  task: '(func (export "task") (result i32) (i32.const 0))',
  begin: '(func (export "begin") (param i32) (result i32) (global.set $job (local.get 0)) (i32.const 0))',
  step: '(func (export "step") (param i32) (result i32) (i32.const 0))',
  stop: '(func (export "stop"))',
  score: '(func (export "score"))',
  select: '(func (export "select") (result i32) (i32.const 0))',
  cost: '(func (export "cost") (result i32) (i32.const 0))',
  patch_size: '(func (export "patch_size") (param i32) (result i32) (i32.const 0))',
  patch_write: '(func (export "patch_write") (param i32 i32 i32))',
  patch_apply: '(func (export "patch_apply") (param i32 i32) (result i32) (i32.const 0))',
};

/** Answers `code` in job `job`, and DONE in the others. */
const answers = (code: number, job = 3) =>
  `(func (export "step") (param i32) (result i32)
    (if (result i32) (i32.eq (global.get $job) (i32.const ${job})) (then (i32.const ${code})) (else (i32.const 0))))`;

function moduleOf(
  lies: Partial<typeof FIELDS>,
  functions: Partial<typeof FUNCTIONS>,
  memory = '(memory (export "memory") 1 1)',
): Uint8Array {
  const stores = Object.entries({ ...HONEST, ...lies }).map(
    ([field, value]) =>
      `(i32.store offset=${16 + FIELDS[field as keyof typeof FIELDS]} (i32.const 0) (i32.const ${value | 0}))`,
  );
  const text = Object.values({ ...FUNCTIONS, ...functions }).join('\n');
  const module = binaryen.parseText(
    `(module ${memory} (global $job (mut i32) (i32.const 0)) (func $set ${stores.join(' ')}) ${text})`,
  );
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

/** Modules that are not the engine, or only look like it, must end in one line. */
export function liars(file: string): void {
  const program = new Program(file);
  program.add('every', everyOperator());
  const refusal = (bytes: Uint8Array, ...flags: string[]) => {
    writeFileSync(program.path('liar.wasm'), bytes);
    return program.refusal(
      'every',
      '--wasm',
      program.path('liar.wasm'),
      '--arena',
      '65536',
      '--iterations',
      '0',
      ...flags,
    );
  };
  const FALSE_ADDRESS = /^1 tinytrain-wamr: the engine named an address or a key that is not its own$/;

  const lies: [string, string, Partial<typeof FIELDS>][] = [
    ['the labels', answers(0), { labels: 0xfffffff0 }],
    ['the room for the patch', answers(0), { free: 0 }],
    ['a layer', answers(0), { layers: 0xffffffe0, count: 1 }],
    ['a layer that is not aligned', answers(0), { layers: 2050, count: 1, ops: 1 }],
    ['the operator of a layer', answers(0), { layers: 8192, count: 1, ops: 0 }],
    ['a sample that leaves the memory', answers(1), { pointer: 0x7fffff00, bytes: 864 }],
    ['a sample that is too large', answers(1), { bytes: 868 }],
    ['a piece of a sample that is no floats', answers(1), { bytes: 6 }],
    ['a piece of a sample that is nothing', answers(1), { bytes: 0 }],
    ['a sample that is not there', answers(1), { bytes: 864, index: 15 }],
    ['a sample before the first', answers(1), { bytes: 864, index: -1 }],
    ['a sample of the check', answers(1, 4), { bytes: 868 }],
    ['a block that is too large', answers(2), { bytes: 0xfffffff0 }],
    ['a key that is too large', answers(2), { index: 15 * 9 }],
    ['a key below zero', answers(2), { index: -1 }],
    ['a block that was not kept', answers(3), {}],
    ['a slice beyond the file', answers(6), { index: 0x7ffffff0 }],
    ['a slice that leaves the file', answers(6), { index: 16, bytes: 60_000 }],
    ['a slice that leaves the memory', answers(6), { pointer: 0xfffffff0, bytes: 32 }],
    ['an answer that does not exist', answers(7), {}],
  ];
  it.each(lies)('refuses one that lies about %s', (_, step, lie) => {
    expect(refusal(moduleOf(lie, { step }), '--method', 'none')).toMatch(FALSE_ADDRESS);
  });

  it('refuses one that lies about its scores', () => {
    const flags = ['--method', 'none', '--queries', program.path('every')];
    expect(refusal(moduleOf({ scores: 0xfffffff8 }, {}), ...flags)).toMatch(FALSE_ADDRESS);
    expect(refusal(moduleOf({ scores: 4098 }, {}), ...flags)).toMatch(FALSE_ADDRESS);
  });

  it.each([
    ['how many features there are', { features: -1 }],
    ['how many features would fit', { features: 0x7fffffff }],
    ['where features are', { vector: 0xfffffff0 }],
    ['where prototypes are', { prototypes: 0xfffffff0, scores: 0xffffffff }],
    ['what lies between prototypes and scores', { scores: 8192 }],
    ['prototypes that are not aligned', { prototypes: 8193 }],
    ['the size of its patch', {}],
  ] as [string, Partial<typeof FIELDS>][])('refuses one that lies about %s where there are views', (_, lie) => {
    expect(refusal(moduleOf(lie, {}), '--method', 'none', '--views', '2')).toMatch(FALSE_ADDRESS);
  });

  it.each([
    ['a piece that is no floats', { bytes: 6 }],
    ['a piece beyond its end', { bytes: 864, offset: 4 }],
    ['a piece that leaves the memory', { bytes: 864, pointer: 0x7fffff00 }],
  ] as [string, Partial<typeof FIELDS>][])('refuses one that asks for %s of a view', (_, lie) => {
    const said = refusal(moduleOf(lie, { step: answers(1, 0) }), '--method', 'none', '--views', '2');
    expect(said).toMatch(FALSE_ADDRESS);
  });

  it('refuses one that accepts patches which are none', () => {
    const flags = ['--patch', program.path('none.ttd'), '--queries', program.path('every')];
    const fields = (names: number, bytes: number, ways: number) => {
      const patch = new DataView(new ArrayBuffer(80));
      for (const [at, value] of [
        [44, names],
        [48, bytes],
        [24, ways],
      ] as const)
        patch.setUint32(at, value, true);
      return patch;
    };
    const patches = [
      new DataView(new ArrayBuffer(8)),
      fields(0xfffffff0, 8, 2),
      fields(64, 17, 17),
      fields(64, 16, 17),
    ];
    for (const patch of [...patches, fields(64, 0, 0), fields(80, 0xffffffff, 2)]) {
      writeFileSync(program.path('none.ttd'), patch);
      expect(refusal(moduleOf({}, {}), ...flags)).toMatch(FALSE_ADDRESS);
    }
  });

  it.each(['-4', '65521', '18', '0x7ffffff0'])('refuses one whose control block is at %s', (address) => {
    const control = `(func (export "control") (result i32) (i32.const ${address}))`;
    expect(refusal(moduleOf({}, { control }), '--arena', '1KB')).toMatch(FALSE_ADDRESS);
  });

  it.each(
    Object.keys(FUNCTIONS) as (keyof typeof FUNCTIONS)[],
  )('refuses one whose %s is not that of the engine', (name) => {
    const stranger = (text: string) => refusal(moduleOf({}, { [name]: text }));
    const absent = FUNCTIONS[name].replace(`(export "${name}")`, '');
    expect(stranger(absent)).toBe(`1 tinytrain-wamr: not the engine: it does not export ${name}`);
    const wrong = /^1 tinytrain-wamr: not the engine: its \w+ does not take \d and give \d integers of 32 bits$/;
    expect(
      stranger(`(func (export "${name}") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0))`),
    ).toMatch(wrong);
    expect(stranger(`(func (export "${name}") (param i64) (result f64) (f64.const 0))`)).toMatch(wrong);
    const traps = FUNCTIONS[name].replace(/\((i32.const 0|i32.const 16|call \$set)\)|\)$/, '(unreachable)$&');
    const methods = { score: 'tinytrain', select: 'tinytrain' } as Partial<Record<string, string>>;
    if (name === 'stop' || name === 'patch_apply') return;
    expect(refusal(moduleOf({}, { [name]: traps }), '--method', methods[name] ?? 'none')).toBe(
      '1 tinytrain-wamr: the engine was stopped: Exception: unreachable',
    );
  });

  it('follows one whose memory moves when it grows', () => {
    const task = '(func (export "task") (result i32) (drop (memory.grow (i32.const 300))) (i32.const 0))';
    const grows = moduleOf(
      { labels: 2048, bytes: 868 },
      { task, step: answers(1) },
      '(memory (export "memory") 1 1000)',
    );
    expect(refusal(grows, '--method', 'none')).toMatch(FALSE_ADDRESS);
  });

  it('refuses files that are no modules', () => {
    expect(refusal(new Uint8Array(0))).toMatch(/^1 tinytrain-wamr: .*liar\.wasm: /);
    expect(refusal(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0))).toMatch(/^1 tinytrain-wamr: .*liar\.wasm: /);
    expect(refusal(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0))).toMatch(/^1 tinytrain-wamr: not the engine: /);
    const { task, ...rest } = FUNCTIONS;
    void task;
    expect(refusal(moduleOf({}, rest, '(memory (export "memory") 0 0)'))).toMatch(/^1 tinytrain-wamr: /);
    const starts = `${FUNCTIONS.stop} (func $start (unreachable)) (start $start)`;
    expect(refusal(moduleOf({}, { stop: starts }))).toMatch(/^1 tinytrain-wamr: .*unreachable/);
  });
}
