// The guard: an adaptation that makes held-back views of its own samples harder to tell apart is given up.
import { describe, expect, it } from 'vitest';
import { compare } from '../../src/guard.js';
import { TinyTrain } from '../../src/node/index.js';
import { Random } from '../../src/random.js';
import type { AdaptOptions, Sample } from '../../src/types.js';

const random = new Random(3);
/** Three kinds of stripes with noise, `shots` of each. */
const support = (shots: number): Sample[] =>
  Array.from({ length: 3 * shots }, (_, i) => {
    const data = new Uint8Array(32 * 32 * 3);
    for (let at = 0; at < data.length; at++) {
      const [x, y] = [Math.floor(at / 3) % 32, Math.floor(at / 96)];
      const phase = [x, y, x + y][i % 3]!;
      data[at] = (phase % 6 < 3 ? 40 : 170) + Math.floor(60 * random.uniform());
    }
    return { image: { data, width: 32, height: 32 }, label: 'abc'[i % 3]! };
  });
/** Training that ruins the network. */
const ruin: AdaptOptions = { method: 'fulltrain', lr: 0.1, iterations: 12 };

for (const shots of [1, 4]) {
  describe(`${shots} samples a class`, async () => {
    const samples = support(shots);
    const tt = await TinyTrain.load('small');
    const none = await tt.adapt(samples, { method: 'none', guard: true });

    it('leaves an adaptation alone that helps, byte for byte', async () => {
      const plain = await tt.adapt(samples, { iterations: 8 });
      expect([plain.guard, plain.fallback]).toEqual([null, false]);
      const guarded = await tt.adapt(samples, { iterations: 8, guard: true });
      expect(guarded.fallback).toBe(false);
      expect(guarded.guard!.after).toBeGreaterThan(guarded.guard!.before);
      expect(guarded.patch).toEqual(plain.patch);
      expect([guarded.memory, guarded.loss]).toEqual([plain.memory, plain.loss]);
    });

    it.each([undefined, '4MB'])('gives one up that ruins the network, with --ram %s', async (ram) => {
      const report = await tt.adapt(samples, { ...ruin, guard: true, ram });
      expect(report).toMatchObject({ fallback: true, guard: { fallback: true } });
      expect(report.guard!.after).toBeLessThan(report.guard!.before);
      expect(report.layers.every(({ trains, selected }) => trains === 'nothing' && selected.length === 0)).toBe(true);
      expect(report.patch.sha256).toBe(none.patch.sha256);
      const { label, scores } = tt.classify(samples[0]!.image);
      const fresh = await TinyTrain.load('small');
      fresh.apply(tt.patch());
      expect(fresh.classify(samples[0]!.image)).toEqual({ label, scores });
    });
  });
}

it('has nothing to say where nothing was trained', async () => {
  const tt = await TinyTrain.load('small');
  const samples = support(2);
  for (const options of [{ method: 'none' }, { iterations: 0 }] as AdaptOptions[]) {
    expect(await tt.adapt(samples, { ...options, guard: true })).toMatchObject({ guard: null, fallback: false });
  }
  await expect(tt.adapt(samples, { guard: 1 as never })).rejects.toThrow('guard must be true or false');
});

it('can be interrupted, and what was there before is there again', async () => {
  const tt = await TinyTrain.load('default');
  const samples = support(20);
  await tt.adapt(samples, { method: 'none' });
  const before = tt.patch();
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error('enough')), 60);
  await expect(tt.adapt(samples, { ...ruin, guard: true, augment: 'none', signal: stop.signal })).rejects.toThrow(
    'enough',
  );
  expect(tt.patch()).toEqual(before);
});

describe('compare', () => {
  it('tells a fall from noise', () => {
    expect(compare([0.2, 0.3, 0.1], [0, 0.1, -0.1])).toMatchObject({ fallback: true });
    expect(compare([0.2, 0.3, 0.1], [0.4, 0.1, 0])).toMatchObject({ fallback: false });
    expect(compare([0.2, 0.3], [0.2, 0.3])).toEqual({ before: 0.25, after: 0.25, noise: 0, fallback: false });
  });
});
