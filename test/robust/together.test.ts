// Pictures that are classified together: prototypes move towards what they claim.
import { TinyTrain } from 'tinytrain';
import { TinyTrain as InThread } from 'tinytrain/worker';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { scoresTogether } from '../../src/together.js';

const random = new Random(5);
const noise = (spread: number) => spread * (2 * random.uniform() - 1);
const best = (scores: ArrayLike<number>) => Array.from(scores).indexOf(Math.max(...Array.from(scores)));
const norm = (v: readonly number[]) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
const unit = (v: readonly number[]) => v.map((x) => x / norm(v));
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

describe('scoresTogether', () => {
  const prototypes = [
    [2, 0.5, 0, 0],
    [0, 1, 0.2, 0],
    [0, 0, 3, 1],
  ];
  const pictures = Array.from({ length: 30 }, (_, i) => prototypes[i % 3]!.map((x) => x + noise(1.5)));

  it('is soft k-means, a prototype as much as ten pictures, three rounds', () => {
    let moved = prototypes.map(unit);
    for (let round = 0; round < 3; round++) {
      const sums = prototypes.map((p) => unit(p).map((x) => 10 * x));
      for (const picture of pictures.map(unit)) {
        const claims = moved.map((p) => (1 + (10 * dot(picture, p)) / 1024) ** 1024);
        const total = claims.reduce((a, b) => a + b);
        for (const [k, sum] of sums.entries())
          for (const [j, x] of picture.entries()) sum[j]! += (claims[k]! / total) * x;
      }
      moved = sums.map(unit);
    }
    const expected = pictures.map((picture) => moved.map((p) => dot(unit(picture), p)));
    for (const [i, scores] of scoresTogether(pictures, prototypes).entries()) {
      for (const [k, score] of scores.entries()) expect(score).toBeCloseTo(expected[i]![k]!, 6);
    }
  });

  it('finds classes that lie beside their prototypes', () => {
    // The first class reaches as far as the prototype of the second one, whose own pictures lie beyond.
    const [a, b] = [
      [1, 0],
      [0.6, 0.8],
    ];
    const angles = Array.from({ length: 40 }, (_, i) => (i % 2 ? 1.25 : 0.42) + noise(0.15));
    const turned = angles.map((angle) => [Math.cos(angle), Math.sin(angle)]);
    const right = (scores: ArrayLike<number>[]) => scores.filter((s, i) => best(s) === i % 2).length;
    const alone = turned.map((f) => [dot(f, a!), dot(f, b!)]);
    expect(right(scoresTogether(turned, [a!, b!]))).toBeGreaterThan(right(alone));
  });

  it('moves little for a single picture, and a picture without direction nowhere', () => {
    const [scores] = scoresTogether([pictures[0]!], prototypes);
    for (const [k, score] of scores!.entries()) {
      expect(Math.abs(score - dot(unit(pictures[0]!), unit(prototypes[k]!)))).toBeLessThan(0.1);
    }
    const [, zero] = scoresTogether([pictures[0]!, [0, 0, 0, 0]], prototypes);
    expect(Array.from(zero!)).toEqual([0, 0, 0]);
    expect(scoresTogether([], prototypes)).toEqual([]);
  });
});

describe('classifyTogether', () => {
  const image = (i: number) => {
    const data = new Uint8Array(32 * 32 * 3).map((_, at) => ((i % 3) * 60 + ((at * (i + 3)) % 97)) % 256);
    return { data, width: 32, height: 32 };
  };
  const support = Array.from({ length: 6 }, (_, i) => ({ image: image(i), label: 'abc'[i % 3]! }));
  const images = Array.from({ length: 9 }, (_, i) => image(i + 6));

  it.each([1, 3])('keeps the prototypes as they are, by %i views; a thread gives the same', async (views) => {
    const tt = await TinyTrain.load('small');
    await tt.adapt(support, { iterations: 3, views });
    const before = images.map((picture) => tt.classify(picture));
    const together = await tt.classifyTogether(images);
    expect(together.map(({ scores }) => Object.keys(scores))).toEqual(before.map(({ scores }) => Object.keys(scores)));
    for (const { label, scores } of together) expect(scores[label]).toBe(Math.max(...Object.values(scores)));
    expect(together).not.toEqual(before);
    expect(images.map((picture) => tt.classify(picture))).toEqual(before);
    const thread = await InThread.load('small');
    await thread.apply(tt.patch());
    expect(await thread.classifyTogether(images)).toEqual(together);
    thread.close();
  });

  it('says what it lacks', async () => {
    const tt = await TinyTrain.load('small');
    await expect(tt.classifyTogether(images)).rejects.toThrow(
      'nothing to classify with: call adapt, or apply a patch, first',
    );
    await tt.adapt(support, { method: 'none' });
    await expect(tt.classifyTogether(images[0] as never)).rejects.toThrow('classifyTogether takes a list of images');
    expect(await tt.classifyTogether([])).toEqual([]);
    const running = tt.classifyTogether(images);
    expect(() => tt.classify(images[0]!)).toThrow('an adaptation is running: wait for it, or abort it, first');
    await running;
    const broken = [images[0]!, { data: new Uint8Array(5), width: 1, height: 1 }];
    await expect(tt.classifyTogether(broken)).rejects.toThrow('image: 1 x 1 needs 3 bytes');
    expect(tt.classify(images[0]!).label).toMatch(/^[abc]$/);
  });
});
