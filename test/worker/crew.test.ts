import fc from 'fast-check';
import { TinyTrain } from 'tinytrain';
import { TinyTrain as InThread } from 'tinytrain/worker';
import { describe, expect, it } from 'vitest';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain as Here } from '../../src/tinytrain.js';
import type { AdaptOptions, Sample } from '../../src/types.js';
import { portsBetween, Threads } from '../../src/worker/crew.js';
import { everyOperator, randomModel, support } from '../engine/networks.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
/** What a run says that does not depend on time or on how much memory sharing takes. */
const plain = ({ time, memory, ...report }: Awaited<ReturnType<Here['adapt']>>) => ({
  ...report,
  backwardBytes: memory.backwardBytes,
});

/** Adapts with `count` instances, all in this thread, joined by ports; gives the report and patch of each. */
async function together(
  file: Uint8Array,
  count: number,
  samples: Sample[],
  options: AdaptOptions,
  binary: 'scalar' | 'simd',
) {
  const ports = portsBetween(count);
  const crews = ports.map((own, index) => new Threads(index, own));
  const all = await Promise.all(crews.map((crew) => Here.load(file, { binary, crew } as object)));
  for (const crew of crews) crew.begin(1);
  const reports = await Promise.all(all.map((tt) => tt.adapt(samples, options)));
  for (const port of ports.flat()) port.close();
  return all.map((tt, i) => ({ report: plain(reports[i]!), patch: hex(tt.patch()) }));
}

describe('instances that share the samples of an iteration', () => {
  it('give the bits of one instance, whatever the network, the method and the number of samples', async () => {
    const arbitrary = fc.record({
      seed: fc.integer({ min: 1, max: 1e6 }),
      count: fc.integer({ min: 2, max: 4 }),
      shots: fc.array(fc.integer({ min: 2, max: 14 }), { minLength: 2, maxLength: 4 }),
      method: fc.constantFrom('tinytrain', 'fulltrain', 'lastlayer', 'none'),
      optimizer: fc.constantFrom('sgd', 'momentum', 'adam'),
      augment: fc.constantFrom('auto', 'none', 'noflip'),
      variants: fc.integer({ min: 0, max: 2 }),
      binary: fc.constantFrom('scalar', 'simd'),
    });
    await fc.assert(
      fc.asyncProperty(arbitrary, async ({ seed, count, shots, binary, ...rest }) => {
        const model = randomModel(seed);
        const file = writeModel(model);
        const samples = support(model.input, shots, seed);
        const options = { ...rest, memory: '1MB', compute: 1, iterations: 2, lr: 0.01 };
        const one = await Here.load(file, { binary });
        const expected = { report: plain(await one.adapt(samples, options)), patch: hex(one.patch()) };
        for (const member of await together(file, count, samples, options, binary)) expect(member).toEqual(expected);
      }),
      { numRuns: 40, seed: 11 },
    );
  });

  it('do so where the samples take several rounds, and where a gradient is summed up in several steps', async () => {
    const model = everyOperator();
    const file = writeModel(model);
    const samples = support(model.input, [19, 16, 20]);
    for (const binary of ['scalar', 'simd'] as const) {
      const one = await Here.load(file, { binary });
      const options = { method: 'fulltrain', iterations: 3, lr: 0.01 } as const;
      const expected = { report: plain(await one.adapt(samples, options)), patch: hex(one.patch()) };
      for (const member of await together(file, 2, samples, options, binary)) expect(member).toEqual(expected);
    }
  });
});

describe('tinytrain/worker with several workers', () => {
  const file = writeModel(everyOperator());
  const samples = support([9, 8, 3]);
  const options = { memory: '20KB', compute: 0.5, iterations: 6, lr: 0.02 };

  it('gives what one gives, call after call', async () => {
    const [one, three] = [await TinyTrain.load(file), await InThread.load(file, { workers: 3 })];
    for (const more of [
      {},
      { seed: 4 },
      { ram: '1MB' },
      { views: 3 },
      { guard: true },
      { guard: true, lr: 40, iterations: 2 },
    ]) {
      const [a, b] = [
        await one.adapt(samples, { ...options, ...more }),
        await three.adapt(samples, { ...options, ...more }),
      ];
      expect(plain(b)).toEqual(plain(a));
      expect(await three.information()).toEqual(one.information());
      expect(await three.classify(samples[1]!.image)).toEqual(one.classify(samples[1]!.image));
    }
    const patch = one.patch();
    await three.reset();
    await three.apply(patch);
    expect(hex(await three.patch())).toBe(hex(patch));
    three.close();
  });

  it('aborts all of them, and they go on together afterwards', async () => {
    const [one, two] = [await TinyTrain.load(file), await InThread.load(file, { workers: 2 })];
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = () => controller.abort(reason);
    await expect(two.adapt(samples, { iterations: 1_000_000, signal: controller.signal, onProgress })).rejects.toBe(
      reason,
    );
    await expect(two.adapt(samples, { memory: 1 })).rejects.toThrow('memory');
    const stop = () => {
      throw new RangeError('no more');
    };
    await expect(two.adapt(samples, { iterations: 1_000_000, onProgress: stop })).rejects.toThrow('no more');
    await one.adapt(samples, options);
    await two.adapt(samples, options);
    expect(hex(await two.patch())).toBe(hex(one.patch()));
    two.close();
  });

  it('fewer samples than workers: those that are enough', async () => {
    const [one, five] = [await TinyTrain.load(file), await InThread.load(file, { workers: 5 })];
    const few = support([9, 8, 3], [2, 2]);
    await one.adapt(few, options);
    await five.adapt(few, options);
    expect(hex(await five.patch())).toBe(hex(one.patch()));
    five.close();
  });

  it('a sample each: what comes after it needs nobody', async () => {
    const [one, four] = [await TinyTrain.load(file), await InThread.load(file, { workers: 4 })];
    const few = support([9, 8, 3], [2, 2]);
    await one.adapt(few, options);
    await four.adapt(few, options);
    expect(await four.classify(few[1]!.image)).toEqual(one.classify(few[1]!.image));
    expect(await four.embed(few[3]!.image)).toEqual(one.embed(few[3]!.image));
    four.close();
  });

  it('refuses a number of workers that makes no sense', async () => {
    await expect(InThread.load(file, { workers: 0 })).rejects.toThrow('workers must be an integer from 1 to 64, got 0');
  });
});
