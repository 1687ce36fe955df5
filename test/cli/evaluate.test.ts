import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseMethods } from '../../src/cli/methods.js';
import { rowsOf } from '../../src/node/evaluate.js';
import { calls, colours, makeRoot, tinytrain } from './harness.js';

const root = makeRoot();
const at = (name: string) => join(root, name);
const data = await colours(at('squares'), 6);
const more = await colours(at('tiles'), 5);
afterAll(() => rmSync(root, { recursive: true }));
const base = ['evaluate', '--way', '2', '--shot', '2', '--query', '3', '--tasks', '4', '--workers', '1'];
const run = (...args: string[]) => tinytrain(root, [...base, ...args]);

describe('evaluate', () => {
  it('gives rows for each data set and method, and their mean', async () => {
    const { status, out } = await run('--data', `${data},${more}`, '--methods', 'none,tinytrain:lr=0.01', '--json');
    expect(status).toBe(0);
    const { rows, episode } = JSON.parse(out);
    expect(episode).toEqual({ way: 2, shot: 2, query: 3, seed: 0 });
    const fixed = rows.map(({ secondsPerTask, ...row }: { secondsPerTask: number }) => row);
    const none = { method: 'none', accuracy: 100, ci95: 0, tasks: 4, backwardBytes: 0, backwardMacs: 0 };
    const tiny = { ...none, method: 'tinytrain:lr=0.01', backwardBytes: 3000, backwardMacs: 400 };
    expect(fixed).toEqual([
      { data: 'squares', ...none },
      { data: 'squares', ...tiny },
      { data: 'tiles', ...none },
      { data: 'tiles', ...tiny },
      { data: 'mean', ...none, tasks: 8 },
      { data: 'mean', ...tiny, tasks: 8 },
    ]);
  });
  it('gives the same tasks to every method, with its own settings', async () => {
    await run('--data', data, '--methods', 'fulltrain,tinytrain:iterations=2:criterion=l2', '--iterations', '3');
    const options = calls.filter((call) => call[0] === 'adapt').map((call) => call[1]) as Record<string, unknown>[];
    expect(options.map((o) => [o.method, o.iterations, o.criterion, o.seed])).toEqual(
      [0, 1, 2, 3].flatMap((task) => [
        ['fulltrain', 3, 'tinytrain', task],
        ['tinytrain', 2, 'l2', task],
      ]),
    );
  });
  it('classifies the queries of a task together where a method says so', async () => {
    await run('--data', data, '--methods', 'none,none:together=yes,none:together=no', '--tasks', '2');
    expect(calls.filter((call) => call[0] === 'classifyTogether')).toEqual(Array(2).fill(['classifyTogether', 6]));
    // What differs in nothing else is trained once a task.
    expect(calls.filter((call) => call[0] === 'adapt')).toHaveLength(2);
    const { status, err } = await run('--data', data, '--methods', 'none:together=maybe');
    expect([status, err]).toEqual([2, expect.stringContaining("together must be one of yes, no, got 'maybe'")]);
  });
  it('trains once a task what differs in the views alone', async () => {
    const methods = 'tinytrain:views=6,tinytrain:lr=0.01,tinytrain:views=1,tinytrain:views=2:together=yes';
    const { out } = await run('--data', data, '--methods', methods, '--tasks', '2', '--json');
    const options = calls.filter((call) => call[0] === 'adapt').map((call) => call[1]) as Record<string, unknown>[];
    expect(options.map(({ lr, views }) => [lr, views])).toEqual(
      Array(2)
        .fill([
          [undefined, undefined],
          [0.01, undefined],
        ])
        .flat(),
    );
    expect(JSON.parse(out).rows.map((row: { method: string }) => row.method)).toEqual(methods.split(','));
  });
  it('prints a table', async () => {
    const { out } = await run('--data', data);
    expect(out.replace(/\d+ ms/g, '0 ms')).toMatchInlineSnapshot(`
      "data     method     accuracy         tasks   memory  MACs  a task
      squares  none         100.0%  ± 0.0      4      0 B     0    0 ms
      squares  tinytrain    100.0%  ± 0.0      4  2.93 KB   400    0 ms
      "
    `);
  });
  it('goes on where an earlier run stopped', async () => {
    const args = ['--data', data, '--methods', 'none,tinytrain', '--raw', at('raw.jsonl'), '--json'];
    const first = await run(...args);
    const lines = readFileSync(at('raw.jsonl'), 'utf8').split('\n').slice(0, -1);
    expect(lines).toHaveLength(8);
    writeFileSync(at('raw.jsonl'), `${lines.slice(0, 5).join('\n')}\n${lines[5]!.slice(0, 20)}`);
    const second = await run(...args);
    expect(calls.filter((call) => call[0] === 'adapt')).toHaveLength(3);
    const accuracies = (out: string) => JSON.parse(out).rows.map((r: { accuracy: number }) => r.accuracy);
    expect(accuracies(second.out)).toEqual(accuracies(first.out));
    await run(...args, '--seed', '5');
    expect(calls.filter((call) => call[0] === 'adapt')).toHaveLength(8);
    expect((await run('--data', data, '--raw', at('none/raw.jsonl'))).err).toContain('cannot write');
  });
  it('samples as Meta-Dataset', async () => {
    const few = await tinytrain(root, ['evaluate', '--data', data, '--way', 'meta', '--shot', 'meta']);
    expect(few).toMatchObject({ status: 1 });
    expect(few.err).toContain('way meta needs 5 classes of at least 2 images; the data has 3 of its 3');
  });
  it('reads the selection of sparseupdate', async () => {
    writeFileSync(at('s.json'), '{"layers": {"head": [1]}}');
    expect((await run('--data', data, '--methods', `sparseupdate:selection=${at('s.json')}`)).status).toBe(0);
    expect(calls.find((call) => call[0] === 'adapt')![1]).toMatchObject({ selection: { layers: { head: [1] } } });
    expect((await run('--data', data, '--methods', 'sparseupdate')).err).toContain('no static selection');
  });
});

describe('rows', () => {
  const result = (task: number, accuracy: number) => ({
    model: 'fake',
    checksum: '0badcafe',
    data: 'd',
    method: 'm',
    task,
    ways: 5,
    support: 25,
    queries: 50,
    accuracy,
    backwardBytes: 100 * task,
    peakBytes: 0,
    backwardMacs: 10 * task,
    seconds: task,
  });
  it('have the 95% interval of the mean', () => {
    expect(rowsOf([result(1, 50), result(2, 60), result(3, 70)])).toEqual([
      {
        data: 'd',
        method: 'm',
        accuracy: 60,
        ci95: expect.closeTo((1.96 * 10) / Math.sqrt(3), 9),
        tasks: 3,
        backwardBytes: 300,
        backwardMacs: 20,
        secondsPerTask: 2,
      },
    ]);
    expect(rowsOf([result(1, 50)])[0]!.ci95).toBeNull();
  });
});

describe('methods', () => {
  it('carry settings', () => {
    const [spec] = parseMethods('sparseupdate:lr=0.003:optimizer=momentum:memory=1MB:selection=a.json');
    expect(spec).toEqual({
      label: 'sparseupdate:lr=0.003:optimizer=momentum:memory=1MB:selection=a.json',
      options: { method: 'sparseupdate', lr: 0.003, optimizer: 'momentum', memory: '1MB' },
      selectionFile: 'a.json',
    });
  });
});
