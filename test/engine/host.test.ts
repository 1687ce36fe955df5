import { describe, expect, it } from 'vitest';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { AdaptOptions, Progress, Sample } from '../../src/types.js';
import { everyOperator, Network, support } from './networks.js';
import { BINARIES } from './rig.js';

const model = everyOperator();
const file = writeModel(model);
const samples = support(model.input);
const [a, b] = [samples[0]!.image as Float32Array, samples.at(-1)!.image as Float32Array];

for (const binary of BINARIES) {
  describe(`the host, ${binary}`, () => {
    const load = () => TinyTrain.load(file, { binary });
    const answers = (tt: TinyTrain) => samples.map(({ image }) => [...tt.embed(image)]);
    /** Many steps, so that the thread is handed back on the way. */
    const long: AdaptOptions = { method: 'fulltrain', iterations: 100_000, lr: 1e-6, optimizer: 'sgd' };

    it('classifies only after an adaptation', async () => {
      const tt = await load();
      expect(() => tt.classify(a)).toThrow('nothing to classify with: call adapt, or apply a patch, first');
      expect(() => tt.patch()).toThrow('there is no patch: call adapt first');
      await tt.adapt(samples, { iterations: 2 });
      const { label, scores } = tt.classify(a);
      expect(Object.keys(scores)).toEqual(['class 0', 'class 1', 'class 2']);
      expect(scores[label]).toBe(Math.max(...Object.values(scores)));
    });

    for (const [when, stops] of [
      ['before it begins', () => true],
      ['during the Fisher pass', (p: Progress) => p.phase === 'fisher'],
      ['during training', (p: Progress) => p.phase === 'train' && p.iteration! > 0],
    ] as const) {
      it(`aborted ${when}, leaves what was there`, async () => {
        const tt = await load();
        const many = when === 'during the Fisher pass' ? Array.from({ length: 2000 }, () => samples).flat() : samples;
        for (const earlier of [false, true]) {
          if (earlier) await tt.adapt(samples, { iterations: 1, lr: 0.1 });
          const before = answers(tt);
          const patch = earlier ? tt.patch() : undefined;
          const controller = new AbortController();
          if (when === 'before it begins') controller.abort();
          let calls = 0;
          const onProgress = (progress: Progress) => {
            calls++;
            if (stops(progress)) controller.abort();
          };
          const options: AdaptOptions = when === 'during the Fisher pass' ? { iterations: 1 } : long;
          const { signal } = controller;
          const run = tt.adapt(many, { ...options, augment: 'noflip', signal, onProgress });
          await expect(run).rejects.toMatchObject({ name: 'AbortError' });
          expect(calls > 0).toBe(when !== 'before it begins');
          expect(answers(tt)).toEqual(before);
          if (patch) expect(tt.patch()).toEqual(patch);
          else expect(() => tt.classify(a)).toThrow(/^nothing to classify/);
        }
      });
    }

    it('refuses a second call while one runs, and takes it afterwards', async () => {
      const tt = await load();
      const controller = new AbortController();
      const run = tt.adapt(samples, { ...long, signal: controller.signal });
      const busy = 'an adaptation is running: wait for it, or abort it, first';
      await expect(tt.adapt(samples)).rejects.toThrow(busy);
      await expect(tt.select(samples)).rejects.toThrow(busy);
      for (const call of [
        () => tt.embed(a),
        () => tt.inspect(),
        () => tt.reset(),
        () => tt.apply(new Uint8Array(64)),
      ]) {
        expect(call).toThrow(busy);
      }
      controller.abort();
      await expect(run).rejects.toMatchObject({ name: 'AbortError' });
      await tt.adapt(samples, { iterations: 1 });
      expect(tt.classify(a).label).toMatch(/^class/);
    });

    it('passes on what onProgress throws, and recovers', async () => {
      const tt = await load();
      const before = answers(tt);
      const onProgress = () => {
        throw new RangeError('mine');
      };
      await expect(tt.adapt(samples, { ...long, onProgress })).rejects.toThrow('mine');
      expect(answers(tt)).toEqual(before);
    });

    it('says in one line what is wrong with a support set', async () => {
      const tt = await load();
      const bad: [unknown, RegExp][] = [
        [[], /^the support set is empty/],
        [undefined, /^the support set is empty/],
        [[{ image: a, label: 'one' }], /^all samples have one label \('one'\): training needs at least two classes$/],
        [
          [
            { image: a, label: '' },
            { image: b, label: 'b' },
          ],
          /^sample 0 has no usable label/,
        ],
        [
          [
            { image: a, label: 3 },
            { image: b, label: 'b' },
          ],
          /^sample 0 has no usable label/,
        ],
        [
          [
            { image: a, label: 'a' },
            { image: b, label: 'b\0c' },
          ],
          /^sample 1 has no usable label/,
        ],
        [[{ image: a, label: 'a' }, null], /^sample 1 has no usable label/],
        [
          [
            { image: a, label: 'a' },
            { image: b.subarray(1), label: 'b' },
          ],
          /^sample 1 \('b'\): .* = 216 values, got 215$/,
        ],
        [
          [
            { image: a, label: 'a' },
            { image: b.map(() => Number.NaN), label: 'b' },
          ],
          /^sample 1 \('b'\): .* is NaN$/,
        ],
        [
          [
            { image: a, label: 'a' },
            { image: { data: [], width: 1, height: 1 }, label: 'b' },
          ],
          /^sample 1 \('b'\): image/,
        ],
        [[{ image: a, label: 'a' }, { label: 'b' }], /^sample 1 \('b'\): [^\n]+$/],
      ];
      for (const [set, message] of bad) {
        await expect(tt.adapt(set as Sample[])).rejects.toThrow(message);
        await expect(tt.select(set as Sample[])).rejects.toThrow(message);
      }
      expect(() => tt.embed(a.subarray(1))).toThrow(/216 values, got 215$/);
    });

    it('says that training diverged, and goes back', async () => {
      const tt = await load();
      const before = answers(tt);
      const run = tt.adapt(samples, { method: 'fulltrain', optimizer: 'sgd', lr: 1e30 });
      await expect(run).rejects.toThrow(
        'training diverged: the loss is no longer a number; lower the learning rate (--lr)',
      );
      expect(answers(tt)).toEqual(before);
    });

    it('says so too where an activation hides it', async () => {
      const clipped = new Network([1, 1, 3]).convolution(4, { limit: 6 }).model();
      const tt = await TinyTrain.load(writeModel(clipped), { binary });
      const options = { method: 'biasonly', optimizer: 'sgd', lr: 3e38, temperature: 1e4, iterations: 1 } as const;
      await expect(tt.adapt(support(clipped.input), { ...options, augment: 'none' })).rejects.toThrow(
        /^training diverged/,
      );
    });

    it('refuses options that single precision does not hold', async () => {
      const tt = await load();
      for (const lr of [1e39, 1e-60]) await expect(tt.adapt(samples, { lr })).rejects.toThrow(/^lr must be a number/);
      await expect(tt.adapt(samples, { temperature: 1e39 })).rejects.toThrow(/^temperature must be a number/);
    });

    it('keeps the classes and samples that it was given', async () => {
      const tt = await load();
      const labels = ['zebra', 'Ä', '日本', 'a b'];
      const set = labels.flatMap((label, k) => [{ image: samples[k]!.image, label }]);
      const report = await tt.adapt(set, { iterations: 0, method: 'none' });
      expect(report.task).toEqual({ ways: 4, samples: 4, classes: labels });
      // One sample a class, no training: each sample is its own prototype.
      for (const { image, label } of set) expect(tt.classify(image).label).toBe(label);
      const other = await load();
      other.apply(tt.patch());
      expect(Object.keys(other.classify(a).scores)).toEqual(labels);
    });
  });
}
