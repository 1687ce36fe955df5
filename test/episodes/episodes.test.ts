import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Episode, sampleEpisode } from '../../src/episodes.js';
import { Random } from '../../src/random.js';

const key = (s: { class: number; image: number }) => `${s.class}/${s.image}`;

function checkSamples(episode: Episode, sizes: number[]) {
  const all = [...episode.support, ...episode.query];
  expect(new Set(all.map(key)).size).toBe(all.length);
  for (const s of all) {
    expect(episode.classes).toContain(s.class);
    expect(s.image).toBeLessThan(sizes[s.class]!);
  }
  expect(new Set(episode.classes).size).toBe(episode.classes.length);
}

const count = (samples: { class: number }[], c: number) => samples.filter((s) => s.class === c).length;

describe('a range of ways', () => {
  it('gives all of them, as far as there are classes, and asks for the fewest', () => {
    const ways = (classes: number) =>
      Array.from({ length: 300 }, (_, task) => {
        const options = { way: [3, 6] as const, shot: 1, query: 1, seed: 4 };
        return sampleEpisode(Array(classes).fill(5), options, task).classes.length;
      });
    expect(new Set(ways(9))).toEqual(new Set([3, 4, 5, 6]));
    expect(new Set(ways(4))).toEqual(new Set([3, 4]));
    expect(() => ways(2)).toThrow('way 3-6 needs 3 classes of at least 2 images; the data has 2 of its 2 classes');
  });
});

describe('fixed ways and shots', () => {
  it('holds its promises', () => {
    const args = fc.record({
      sizes: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 5, maxLength: 30 }),
      shot: fc.integer({ min: 1, max: 6 }),
      query: fc.integer({ min: 1, max: 10 }),
      seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      task: fc.nat(1000),
    });
    fc.assert(
      fc.property(args, ({ sizes, shot, query, seed, task }) => {
        fc.pre(sizes.filter((n) => n >= shot + query).length >= 5);
        const options = { way: 5, shot, query, seed };
        const episode = sampleEpisode(sizes, options, task);
        checkSamples(episode, sizes);
        expect(episode.classes.length).toBe(5);
        for (const c of episode.classes) {
          expect(count(episode.support, c)).toBe(shot);
          expect(count(episode.query, c)).toBe(query);
        }
        expect(sampleEpisode(sizes, options, task)).toEqual(episode);
      }),
    );
  });
  it('stays what it is', () => {
    const episode = sampleEpisode([20, 20, 20, 20, 20, 20], { way: 2, shot: 2, query: 1, seed: 0 }, 3);
    expect([episode.classes, episode.support.map(key), episode.query.map(key)]).toMatchInlineSnapshot(`
      [
        [
          5,
          1,
        ],
        [
          "5/18",
          "5/10",
          "1/17",
          "1/10",
        ],
        [
          "5/1",
          "1/7",
        ],
      ]
    `);
  });
  it('differs by task and by seed', () => {
    const sizes = Array(50).fill(30);
    const options = { way: 5, shot: 5, query: 10, seed: 0 };
    const first = sampleEpisode(sizes, options, 0);
    expect(sampleEpisode(sizes, options, 1)).not.toEqual(first);
    expect(sampleEpisode(sizes, { ...options, seed: 1 }, 0)).not.toEqual(first);
  });
  it('says what is missing', () => {
    expect(() => sampleEpisode([20, 14, 15], { way: 3, shot: 5, query: 10, seed: 0 }, 0)).toThrow(
      'way 3 needs 3 classes of at least 15 images; the data has 2 of its 3 classes',
    );
  });
});

describe('ways and shots of Meta-Dataset', () => {
  const options = { way: 'meta', shot: 'meta', query: 10, seed: 1 } as const;
  it('holds its promises', () => {
    const args = fc.record({
      sizes: fc.array(fc.integer({ min: 2, max: 700 }), { minLength: 5, maxLength: 80 }),
      task: fc.nat(1000),
    });
    fc.assert(
      fc.property(args, ({ sizes, task }) => {
        const episode = sampleEpisode(sizes, options, task);
        checkSamples(episode, sizes);
        const ways = episode.classes.length;
        expect(ways).toBeGreaterThanOrEqual(5);
        expect(ways).toBeLessThanOrEqual(Math.min(50, sizes.length));
        expect(episode.support.length).toBeLessThanOrEqual(500);
        const smallest = Math.min(...episode.classes.map((c) => sizes[c]!));
        for (const c of episode.classes) {
          expect(count(episode.query, c)).toBe(Math.min(10, Math.floor(smallest / 2)));
          expect(count(episode.support, c)).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 60 },
    );
  });
  it('spreads the ways evenly', () => {
    const ways = Array.from({ length: 600 }, (_, i) => sampleEpisode(Array(10).fill(20), options, i).classes.length);
    for (let w = 5; w <= 10; w++) expect(Math.abs(ways.filter((x) => x === w).length - 100)).toBeLessThan(40);
  });
  it('needs five classes', () => {
    expect(() => sampleEpisode([9, 9, 9, 9], options, 0)).toThrow('way meta needs 5 classes');
  });
});

describe('generator', () => {
  it('is uniform over small ranges', () => {
    const random = new Random(5);
    const hits = [0, 0, 0];
    for (let i = 0; i < 3000; i++) hits[random.between(0, 2)]!++;
    for (const h of hits) expect(Math.abs(h - 1000)).toBeLessThan(120);
  });
});
