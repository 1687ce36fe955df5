import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain } from '../../src/tinytrain.js';
import { everyOperator, Network, RELU } from '../engine/networks.js';
import { folder, Program, root } from './tools.js';

/** What a person or a damaged file can get wrong ends in one line; run with the checks of the compiler. */
export function inputs(build: string): void {
  const model = everyOperator();
  const program = new Program(`${build}/tinytrain-wamr-checked`);
  const samples = program.add('every', model);
  const path = folder();

  it('refuses every damaged byte of model and patch, every length of them, and every RAM that is too small', () => {
    const tiny = new Network([6, 6, 3])
      .convolution(8, { kernel: [3, 3], padding: [1, 1, 1, 1], limit: RELU })
      .depthwise({ limit: 6 })
      .convolution(8)
      .mean()
      .model();
    writeFileSync(path('tiny.ttm'), writeModel(tiny));
    const command = [`${root}build/tinytrain.wasm`, path('tiny.ttm')];
    const figures = JSON.parse(execFileSync(`${build}/host_test`, command, { encoding: 'utf8', timeout: 100_000 }));
    expect(figures.model).toBe(writeModel(tiny).length);
    expect(figures.leastRam).toBeLessThan(figures.needed);
  }, 120_000);

  it('says in one line what is wrong with options', async () => {
    const node = await TinyTrain.load(writeModel(model), { binary: 'scalar' });
    const message = await node.adapt(samples, { memory: 1 }).catch((error: Error) => error.message);
    expect(program.refusal('every', '--memory', '1')).toBe(`1 tinytrain-wamr: ${message}`);
    const ram = await node.adapt(samples, { ram: 9000 }).catch((error: Error) => error.message);
    const least = Number(/the least possible is (\d+) bytes$/.exec(String(ram))![1]);
    expect(program.refusal('every', '--ram', '9000')).toBe(`1 tinytrain-wamr: ${ram}`);
    for (const few of ['3KB', '2KB']) {
      expect(program.refusal('every', '--ram', few)).toMatch(`the least possible is ${least} bytes`);
    }
    expect(program.refusal('every', '--ram', String(least - 16))).toMatch(/^1 .* bytes of RAM/);
    expect(program.run('every', '--ram', String(least)).memory.linearBytes).toBe(least);
    expect(program.refusal('every', '--ram', '512')).toMatch(/^1 tinytrain-wamr: this run needs \d+ bytes of RAM/);
    expect(program.refusal('every', '--arena', '1')).toMatch(/^1 tinytrain-wamr: the run needs an arena of \d+ bytes/);
    expect(program.refusal('every', '--arena', '3GB')).toMatch(/^1 tinytrain-wamr: not enough memory/);
    expect(program.refusal('every', '--lr', '1e30', '--method', 'lastlayer')).toMatch(/^1 .*training diverged/);
    const usage: [string[], RegExp][] = [
      [['--method', 'all'], /--method: 'all' is none of its values/],
      [['--criterion', 'l2'], /weights.* outside/],
      [['--method', 'thintrain', '--criterion', 'fisher'], /thintrain takes the last layers first/],
      [['--lr', '0'], /--lr must be a number above 0, got '0'/],
      [['--lr', '1e-99'], /--lr must be a number above 0/],
      [['--memory', '5x'], /--memory must be bytes.*got '5x'/],
      [['--memory', '-5'], /--memory must be bytes/],
      [['--ram', ''], /--ram must be bytes/],
      [['--compute', '120%'], /--compute must be a share/],
      [['--iterations', '1.5'], /--iterations must be an integer/],
      [['--seed', '4294967296'], /--seed must be an integer from 0 to 4294967295/],
      [['--ram', '1MB', '--arena', '1MB'], /exclude each other/],
      [['--fast'], /unknown option '--fast'/],
      [['--views', '0'], /--views must be an integer from 1 to 6, got '0'/],
      [['--views', '7'], /--views must be an integer from 1 to 6, got '7'/],
      [['--patch', 'x.ttd', '--queries', 'x', '--views', '2'], /--views goes with --support/],
      [['--seed'], /--seed needs a value/],
      [['more'], /'more' is no option/],
      [['--patch', 'x.ttd'], /--patch needs --queries/],
    ];
    for (const [flags, text] of usage) {
      const said = program.refusal('every', ...flags);
      expect(said).toMatch(/^2 tinytrain-wamr: [^\n]*; --help lists the options$/);
      expect(said).toMatch(text);
    }
  });

  it('says in one line what is wrong with samples', () => {
    const odd = (name: string, values: Float32Array) => {
      program.sample(`${name}/b/0`, samples[0]!.image as Float32Array);
      program.sample(`${name}/a/0`, values);
      return program.refusal('every', '--support', program.path(name));
    };
    expect(odd('short', new Float32Array(3))).toMatch(/0\.f32: a tensor for this model has 864 bytes, got 12$/);
    expect(odd('empty', new Float32Array(0))).toMatch(/0\.f32: a tensor for this model has 864 bytes, got 0$/);
    expect(odd('nan', new Float32Array(216).fill(Number.NaN, 7))).toMatch(
      /value 7 of the tensor is not a finite number$/,
    );
    expect(odd('infinite', new Float32Array(216).fill(-Infinity, 215))).toMatch(/value 215 .* not a finite number$/);
    mkdirSync(program.path('one/a'), { recursive: true });
    expect(program.refusal('every', '--support', program.path('one'))).toMatch(/one\/a: a class without samples/);
    program.sample('one/a/0', samples[0]!.image as Float32Array);
    expect(program.refusal('every', '--support', program.path('one'))).toMatch(/at least two classes are needed/);
    expect(program.refusal('every', '--support', program.path('none'))).toMatch(/none: No such file or directory$/);
    expect(program.refusal('every', '--queries', program.path('one'))).toMatch(/the patch has no class 'a'/);
    writeFileSync(program.path('one/a/notes.txt'), '');
    expect(program.refusal('every', '--support', program.path('one'))).toMatch(/notes\.txt: not a \.f32 file/);
    writeFileSync(program.path('one/file'), '');
    expect(program.refusal('every', '--support', program.path('one'))).toMatch(/Not a directory|not a \.f32 file/);
  });

  it('says in one line what is wrong with files', () => {
    const good = writeModel(model);
    const damaged = (change: (bytes: Uint8Array) => Uint8Array) => {
      writeFileSync(path('damaged.ttm'), change(good.slice()));
      return program.refusal('every', '--model', path('damaged.ttm'));
    };
    const flip = (at: number) => (bytes: Uint8Array) => {
      bytes[at]! ^= 1;
      return bytes;
    };
    expect(damaged(flip(good.length - 1))).toMatch(/^1 .*its checksum does not match, the file is damaged$/);
    expect(damaged(flip(4))).toMatch(/^1 .*its version is unknown, expected 1$/);
    expect(damaged((bytes) => bytes.subarray(0, bytes.length - 16))).toMatch(/^1 .*truncated, or longer than it says$/);
    expect(damaged((bytes) => bytes.subarray(0, 100))).toMatch(/^1 .*damaged\.ttm: not a \.ttm model$/);
    expect(damaged(() => new Uint8Array(0))).toMatch(/^1 .*damaged\.ttm: not a \.ttm model$/);
    program.run('every', '--method', 'none');
    const patch = program.patch();
    const broken = (bytes: Uint8Array) => {
      writeFileSync(path('broken.ttd'), bytes);
      return program.refusal('every', '--patch', path('broken.ttd'), '--queries', program.path('every'));
    };
    expect(broken(flip(patch.length - 1)(Uint8Array.from(patch)))).toMatch(/^1 .*the file is damaged$/);
    expect(broken(patch.subarray(0, 20))).toMatch(/^1 .*not a usable patch: truncated/);
    expect(broken(new Uint8Array(0))).toMatch(/^1 .*not a patch/);
    program.add('other', everyOperator(9));
    expect(program.refusal('other', '--patch', path('good.ttd'), '--queries', program.path('other'))).toMatch(
      /good\.ttd: No such file or directory$/,
    );
    writeFileSync(path('good.ttd'), patch);
    expect(program.refusal('other', '--patch', path('good.ttd'), '--queries', program.path('other'))).toMatch(
      /^1 .*the patch was made for another model/,
    );
    expect(program.refusal('every', '-o', path('no/such/folder.ttd'))).toMatch(/^1 .*folder\.ttd: No such file/);
  });
}
