import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { AdaptOptions } from '../../src/types.js';
import { everyOperator, support } from './networks.js';
import { ALL } from './rig.js';

const file = writeModel(everyOperator());
const samples = support([9, 8, 3]);
const BUILT = new URL('../../dist/index.js', import.meta.url);

const OPTIONS: [string, AdaptOptions][] = [
  ['tinytrain', { memory: '20KB', compute: 0.5 }],
  ['a random criterion', { memory: '20KB', compute: 0.5, criterion: 'random' }],
  ['fulltrain', { method: 'fulltrain' }],
  ['deeptrain', { method: 'deeptrain', memory: '20KB', lr: 1e-3 }],
  ['thintrain', { method: 'thintrain', memory: '20KB' }],
  ['the last layer, kept prefix', { method: 'lastlayer', variants: 3 }],
  ['nothing augmented', { method: 'fulltrain', augment: 'none' }],
];

/** Adapts in a worker thread, with the host that `npm run build` compiles; the patch. */
function inWorker(binary: string, options: AdaptOptions): Promise<Uint8Array> {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.host).then(async ({ TinyTrain }) => {
      const tt = await TinyTrain.load(workerData.file, { binary: workerData.binary });
      await tt.adapt(workerData.samples, workerData.options);
      parentPort.postMessage(tt.patch());
    });`;
  const worker = new Worker(code, { eval: true, workerData: { host: BUILT.href, file, binary, samples, options } });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

for (const binary of ALL) {
  describe(`determinism, ${binary}`, () => {
    const patch = async (options: AdaptOptions, tt?: TinyTrain) => {
      const engine = tt ?? (await TinyTrain.load(file, { binary }));
      await engine.adapt(samples, { iterations: 4, lr: 0.02, ...options });
      return Buffer.from(engine.patch()).toString('base64');
    };

    for (const [title, options] of OPTIONS) {
      it(`${title}: one seed, one patch; another seed, another patch`, async () => {
        const tt = await TinyTrain.load(file, { binary });
        const first = await patch(options, tt);
        expect(await patch(options, tt)).toBe(first);
        // Whatever the engine did before.
        await patch({ method: 'fulltrain', optimizer: 'adam' }, tt);
        await tt.select(samples, { memory: '15KB', compute: 1 });
        tt.embed(samples[0]!.image);
        expect(await patch(options, tt)).toBe(first);
        expect(await patch(options)).toBe(first);
        const other = await patch({ ...options, seed: 1 });
        if (options.augment === 'none') expect(other).toBe(first);
        else expect(other).not.toBe(first);
      });
    }

    it('a worker thread gives the same bytes', async () => {
      expect(existsSync(BUILT), 'npm run build comes first').toBe(true);
      const options = { iterations: 4, lr: 0.02, ...OPTIONS[0]![1] };
      const bytes = await inWorker(binary, options);
      expect(Buffer.from(bytes).toString('base64')).toBe(await patch(options));
    });
  });
}
