import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { layersOf } from '../../src/model/model.js';
import { readModel } from '../../src/model/read.js';
import { decodeImage, openData } from '../../src/node/data.js';
import { importOnnx } from '../../src/onnx/index.js';
import { TinyTrain } from '../../src/tinytrain.js';
import type { Sample } from '../../src/types.js';
import { dataFile, dataPath, describeWithData } from '../data.js';
import { deviation } from './golden.js';
import { parsePatch } from './patch.js';
import { BINARIES } from './rig.js';

interface Stored {
  model: string;
  data: string;
  files: string[];
  loss: number;
  features: number[];
  fisher: number[];
  score: number[];
  gradient: number[];
}

const stored: Stored = JSON.parse(readFileSync(new URL('../golden/engine_mcunet.json', import.meta.url)).toString());
/** A value next to a limit of its activation may fall on the other side in single precision: a step in what lies below. */
const FIGURES = 5e-3;
const norm = (values: Float32Array) => Math.hypot(...values);
const ranked = (scores: readonly number[]) => [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);

async function supportSet(): Promise<Sample[]> {
  const data = await openData(dataPath(stored.data));
  const bytes = await data.listing.read(stored.files);
  return Promise.all(
    stored.files.map(async (name, i) => ({ image: await decodeImage(bytes[i]!, name), label: name.split('/')[0]! })),
  );
}

describeWithData('MCUNet on traffic signs, against PyTorch', () => {
  for (const binary of BINARIES) {
    it(`features, Fisher potentials, scores, loss and gradients, ${binary}`, async () => {
      const file = importOnnx(dataFile(stored.model)).slice();
      const tt = await TinyTrain.load(file, { binary });
      const samples = await supportSet();
      const norms = samples.map(({ image }) => norm(tt.embed(image)));
      expect(deviation(norms, stored.features)).toBeLessThan(1e-5);

      const { layers } = await tt.select(samples, { memory: '64MB', compute: 1, augment: 'none' });
      expect(layers).toHaveLength(stored.fisher.length);
      for (const [l, layer] of layers.entries()) {
        expect(Math.abs(layer.fisher! / stored.fisher[l]! - 1), layer.name).toBeLessThan(FIGURES);
        expect(Math.abs(layer.score! / stored.score[l]! - 1), layer.name).toBeLessThan(FIGURES);
      }
      expect(ranked(layers.map((layer) => layer.score!))).toEqual(ranked(stored.score));

      const operators = layersOf(readModel(file));
      const rowLength = (l: number) => operators[l]!.weights!.length / operators[l]!.out[2];
      const train = async (iterations: number) => {
        const options = { method: 'fulltrain', optimizer: 'sgd', lr: 1, augment: 'none', iterations } as const;
        const { loss } = await tt.adapt(samples, options);
        return { loss, entries: parsePatch(tt.patch(), rowLength).entries };
      };
      const before = await train(0);
      const { loss, entries } = await train(1);
      expect(loss[0]! / stored.loss).toBeCloseTo(1, 4);
      for (const [l, entry] of entries.entries()) {
        const gradient = norm(entry.values.map((w, i) => before.entries[l]!.values[i]! - w));
        expect(Math.abs(gradient / stored.gradient[l]! - 1), layers[l]!.name).toBeLessThan(FIGURES);
      }
    });
  }
});
