import { beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../src/model/write.js';
import { Random } from '../../src/random.js';
import { TinyTrain } from '../../src/tinytrain.js';
import { everyOperator, support } from './networks.js';
import { resealed } from './patch.js';
import { BINARIES } from './rig.js';

const model = everyOperator();
const samples = support(model.input);
const bits = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');

/** What a network answers to every sample: features, and scores if it can classify. */
function answers(tt: TinyTrain): string {
  return samples.map(({ image }) => bits(tt.embed(image)) + JSON.stringify(classified(tt, image))).join();
}

function classified(tt: TinyTrain, image: Float32Array | object): unknown {
  try {
    return tt.classify(image as Float32Array);
  } catch (error) {
    return (error as Error).message;
  }
}

for (const binary of BINARIES) {
  describe(`patches, ${binary}`, () => {
    const load = (seed?: number) => TinyTrain.load(writeModel(everyOperator(seed)), { binary });
    const options = { memory: '20KB', compute: 0.5, iterations: 3, lr: 0.02 } as const;

    it('applied give what adapt gave, bit for bit; taken off, the original', async () => {
      const adapted = await load();
      const original = answers(adapted);
      for (const method of ['tinytrain', 'fulltrain', 'biasonly', 'lastlayer', 'none'] as const) {
        await adapted.adapt(samples, { ...options, method });
        const patch = adapted.patch();
        const expected = answers(adapted);
        expect(expected).not.toBe(original);
        const other = await load();
        other.apply(patch);
        expect(answers(other)).toBe(expected);
        expect(other.patch()).toEqual(patch);
        other.reset();
        expect(answers(other)).toBe(original);
        expect(() => other.patch()).toThrow(/^there is no patch/);
        adapted.reset();
        expect(answers(adapted)).toBe(original);
        adapted.apply(patch);
        expect(answers(adapted)).toBe(expected);
      }
    });

    it('replace each other, and adaptation starts from the original weights', async () => {
      const tt = await load();
      await tt.adapt(samples, options);
      const first = tt.patch();
      const small = answers(tt);
      await tt.adapt(samples, { ...options, method: 'fulltrain' });
      const second = tt.patch();
      tt.apply(first);
      expect(answers(tt)).toBe(small);
      tt.apply(second);
      await tt.adapt(samples, options);
      expect(tt.patch()).toEqual(first);
    });

    it('select and inspect leave everything as it is', async () => {
      const tt = await load();
      const before = tt.inspect();
      await tt.adapt(samples, options);
      const expected = answers(tt);
      expect(tt.inspect()).toEqual(before);
      await tt.select(samples, { ...options, method: 'fulltrain' });
      expect(answers(tt)).toBe(expected);
    });

    it('of another model are refused, and change nothing', async () => {
      const other = await load(2);
      await other.adapt(samples, options);
      const tt = await load();
      await tt.adapt(samples, options);
      const expected = answers(tt);
      expect(() => tt.apply(other.patch())).toThrow('the patch was made for another model');
      expect(answers(tt)).toBe(expected);
    });

    describe('that are damaged', () => {
      let tt: TinyTrain;
      let patch: Uint8Array;
      beforeAll(async () => {
        tt = await load();
        const selection = { layers: { depthwise2: [1, 2], convolution3: 'bias' as const, linear10: [0, 4] } };
        await tt.adapt(samples, { selection, iterations: 1 });
        patch = tt.patch();
      });

      /** True if it was applied; an error must be one line of ours. */
      function applied(bytes: Uint8Array): boolean {
        try {
          tt.apply(bytes);
          return true;
        } catch (error) {
          expect((error as Error).name).toBe('TinyTrainError');
          expect((error as Error).message).toMatch(/^(not a|the patch)[^\n]+$/);
          return false;
        }
      }

      it('are refused: every length, every byte', () => {
        const expected = answers(tt);
        for (let length = 0; length < patch.length; length++) expect(applied(patch.subarray(0, length))).toBe(false);
        expect(applied(Buffer.concat([patch, new Uint8Array(16)]))).toBe(false);
        for (let at = 0; at < patch.length; at++) {
          const copy = patch.slice();
          copy[at]! ^= 1 << (at % 8);
          expect(applied(copy), `byte ${at}`).toBe(false);
        }
        expect(answers(tt)).toBe(expected);
      });

      it('are refused with two classes of one name', () => {
        const copy = patch.slice();
        copy[Buffer.from(patch).indexOf('class 1') + 6] = '0'.charCodeAt(0);
        expect(applied(resealed(copy))).toBe(false);
      });

      it('are refused with prototypes whose cosines are no numbers', () => {
        const at = new DataView(patch.buffer).getUint32(40, true);
        for (const value of [1e30, Number.NaN, Number.POSITIVE_INFINITY]) {
          const copy = patch.slice();
          new DataView(copy.buffer).setFloat32(at + 4, value, true);
          expect(applied(resealed(copy))).toBe(false);
        }
      });

      it('are refused or applied, but never trusted, where the checksum fits', () => {
        const random = new Random(4);
        const words = [
          0, 1, 2, 3, 4, 16, 255, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, 0x7f800000,
        ];
        let good = 0;
        for (let n = 0; n < 4000; n++) {
          let copy = patch.slice();
          const view = new DataView(copy.buffer);
          for (let k = random.between(1, 3); k > 0; k--) {
            // Half of the time in the header, the entries and the lists.
            const limit = random.uniform() < 0.5 ? patch.length : 128;
            const at = random.between(4, limit / 4 - 1) * 4;
            const word = words[random.between(0, words.length - 1)]!;
            const kind = random.between(0, 3);
            if (kind === 0) view.setUint32(at, word, true);
            else if (kind === 1) view.setUint32(at, view.getUint32(at, true) + random.between(-2, 2), true);
            else if (kind === 2) view.setUint8(at + random.between(0, 3), random.between(0, 255));
            else view.setUint32(at, random.next(), true);
          }
          if (random.uniform() < 0.1) {
            copy = copy.slice(0, 16 * random.between(4, patch.length / 16));
            new DataView(copy.buffer).setUint32(8, copy.length, true);
          }
          if (!applied(resealed(copy))) continue;
          good++;
          const { image } = samples[n % samples.length]!;
          const { scores } = tt.classify(image);
          expect(tt.patch()).toEqual(resealed(copy));
          // Weights of 1e38 are finite, but what follows from them is not.
          if (!(Math.hypot(...tt.embed(image)) < 1e18)) continue;
          for (const score of Object.values(scores)) expect(Math.abs(score)).toBeLessThan(1.001);
        }
        expect(good).toBeGreaterThan(100);
        tt.apply(patch);
      });
    });
  });
}
