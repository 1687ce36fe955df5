// Several views of a picture: what they show, prototypes and scores by them, and the patch that says how many.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MAX_VIEWS } from '../../src/defaults.js';
import { embedAll } from '../../src/embed.js';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain } from '../../src/node/index.js';
import { addViews } from '../../src/node/more-views.js';
import { addViewsToPrototypes } from '../../src/prototypes.js';
import type { AdaptOptions } from '../../src/types.js';
import { viewOf } from '../../src/views.js';
import { Network, RELU } from '../engine/networks.js';
import { resealed } from '../engine/patch.js';

const [h, w, c] = [12, 20, 3] as const;
/** Of each view but the first the share of the sides that it shows, and of what it leaves the share above and left of it. */
const WINDOWS = [
  [0.8, 0.5, 0.5],
  [0.88, 0, 0],
  [0.88, 1, 1],
  [0.88, 0, 1],
  [0.88, 1, 0],
] as const;

describe('viewOf', () => {
  it('gives the tensor itself, then its middle, then its corners', () => {
    // Linear in both directions, so that interpolation is exact where a window does not reach beyond the pixels' centres.
    const value = (y: number, x: number, k: number) => 0.25 * y - 0.5 * x + k;
    const tensor = Float32Array.from({ length: h * w * c }, (_, i) =>
      value(Math.floor(i / (w * c)), Math.floor(i / c) % w, i % c),
    );
    expect(viewOf(tensor, [h, w, c], 0)).toBe(tensor);
    expect(MAX_VIEWS).toBe(1 + WINDOWS.length);
    for (const [i, [side, top, left]] of WINDOWS.entries()) {
      const view = viewOf(tensor, [h, w, c], i + 1);
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          const at = (start: number, size: number, j: number) =>
            Math.min(size - 1, Math.max(0, (1 - side) * start * size + (j + 0.5) * side - 0.5));
          for (let k = 0; k < c; k++) {
            expect(view[(y * w + x) * c + k]).toBeCloseTo(value(at(top, h, y), at(left, w, x), k), 4);
          }
        }
      }
    }
  });
});

/** Pictures of 32 x 32 with stripes of three kinds, each a little different. */
const support = Array.from({ length: 9 }, (_, i) => {
  const data = new Uint8Array(32 * 32 * 3);
  for (let at = 0; at < data.length; at++) {
    const [x, y] = [Math.floor(at / 3) % 32, Math.floor(at / 96)];
    data[at] = ([x, y, x + y][i % 3]! % 6 < 3 ? 40 : 170) + ((at * 31 + i * 17) % 60);
  }
  return { image: { data, width: 32, height: 32 }, label: 'abc'[i % 3]! };
});
const training: AdaptOptions = { iterations: 4, lr: 0.05 };

/** The prototypes of a patch (docs/formats.md), class by class. */
function prototypesOf(patch: Uint8Array): Float32Array[] {
  const view = new DataView(patch.buffer, patch.byteOffset);
  const [ways, features, at] = [24, 28, 40].map((offset) => view.getUint32(offset, true)) as [number, number, number];
  return Array.from({ length: ways }, (_, k) =>
    Float32Array.from({ length: features }, (_, j) => view.getFloat32(at + 4 * (k * features + j), true)),
  );
}

const cosine = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>) => Array.from(x).reduce((sum, v, i) => sum + v * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

describe('adapt with views', () => {
  it('makes prototypes of all views of the samples, and scores of all views of a picture', async () => {
    const tt = await TinyTrain.load('small');
    const { input } = tt.model;
    const samples = Array.from({ length: 6 }, (_, i) => ({
      image: Float32Array.from({ length: input[0] * input[1] * input[2] }, (_, j) => Math.sin(j * (1 + (i % 2)) + i)),
      label: 'ab'[i % 2]!,
    }));
    const mean = (vectors: Float32Array[]) =>
      vectors[0]!.map((_, j) => vectors.reduce((sum, f) => sum + f[j]!, 0) / vectors.length);
    for (const views of [2, 6]) {
      const report = await tt.adapt(samples, { ...training, views });
      expect(report.views).toBe(views);
      const features = (image: Float32Array) =>
        mean(Array.from({ length: views }, (_, view) => tt.embed(viewOf(image, input, view))));
      const { scores } = tt.classify(samples[1]!.image);
      for (const [k, prototype] of prototypesOf(tt.patch()).entries()) {
        const own = samples.filter((_, i) => i % 2 === k);
        expect(cosine(mean(own.map(({ image }) => features(image))), prototype)).toBeCloseTo(1, 6);
        expect(scores['ab'[k]!]).toBeCloseTo(cosine(features(samples[1]!.image), prototype), 5);
      }
    }
  });

  it('trains as with one, and the patch carries how many', async () => {
    const tt = await TinyTrain.load('small');
    const one = await tt.adapt(support, training);
    expect(one.views).toBe(1);
    const plain = tt.patch();
    const byOne = tt.classify(support[0]!.image);
    await tt.adapt(support, { ...training, views: 1 });
    expect(tt.patch()).toEqual(plain);
    const four = await tt.adapt(support, { ...training, views: 4 });
    expect([four.loss, four.memory, four.macs]).toEqual([one.loss, one.memory, one.macs]);
    const patch = tt.patch();
    const byFour = tt.classify(support[0]!.image);
    expect(byFour.scores).not.toEqual(byOne.scores);
    const ram = await tt.adapt(support, { ...training, views: 4, ram: '4MB' });
    expect(ram.patch.sha256).toBe(four.patch.sha256);
    const other = await TinyTrain.load('small');
    other.apply(patch);
    expect(other.classify(support[0]!.image)).toEqual(byFour);
    other.apply(plain);
    expect(other.classify(support[0]!.image)).toEqual(byOne);
  });

  it('later, in an adaptation with one, are those of an adaptation with as many, bit for bit', async () => {
    const spatial = new Network([12, 10, 3])
      .convolution(6, { kernel: [3, 3], stride: [2, 2], limit: RELU })
      .convolution(5);
    for (const model of ['small', writeModel(spatial.model())]) {
      const tt = await TinyTrain.load(model);
      for (const method of ['none', 'deeptrain'] as const) {
        const whole = await tt.adapt(support, { ...training, method, views: 5 });
        const scores = tt.classify(support[1]!.image);
        await tt.adapt(support, { ...training, method });
        await addViews(tt, support, 5);
        expect(createHash('sha256').update(tt.patch()).digest('hex')).toBe(whole.patch.sha256);
        expect(tt.classify(support[1]!.image)).toEqual(scores);
      }
    }
  });

  it('what the guard gives up has prototypes of as many views', async () => {
    const tt = await TinyTrain.load('small');
    const none = await tt.adapt(support, { method: 'none', views: 3 });
    const scores = tt.classify(support[0]!.image);
    const ruined = await tt.adapt(support, { method: 'fulltrain', lr: 0.1, iterations: 12, views: 3, guard: true });
    expect([ruined.fallback, ruined.patch.sha256]).toEqual([true, none.patch.sha256]);
    expect(tt.classify(support[0]!.image)).toEqual(scores);
  });

  it('refuses a patch of more views than it knows; nothing changes', async () => {
    const tt = await TinyTrain.load('small');
    await tt.adapt(support, { ...training, views: 2 });
    const patch = tt.patch();
    const scores = tt.classify(support[0]!.image);
    const wrong = patch.slice();
    new DataView(wrong.buffer).setUint32(52, 7, true);
    expect(() => tt.apply(resealed(wrong))).toThrow(
      'not a usable patch: it asks for 7 views of a picture, of at most 6',
    );
    expect(tt.patch()).toEqual(patch);
    expect(tt.classify(support[0]!.image)).toEqual(scores);
    tt.reset();
    tt.apply(patch);
    expect(tt.classify(support[0]!.image)).toEqual(scores);
  });

  it('refuses features of a view that are too large', async () => {
    const engine = {
      embed: () => new Float32Array(4).fill(1e25),
      floats: (_: string, count: number) => new Float32Array(count).fill(1),
      setPrototypes: () => expect.unreachable(),
    };
    const task = { classes: ['a', 'b'], labels: [0, 1], tensors: [new Float32Array(12), new Float32Array(12)] };
    const adding = addViewsToPrototypes(engine as never, task, [2, 2, 3], 4, 2, {});
    await expect(adding).rejects.toThrow(
      'training diverged: the features of a view are too large; lower the learning rate (--lr)',
    );
  });

  it('looks at the signal before every view', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const never = () => expect.unreachable();
    await expect(embedAll({} as never, 1, 1, never, { signal })).rejects.toThrow('enough');
  });
});
