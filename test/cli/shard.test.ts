import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calls, colours, makeRoot, tinytrain } from './harness.js';

const root = makeRoot();
const at = (name: string) => join(root, name);
afterAll(() => rmSync(root, { recursive: true }));
const data = `${await colours(at('squares'), 6)},${await colours(at('tiles'), 5)}`;
const settings = ['--data', data, '--methods', 'none,tinytrain:lr=0.01', '--way', '2', '--shot', '2', '--query', '3'];
const run = (...args: string[]) =>
  tinytrain(root, ['evaluate', '--workers', '1', '--tasks', '4', ...settings, ...args]);
const merge = (...args: string[]) => tinytrain(root, ['evaluate', '--merge', ...args]);
const shards = ['1', '2', '3'].map((i) => at(`${i}.jsonl`));
let adapted = 0;

beforeAll(async () => {
  for (const [i, path] of shards.entries()) {
    expect(await run('--shard', `${i + 1}/3`, '--out', path)).toEqual({ status: 0, out: '', err: '' });
    adapted += calls.filter(([name]) => name === 'adapt').length;
  }
});

/** A copy of a shard with some lines changed. */
function changed(path: string, name: string, change: (lines: string[]) => string[]): string {
  writeFileSync(at(name), change(readFileSync(path, 'utf8').split('\n').slice(0, -1)).join('\n'));
  return at(name);
}

describe('shards', () => {
  it('share the tasks out, and each is done once', () => {
    expect(adapted).toBe(2 * 2 * 4);
    const lines = shards.map((path) => readFileSync(path, 'utf8').trim().split('\n').slice(1));
    expect(lines.map((list) => list.length)).toEqual([6, 6, 4]);
  });
  it('are told to stdout without --out', async () => {
    const untimed = (text: string) => text.replace(/"seconds":[\d.]+/g, '');
    const { out } = await run('--shard', '2/3');
    expect(untimed(out)).toBe(untimed(readFileSync(shards[1]!, 'utf8')));
  });
  it('merge to what one machine shows, to the digit', async () => {
    // The one machine reads the results of the shards, so that even the seconds are the same.
    writeFileSync(at('raw.jsonl'), shards.map((path) => readFileSync(path, 'utf8')).join(''));
    const mixed = [shards[2]!, shards[0]!, shards[1]!];
    for (const how of [[], ['--json']]) {
      const one = await run('--raw', at('raw.jsonl'), ...how);
      expect(calls.some(([name]) => name === 'adapt')).toBe(false);
      expect(await merge(...mixed, ...how)).toEqual(one);
      expect(await merge(at('raw.jsonl'), ...how)).toEqual(one);
      expect(one.out).toContain('mean');
    }
    const untimed = (out: string) => out.replace(/"secondsPerTask":[\d.e-]+/g, '');
    const fresh = await run('--json');
    expect(untimed((await merge(...shards, '--json')).out)).toBe(untimed(fresh.out));
  });
  it('may be more than there are tasks', async () => {
    for (const i of [1, 2, 3])
      await run('--data', at('tiles'), '--tasks', '2', '--shard', `${i}/3`, '--out', at(`few${i}`));
    const merged = await merge(at('few1'), at('few2'), at('few3'), '--json');
    expect(JSON.parse(merged.out).rows.map((row: { tasks: number }) => row.tasks)).toEqual([2, 2]);
  });
});

describe('merge refuses', () => {
  const [one, two, three] = shards as [string, string, string];
  const refusals: [string, () => Promise<string[]>, string][] = [
    ['a missing shard', async () => [one, three], 'shard 2/3 missing: give the files of all 3 shards'],
    ['a doubled shard', async () => [one, two, one], 'are both shard 1/3: give each shard once'],
    [
      'shards of different runs',
      async () => {
        await run('--shard', '3/3', '--tasks', '5', '--out', at('other.jsonl'));
        return [one, two, at('other.jsonl')];
      },
      'is of another run than',
    ],
    [
      'other settings of a method',
      async () => {
        await run('--shard', '3/3', '--iterations', '7', '--out', at('other.jsonl'));
        return [one, two, at('other.jsonl')];
      },
      "settings of methods or sizes of data sets aren't the same",
    ],
    [
      'another division',
      async () => {
        await run('--shard', '3/4', '--out', at('other.jsonl'));
        return [one, two, at('other.jsonl')];
      },
      '1 of 4, not of 3',
    ],
    [
      'a shard cut short',
      async () => [one, changed(two, 'cut.jsonl', (lines) => lines.slice(0, -1)), three],
      'has 5 of the 6 results of shard 2/3',
    ],
    [
      'a line cut short',
      async () => [one, changed(two, 'cut.jsonl', (lines) => lines.with(-1, lines.at(-1)!.slice(0, 30))), three],
      'line 7 is cut short or not JSON',
    ],
    [
      'a doubled result',
      async () => [one, changed(two, 'twice.jsonl', (lines) => lines.with(2, lines[1]!)), three],
      'twice',
    ],
    [
      "another shard's result",
      async () => {
        const other = readFileSync(one, 'utf8').split('\n')[1]!;
        return [one, changed(two, 'moved.jsonl', (lines) => lines.with(1, other)), three];
      },
      'that is not of shard 2/3',
    ],
    [
      'raw results',
      async () => [at('raw.jsonl'), changed(two, 'raw2.jsonl', (lines) => lines.slice(1))],
      'not a shard',
    ],
    ['a missing file', async () => [at('none.jsonl')], 'no such file'],
  ];
  it.each(refusals)('%s', async (_, files, message) => {
    const { status, out, err } = await merge(...(await files()));
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toContain(message);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
  it('options that the shards hold', async () => {
    expect(await merge(...shards, '--tasks', '4')).toMatchObject({
      status: 2,
      err: 'tinytrain: --merge takes everything from the shards: leave --tasks out\n',
    });
    for (const [args, message] of [
      [['--shard', '4/3'], "shard must be i/n with i from 1 to n, such as 2/3, got '4/3'"],
      [['--shard', '0/3'], 'shard must be i/n'],
      [['--out', at('x')], '--out is where a shard goes'],
    ] as const) {
      const { status, err } = await run(...args);
      expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining(message) });
    }
    expect((await tinytrain(root, ['evaluate'])).err).toContain("'--data <dir|zip,...>' not specified");
  });
});
