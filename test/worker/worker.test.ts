import { TinyTrain, TinyTrainError } from 'tinytrain';
import { TinyTrain as InThread } from 'tinytrain/worker';
import { describe, expect, it } from 'vitest';
import { writeModel } from '../../src/model/write.js';
import type { Progress } from '../../src/types.js';
import { everyOperator, support } from '../engine/networks.js';

const file = writeModel(everyOperator());
const samples = support([9, 8, 3]);
const options = { memory: '20KB', compute: 0.5, iterations: 6, lr: 0.02 };
const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16)).join(' ');
/** A report without its times. */
const plain = ({ time, ...report }: { time: unknown }) => report;

describe('tinytrain/worker', () => {
  it('gives what the same calls give without a worker', async () => {
    const [here, there] = [await TinyTrain.load(file), await InThread.load(file)];
    expect([there.model, there.binary]).toEqual([here.model, here.binary]);
    expect(await there.inspect()).toEqual(here.inspect());
    expect(plain(await there.select(samples, options))).toEqual(plain(await here.select(samples, options)));
    expect(plain(await there.adapt(samples, options))).toEqual(plain(await here.adapt(samples, options)));
    expect(await there.information()).toEqual(here.information());
    expect(hex(await there.patch())).toBe(hex(here.patch()));
    const image = samples[3]!.image;
    expect(await there.classify(image)).toEqual(here.classify(image));
    expect(await there.embed(image)).toEqual(here.embed(image));
    const patch = await there.patch();
    await there.reset();
    here.reset();
    expect(await there.embed(image)).toEqual(here.embed(image));
    await expect(there.classify(image)).rejects.toThrow('nothing to classify with');
    await there.apply(patch);
    here.apply(patch);
    expect(await there.classify(image)).toEqual(here.classify(image));
    there.close();
  });

  it('takes pictures, leaves them to the caller, or hands their memory over', async () => {
    const [here, there] = [await TinyTrain.load(file), await InThread.load(file)];
    const { input } = here.model;
    const picture = (seed: number) => ({
      data: Uint8ClampedArray.from({ length: 20 * 16 * 3 }, (_, i) => (i * seed) % 251),
      width: 20,
      height: 16,
    });
    if (input[2] !== 3) throw new Error('the network of this test takes pictures');
    const pictures = () => [3, 5, 7, 11].map((seed, i) => ({ image: picture(seed), label: i % 2 ? 'odd' : 'even' }));
    await here.adapt(pictures(), options);
    const kept = pictures();
    await there.adapt(kept, options);
    expect(hex(await there.patch())).toBe(hex(here.patch()));
    expect(kept).toEqual(pictures());
    await there.adapt(kept, { ...options, transfer: true });
    expect(hex(await there.patch())).toBe(hex(here.patch()));
    expect(kept.map((sample) => sample.image.data.length)).toEqual([0, 0, 0, 0]);
    // A view of a part is copied: its neighbours stay.
    const values = new Float32Array(2 * input[0] * input[1] * input[2]).fill(0.25);
    const half = values.subarray(values.length / 2);
    expect(await there.embed(half, { transfer: true })).toEqual(here.embed(half));
    expect(values.length).toBe(2 * half.length);
    there.close();
  });

  it('tells of progress, and an exception of the caller ends the job', async () => {
    const tt = await InThread.load(file);
    const seen: Progress[] = [];
    const report = await tt.adapt(samples, { ...options, iterations: 400, onProgress: (p) => seen.push(p) });
    expect(report.loss).toHaveLength(400);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.at(-1)!.iterations).toBe(400);
    const stop = () => {
      throw new RangeError('enough');
    };
    await expect(tt.adapt(samples, { iterations: 100_000, onProgress: stop })).rejects.toThrow(
      new RangeError('enough'),
    );
    expect((await tt.adapt(samples, options)).loss).toHaveLength(6);
    tt.close();
  });

  it('aborts with the reason of the signal; what was there before is there again', async () => {
    const tt = await InThread.load(file);
    await tt.adapt(samples, options);
    const before = hex(await tt.patch());
    const controller = new AbortController();
    const reason = new Error('the person pressed stop');
    const running = tt.adapt(samples, {
      iterations: 1_000_000,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    // The thread does not block: it answers while it trains, that this is not possible now.
    await expect(tt.classify(samples[0]!.image)).rejects.toThrow('an adaptation is running');
    await expect(running).rejects.toBe(reason);
    expect(hex(await tt.patch())).toBe(before);
    await expect(tt.adapt(samples, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await tt.adapt(samples, options);
    expect(hex(await tt.patch())).toBe(before);
    tt.close();
  });

  it('errors are those of the API without a worker', async () => {
    const [here, there] = [await TinyTrain.load(file), await InThread.load(file)];
    const same = async (run: (tt: typeof here | typeof there) => unknown) => {
      const caught = async (tt: typeof here | typeof there) => {
        try {
          await run(tt);
        } catch (error) {
          return { name: (error as Error).name, message: (error as Error).message, type: (error as Error).constructor };
        }
        throw new Error('was not refused');
      };
      expect(await caught(there)).toEqual(await caught(here));
    };
    await same((tt) => tt.patch());
    await same((tt) => tt.adapt([]));
    await same((tt) => tt.adapt(undefined as never));
    await same((tt) => tt.adapt(samples, { memory: 1 }));
    await same((tt) => tt.adapt(samples, { memory: 'much' }));
    await same((tt) => tt.adapt(samples, { method: 'magic' as never }));
    await same((tt) => tt.adapt([{ image: new Float32Array(3), label: 'x' }]));
    await same((tt) => tt.adapt([null as never]));
    await same((tt) => tt.adapt([{ image: undefined as never, label: 'x' }]));
    await same((tt) => tt.embed({ data: new Uint8Array(3), width: 9, height: 9 }));
    await same((tt) => tt.apply(new Uint8Array(30)));
    await same((tt) => tt.apply(undefined as never));
    await expect(there.patch()).rejects.toThrow(TinyTrainError);
    const criterion = () => 1;
    await expect(there.adapt(samples, { criterion })).rejects.toThrow(
      'a criterion of your own cannot run in the worker',
    );
    await expect(InThread.load(new Uint8Array(9))).rejects.toThrow(/not|model/);
    there.close();
    await expect(there.inspect()).rejects.toThrow('the worker is closed');
    const other = await InThread.load(file);
    const running = other.adapt(samples, { iterations: 1_000_000 });
    other.close();
    await expect(running).rejects.toThrow('the worker is closed');
  });

  it('takes a binary that is ready', async () => {
    const scalar = await InThread.load(file, { binary: 'scalar' });
    expect(scalar.binary).toBe('scalar');
    await scalar.adapt(samples, options);
    const here = await TinyTrain.load(file, { binary: 'scalar' });
    await here.adapt(samples, options);
    expect(hex(await scalar.patch())).toBe(hex(here.patch()));
    scalar.close();
  });
});
