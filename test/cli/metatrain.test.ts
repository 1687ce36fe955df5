import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deserialize } from 'node:v8';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MetatrainReport } from '../../src/cli/metatrain-report.js';
import { readModel } from '../../src/model/read.js';
import { writeModel } from '../../src/model/write.js';
import { Random } from '../../src/random.js';
import { Network, RELU } from '../engine/networks.js';
import { makeRoot, type Outcome, tinytrain } from './harness.js';

const root = makeRoot();
const at = (name: string) => join(root, name);
const [levels, model] = [at('levels'), at('m.ttm')];

/** Classes of one amount of red among any amounts of green and blue: what a network must learn not to look at. */
async function redLevels(path: string, classes: number, count: number, first = 0): Promise<void> {
  const random = new Random(first, 5);
  for (let k = first; k < first + classes; k++) {
    mkdirSync(join(path, `level ${k}`), { recursive: true });
    for (let i = 0; i < count; i++) {
      const background = { r: 20 * k + random.between(0, 6), g: random.between(0, 255), b: random.between(0, 255) };
      const image = sharp({ create: { width: 10, height: 8, channels: 3, background } });
      writeFileSync(join(path, `level ${k}`, `${i}.png`), await image.png().toBuffer());
    }
  }
}

beforeAll(async () => {
  await redLevels(levels, 12, 12);
  const net = new Network([6, 6, 3], 2)
    .convolution(8, { kernel: [3, 3], padding: [1, 1, 1, 1], limit: RELU })
    .depthwise({ limit: 6 })
    .convolution(12, { limit: RELU })
    .mean()
    .linear(8);
  writeFileSync(model, writeModel(net.model('tiny')));
});
afterAll(() => rmSync(root, { recursive: true }));

const task = ['--way', '2-4', '--shot', '3', '--query', '4', '--validate', '4', '--augment', 'none', '--workers', '1'];
const training = [...task, '--episodes', '60', '--every', '20', '--validation-tasks', '10', '--lr', '0.01'];
const given = (output: string, ...more: string[]) => [
  ...['metatrain', '--data', levels, '--model', model, '-o', at(output)],
  ...[...training, ...more],
];
const run = (output: string, ...more: string[]) => tinytrain(root, given(output, ...more));

/** Runs it until stderr has had so many lines, then interrupts. */
async function interrupted(lines: number, output: string, ...more: string[]): Promise<Outcome> {
  const interrupt = new AbortController();
  let err = '';
  const outcome = await tinytrain(root, given(output, ...more), {
    signal: interrupt.signal,
    err: (text) => {
      err += text;
      if (err.split('\n').length > lines) interrupt.abort();
    },
  });
  return { ...outcome, err };
}

const timeless = ({ seconds, output, ...report }: MetatrainReport) => report;

describe('metatrain', () => {
  let whole: MetatrainReport;

  it('makes a network better at classes that it has not seen', async () => {
    const { status, out, err } = await run('whole.ttm', '--json');
    expect(status).toBe(0);
    whole = JSON.parse(out);
    expect(whole).toMatchObject({
      model: { name: 'tiny' },
      data: { classes: 8, images: 96, validationClasses: 4 },
      episodes: 60,
      stopped: 'end',
      validation: { tasks: 10 },
    });
    const { before, after, gain } = whole.validation!;
    expect(after.accuracy).toBeGreaterThan(before.accuracy + 5);
    expect(gain.accuracy).toBeCloseTo(after.accuracy - before.accuracy, 9);
    expect(gain.accuracy).toBeGreaterThan(gain.ci95!);
    expect(whole.history.map((v) => v.episode)).toEqual([0, 20, 40, 60]);
    expect(whole.history.find((v) => v.episode === whole.chosen)!.accuracy).toBe(after.accuracy);
    expect(err).toMatch(
      /^episode 0 of 60: accuracy [\d.]+%, best [\d.]+% at 0\nepisode 20 of 60: loss [\d.]+, accuracy/,
    );
    expect(err).toMatch(/ left\n/);
    expect(readdirSync(root).filter((name) => name.includes('whole'))).toEqual(['whole.ttm']);
    expect(readModel(readFileSync(at('whole.ttm'))).name).toBe('tiny');
  });

  it('goes on where it was interrupted, to the same model bit for bit', async () => {
    for (const optimizer of ['adam', 'momentum', 'sgd']) {
      const options = ['--json', '--optimizer', optimizer, '--episodes', '40', '--patience', '2'];
      const plain = await run(`${optimizer}.ttm`, ...options);
      const first = await interrupted(1, `${optimizer}-parts.ttm`, ...options);
      expect(first).toMatchObject({ status: 130, out: '' });
      expect(existsSync(at(`${optimizer}-parts.ttm`))).toBe(false);
      expect(existsSync(at(`${optimizer}-parts.ttm.checkpoint`))).toBe(true);
      const second = await interrupted(3, `${optimizer}-parts.ttm`, ...options);
      expect(second.err).toMatch(/^going on after episode \d+ of 40 \(.*parts\.ttm\.checkpoint\)\n/);
      expect(second.status).toBe(130);
      const last = await run(`${optimizer}-parts.ttm`, ...options);
      expect(last.err).toContain('going on after episode');
      expect(timeless(JSON.parse(last.out))).toEqual(timeless(JSON.parse(plain.out)));
      expect(readFileSync(at(`${optimizer}-parts.ttm`))).toEqual(readFileSync(at(`${optimizer}.ttm`)));
      expect(existsSync(at(`${optimizer}-parts.ttm.checkpoint`))).toBe(false);
    }
  });

  it('gives the same with any number of threads, also where they change', async () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const start = (...more: string[]) => spawn(process.execPath, [main, ...given('threads.ttm', ...more)]);
    const status = async (child: ReturnType<typeof start>) => (await once(child, 'close'))[0];
    const first = start('--workers', '2');
    let err = '';
    first.stderr.on('data', (chunk) => {
      err += chunk;
      if (!first.killed && err.includes('episode 20')) first.kill('SIGINT');
    });
    expect(await status(first)).toBe(130);
    expect(err).toMatch(/the same command goes on from .*threads\.ttm\.checkpoint\ntinytrain: interrupted\n$/);
    expect(existsSync(at('threads.ttm'))).toBe(false);
    expect(await status(start('--workers', '3'))).toBe(0);
    expect(readFileSync(at('threads.ttm'))).toEqual(readFileSync(at('whole.ttm')));
  });

  it('stops early, and takes the best weights there were', async () => {
    const { out } = await run('early.ttm', '--lr', '1e-9', '--patience', '2', '--json');
    const report: MetatrainReport = JSON.parse(out);
    expect(report).toMatchObject({ stopped: 'patience', episodes: 40, chosen: 0, checksum: whole.model.checksum });
    const text = (await run('early.ttm', '--lr', '1e-9', '--patience', '2')).out;
    expect(text).toMatch(/stopped after 2 validations without a better one/);
    expect(text).toMatch(
      /after episode 0: no validation was better than before training, the weights are as they came/,
    );
    expect(readFileSync(at('early.ttm'))).toEqual(readFileSync(model));
  });

  it('works without validation, and with another data set for it', async () => {
    const none = JSON.parse((await run('none.ttm', '--validate', '0', '--json')).out) as MetatrainReport;
    expect(none).toMatchObject({
      data: { classes: 12, validationClasses: 0 },
      validation: null,
      chosen: 60,
      history: [],
    });
    await redLevels(at('others'), 3, 8, 20);
    const args = ['--validate-data', `${at('others')},${levels}`, '--way', '5', '--augment', 'auto', '--json'];
    const other = JSON.parse((await run('other.ttm', ...args)).out) as MetatrainReport;
    expect(other.data).toMatchObject({ classes: 12, validationClasses: 15 });
    expect(none.checksum).not.toBe(other.checksum);
  });

  it('samples as Meta-Dataset', async () => {
    const { out } = await run('meta.ttm', '--way', 'meta', '--shot', 'meta', '--validate', '5', '--json');
    expect(JSON.parse(out)).toMatchObject({ episodes: 60, settings: { way: 'meta', shot: 'meta' } });
  });

  it('tells what it did', async () => {
    const { out } = await run('told.ttm');
    expect(out.replace(/\d+ s$/m, '0 s').replaceAll(root, '')).toMatch(
      /^model +tiny \([0-9a-f]{8}\)\ndata +8 classes with 96 images to train on, 4 to validate with\nepisodes +60 of 60 in 0 s\naccuracy +[\d.]+ ± [\d.]+% before, [\d.]+ ± [\d.]+% after, gain [\d.]+ ± [\d.]+ \(10 validation tasks\)\nwritten +\/told\.ttm \([0-9a-f]{8}\), the weights after episode \d+\n$/,
    );
  });
});

describe('metatrain says what is wrong', () => {
  const error = async (...more: string[]) => (await run('bad.ttm', ...more)).err.replaceAll(root, '');
  it.each([
    [['--way', '1'], "way must be a number of classes of at least 2, a range such as 5-20, or meta, got '1'"],
    [['--way', '9-3'], "a range such as 5-20, or meta, got '9-3'"],
    [['--validate', 'some'], "validate must be a share of the classes such as 10%, or their number, got 'some'"],
    [['--validate', '12'], 'validate holds out 12 of 12 classes: none is left to train on'],
    [['--validate', '120%'], "or their number, got '120%'"],
    [['--warmup', '5'], "warmup must be a share of the steps such as 5%, got '5'"],
    [['--weight-decay', '1'], "weight-decay must be a number from 0 to below 1, got '1'"],
    [['--average', '-0.1'], "average must be a number from 0 to below 1, got '-0.1'"],
    [['--clip', '0'], "clip must be a number above 0, got '0'"],
    [['--batch', '0'], "batch must be an integer from 1 to 1024, got '0'"],
  ])('%j', async (more, text) => {
    const { status, err } = await run('bad.ttm', ...more);
    expect(err).toContain(text);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  });

  it('of data and model', async () => {
    expect(await error('--shot', '9')).toBe(
      'tinytrain: the 8 classes to train on: way 2-4 needs 2 classes of at least 13 images; the data has 0 of its 8 classes; lower --way, --shot or --query, or add images\n',
    );
    expect(await error('--validate', '1')).toContain(
      'the data has 1 of its 1 classes; lower --way, --shot or --query, or raise --validate',
    );
    expect(await error('--data', at('nowhere'))).toBe('tinytrain: /nowhere: no such file or folder\n');
    expect(await error('--model', at('none.onnx'))).toContain('/none.onnx: no such model');
    expect(await error('-o', at('no/where.ttm'))).toContain(
      'cannot write /no/where.ttm: the folder /no does not exist',
    );
    expect(await error('--lr', '1e30', '--clip', '1e30')).toContain('training diverged');
    mkdirSync(at('spoiled/a'), { recursive: true });
    mkdirSync(at('spoiled/b'), { recursive: true });
    for (let i = 0; i < 16; i++) writeFileSync(at(`spoiled/${i % 2 ? 'a' : 'b'}/${i}.png`), 'no image');
    const data = ['--data', at('spoiled'), '--way', '2', '--validate', '0'];
    expect(await error(...data)).toMatch(/^tinytrain: \/spoiled\/[ab]\/\d+\.png: not an image that can be read/);
  });

  it('of checkpoints', async () => {
    expect((await interrupted(2, 'bad.ttm')).status).toBe(130);
    const path = at('bad.ttm.checkpoint');
    expect(await error('--lr', '0.02')).toBe(
      "tinytrain: /bad.ttm.checkpoint: the checkpoint of another run (lr 0.01 there, 0.02 here); give that run's options, another output, or --restart\n",
    );
    expect(await error('--data', at('others'), '--validate', '0')).toContain('another run (data ');
    const bytes = readFileSync(path);
    const { done } = deserialize(bytes.subarray(12)) as { done: number };
    expect(done).toBeGreaterThan(0);
    const flipped = Buffer.from(bytes);
    flipped[200]! ^= 1;
    for (const damaged of [flipped, bytes.subarray(0, -5), Buffer.from('none'), Buffer.alloc(0)]) {
      writeFileSync(path, damaged);
      expect(await error()).toBe(
        'tinytrain: /bad.ttm.checkpoint: not a checkpoint, or damaged; remove it, or start over with --restart\n',
      );
    }
    const { status, err } = await run('bad.ttm', '--restart');
    expect([status, err.startsWith('episode 0 of 60')]).toEqual([0, true]);
    expect(existsSync(path)).toBe(false);
  });
});
