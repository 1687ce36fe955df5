// Supports as careless users give them: each must be adapted to with finite results, or end in one clear line.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openData, readAll } from '../../src/node/data.js';
import { TinyTrain } from '../../src/node/index.js';
import { Random } from '../../src/random.js';
import type { AdaptReport, Method, Sample } from '../../src/types.js';

const random = new Random(7);
const noise = (spread: number) => Math.floor(spread * random.uniform());

/** A picture of a class: stripes of its own width and colour, with noise. */
function picture(k: number, width = 24, height = 20, channels = 3): Sample['image'] {
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        const stripe = (x + k * y) % (2 + (k % 7)) === 0 ? 120 : 0;
        data[(y * width + x) * channels + c] = stripe + ((k * 53 + c * 31 * k) % 90) + noise(40);
      }
    }
  }
  return { data, width, height };
}

const name = (k: number) => `class ${k}`;
const shots = (k: number, count: number, ...size: number[]): Sample[] =>
  Array.from({ length: count }, () => ({ image: picture(k, ...size), label: name(k) }));

let tt: TinyTrain;
beforeAll(async () => {
  tt = await TinyTrain.load('small');
});

/** Adapts, and checks that everything that comes out is a number and that the classifier knows every class. */
async function adapts(support: Sample[], method: Method = 'tinytrain'): Promise<AdaptReport> {
  const report = await tt.adapt(support, { method, iterations: 3, seed: 1 });
  expect(report.task.samples).toBe(support.length);
  expect(report.loss.every(Number.isFinite)).toBe(true);
  const { label, scores } = tt.classify(support[0]!.image);
  expect(Object.values(scores).every(Number.isFinite)).toBe(true);
  expect(Object.keys(scores).sort()).toEqual([...new Set(support.map((sample) => sample.label))].sort());
  expect(scores[label]).toBe(Math.max(...Object.values(scores)));
  expect(tt.patch().length).toBe(report.patch.bytes);
  return report;
}

describe('supports that are adapted to', () => {
  it.each(['tinytrain', 'none', 'biasonly'] as const)('of very unequal classes, %s', async (method) => {
    await adapts([...shots(0, 1), ...shots(1, 2), ...shots(2, 30)], method);
  });
  it.each(['tinytrain', 'none', 'biasonly'] as const)('of one sample a class, %s', async (method) => {
    await adapts([...shots(0, 1), ...shots(1, 1)], method);
  });
  it('of 50 classes', async () => {
    const support = Array.from({ length: 50 }, (_, k) => shots(k, 2)).flat();
    expect((await adapts(support)).task.ways).toBe(50);
  });
  it('with a tenth of the labels wrong', async () => {
    const support = [0, 1, 2, 3].flatMap((k) => shots(k, 5));
    support[3]!.label = name(2);
    support[17]!.label = name(0);
    await adapts(support);
  });
  it('of near-duplicates, and of the very same picture', async () => {
    const [a, b] = [picture(1), picture(2)];
    const near = { ...(b as { data: Uint8Array; width: number; height: number }) };
    near.data = near.data.map((x, i) => (i % 97 === 0 ? x ^ 1 : x));
    const same = (image: Sample['image'], label: string) => Array.from({ length: 4 }, () => ({ image, label }));
    await adapts([...same(a, 'a'), ...same(b, 'b'), { image: near, label: 'b' }]);
  });
  it('of one picture under two labels, which no network can tell apart', async () => {
    const image = picture(3);
    const report = await adapts([
      { image, label: 'a' },
      { image, label: 'b' },
    ]);
    expect(report.loss[0]).toBeGreaterThan(0.3);
  });
  it.each([
    ['1x1', 1, 1],
    ['3x2', 3, 2],
    ['1x400', 1, 400],
  ])('of pictures of %s', async (_, width, height) => {
    await adapts([...shots(1, 3, width, height), ...shots(5, 3, width, height)]);
  });
  it('of grey pictures beside coloured ones', async () => {
    await adapts([...shots(0, 3, 20, 20, 1), ...shots(1, 3, 20, 20, 4), ...shots(2, 3)]);
  });
  it.each([
    ['black', 0],
    ['white', 255],
  ])('of pictures that are all %s', async (_, value) => {
    const blank = { data: new Uint8Array(12 * 12 * 3).fill(value), width: 12, height: 12 };
    await adapts([...shots(0, 2), { image: blank, label: 'blank' }, { image: blank, label: 'blank' }]);
    await adapts([
      { image: blank, label: 'a' },
      { image: blank, label: 'b' },
    ]);
  });
});

it('a folder with pictures of one pixel, of grey, 16 bits and a palette is adapted to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tinytrain-robust-'));
  try {
    for (const [k, label] of ['dark', 'light'].entries()) {
      mkdirSync(join(folder, label));
      const pixel = (width: number, height: number) =>
        sharp({ create: { width, height, channels: 3, background: { r: 200 * k, g: 180 * k, b: 40 } } });
      await pixel(1, 1)
        .png()
        .toFile(join(folder, label, 'pixel.png'));
      await pixel(3, 2)
        .jpeg()
        .toFile(join(folder, label, 'small.jpg'));
      await pixel(9, 9)
        .toColourspace('b-w')
        .png()
        .toFile(join(folder, label, 'grey.png'));
      await pixel(9, 9)
        .toColourspace('rgb16')
        .png()
        .toFile(join(folder, label, 'deep.png'));
      await pixel(9, 9)
        .png({ palette: true })
        .toFile(join(folder, label, 'palette.png'));
    }
    const report = await adapts(await readAll(await openData(folder), tt.model.input));
    expect(report.task).toMatchObject({ ways: 2, samples: 10 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('supports that are refused', () => {
  const refused = (support: Sample[]) =>
    tt.adapt(support, { iterations: 1 }).then(String, (error: Error) => error.message);
  it('of one class', async () => {
    expect(await refused(shots(0, 3))).toBe(
      "all samples have one label ('class 0'): training needs at least two classes",
    );
  });
  it('with a picture of no pixels', async () => {
    const empty = { data: new Uint8Array(), width: 0, height: 4 };
    const message = await refused([...shots(0, 1), { image: empty, label: 'b' }]);
    expect(message).toBe("sample 1 ('b'): image: width and height must be positive integers, got 0 x 4");
  });
});
