import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadEngine, loadImporter } from '../../src/cli/load.js';
import { openData } from '../../src/node/data.js';
import type { AdaptReport } from '../../src/types.js';
import { dataPath, describeWithData } from '../data.js';
import { makeRoot, tinytrain } from './harness.js';

/** The command line over the real engine, with one of the networks of TINYTRAIN_DATA. */
describeWithData('the command line with the real engine', () => {
  const root = makeRoot();
  const at = (name: string) => join(root, name);
  const engineUrl = new URL('../../src/node/index.ts', import.meta.url).href;
  const run = (...args: string[]) => tinytrain(root, args, { engineUrl, engine: loadEngine, importOnnx: loadImporter });
  const adapt = async (...args: string[]) => {
    const { status, out, err } = await run(
      'adapt',
      '--support',
      at('signs'),
      '--model',
      at('m.ttm'),
      '--json',
      ...args,
    );
    expect([status, err]).toEqual([0, '']);
    return JSON.parse(out) as AdaptReport;
  };

  beforeAll(async () => {
    expect((await run('import', dataPath('models/mbv2-w0.35.onnx'), '-o', at('m.ttm'))).status).toBe(0);
    const data = await openData(dataPath('data/handsign.zip'));
    for (const { name, files } of data.classes.slice(0, 3)) {
      mkdirSync(at(`signs/${name}`), { recursive: true });
      const images = await data.listing.read(files.slice(0, 3));
      for (const [i, bytes] of images.entries()) writeFileSync(at(`signs/${name}/${i}.jpg`), bytes);
    }
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('keeps the budgets, and gives the same patch for the same seed', async () => {
    const args = ['--memory', '256KB', '--compute', '10%', '--iterations', '3'];
    const first = await adapt(...args, '--save', at('a.ttd'), '--save-selection', at('s.json'));
    const second = await adapt(...args, '--save', at('b.ttd'));
    expect(readFileSync(at('a.ttd'))).toEqual(readFileSync(at('b.ttd')));
    expect(first.patch).toEqual(second.patch);
    expect(first.memory.backwardBytes).toBeLessThanOrEqual(256 * 1024);
    expect(first.macs.backward).toBeLessThanOrEqual(0.1 * first.macs.fullBackward);
    const again = await adapt(...args, '--selection', at('s.json'));
    expect(again.layers.map((l) => l.selected)).toEqual(first.layers.map((l) => l.selected));
    expect((await adapt(...args, '--seed', '1')).patch.sha256).not.toBe(first.patch.sha256);
  });
  it('classifies the samples that it was adapted to', async () => {
    const names = readdirSync(at('signs')).sort();
    const images = names.map((name) => at(`signs/${name}/0.jpg`));
    const { out } = await run('classify', ...images, '--model', at('m.ttm'), '--patch', at('a.ttd'), '--json');
    expect(JSON.parse(out).map((r: { label: string }) => r.label)).toEqual(names);
  });
  it('names layers that the model does not have', async () => {
    writeFileSync(at('odd.json'), '{"layers": {"b99.pw": "all"}}');
    const args = ['adapt', '--support', at('signs'), '--model', at('m.ttm'), '--selection', at('odd.json')];
    const { status, err } = await run(...args);
    expect(status).toBe(1);
    expect(err).toMatch(/^tinytrain: .*the model has no layer 'b99\.pw'[^\n]*\n$/);
  });
  it('evaluates', async () => {
    const task = ['--way', '3', '--shot', '1', '--query', '2', '--tasks', '2', '--workers', '1', '--iterations', '2'];
    const methods = ['--methods', 'none,lastlayer,tinytrain'];
    const data = ['--data', at('signs'), '--model', at('m.ttm')];
    const { status, out } = await run('evaluate', ...data, ...methods, ...task, '--json');
    expect(status).toBe(0);
    const { rows } = JSON.parse(out) as { rows: { accuracy: number; backwardBytes: number }[] };
    expect(rows).toHaveLength(3);
    for (const { accuracy } of rows) expect(accuracy).toBeGreaterThanOrEqual(0);
    expect(rows[0]!.backwardBytes).toBe(0);
  });
});
