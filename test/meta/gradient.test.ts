import { describe, expect, it } from 'vitest';
import { compileBinary } from '../../src/binary.js';
import { Engine } from '../../src/engine.js';
import { describe as figures } from '../../src/inspect.js';
import { episodeGradient, episodeRight, openForEpisodes } from '../../src/meta/episode.js';
import { putVector, readVector, weightRanges, writeVector } from '../../src/meta/parameters.js';
import { layersOf, type Model } from '../../src/model/model.js';
import { readModel } from '../../src/model/read.js';
import { writeModel } from '../../src/model/write.js';
import { Random } from '../../src/random.js';
import type { Sample } from '../../src/types.js';
import { everyOperator, randomModel, support } from '../engine/networks.js';
import { difference, inDouble, meanLoss } from '../engine/reference.js';
import { BINARIES, everyLayer, Rig } from '../engine/rig.js';

/** Samples of three classes: a support set of 2, 1 and 3 a class, and other samples as queries, 1, 3 and 2 a class. */
function episode(model: Model, seed: number) {
  const samples = support(model.input, [3, 4, 5], seed);
  const shots = [2, 1, 3];
  const within = samples.map((s, i) => samples.slice(0, i).filter((t) => t.label === s.label).length);
  const isSupport = samples.map((s, i) => within[i]! < shots[Number(s.label.slice(6))]!);
  return { shots: samples.filter((_, i) => isSupport[i]), queries: samples.filter((_, i) => !isSupport[i]) };
}

async function engineOf(model: Model, binary: 'scalar' | 'simd') {
  const file = writeModel(model);
  const stored = readModel(file);
  const engine = await Engine.create(await compileBinary(binary));
  openForEpisodes(engine, file, figures(stored).layers, 10);
  return { file, stored, engine };
}

function tensorsOf(shots: readonly Sample[], queries: readonly Sample[]) {
  const samples = [...shots, ...queries];
  const classes = [...new Set(shots.map((s) => s.label))];
  return {
    ways: classes.length,
    labels: samples.map((s) => classes.indexOf(s.label)),
    queries: queries.length,
    tensors: samples.map((s) => s.image as Float32Array),
  };
}

for (const binary of BINARIES) {
  describe(`the gradient of an episode with real queries, ${binary}`, () => {
    it('is that of finite differences', async () => {
      for (const model of [everyOperator(1), everyOperator(2), randomModel(7), randomModel(12)]) {
        const { shots, queries } = episode(model, 5);
        const { stored, engine } = await engineOf(model, binary);
        const gradient = new Float32Array((stored.fileBytes - stored.weightsOffset) / 4);
        const loss = await episodeGradient(engine, stored, tensorsOf(shots, queries), gradient);
        expect(Math.abs(loss - meanLoss(model, shots, queries))).toBeLessThan(1e-5);
        const double = inDouble(model);
        const random = new Random(9);
        const largest = gradient.reduce((m, g) => Math.max(m, Math.abs(g)), 0);
        expect(largest).toBeGreaterThan(0);
        for (const [l, layer] of layersOf(double).entries()) {
          for (const part of ['weights', 'bias'] as const) {
            const values = layer[part] as Float32Array;
            const { weightsOffset, biasOffset } = layersOf(stored)[l] as (typeof stored.operators)[number];
            const first = ((part === 'bias' ? biasOffset : weightsOffset) - stored.weightsOffset) / 4;
            const mine = gradient.subarray(first, first + values.length);
            const scale = mine.reduce((m, g) => Math.max(m, Math.abs(g)), Math.max(1e-3 * largest, 1e-2));
            for (let n = 0; n < 6; n++) {
              const at = random.between(0, values.length - 1);
              const expected = difference(double, shots, values, at, queries);
              expect(Math.abs(mine[at]! - expected) / scale, `${layer.name} ${part}[${at}]`).toBeLessThan(1e-3);
            }
          }
        }
      }
    });

    it('does not depend on what ran before, and weights that are put in count', async () => {
      const model = everyOperator(1);
      const { stored, engine, file } = await engineOf(model, binary);
      const weights = readVector(file, stored);
      const gradients: Float32Array[] = [];
      for (const seed of [3, 4, 3]) {
        const { shots, queries } = episode(model, seed);
        putVector(engine, stored, weights);
        const gradient = new Float32Array(weights.length);
        await episodeGradient(engine, stored, tensorsOf(shots, queries), gradient);
        await episodeRight(engine, tensorsOf(shots, queries));
        gradients.push(gradient);
      }
      expect(gradients[2]).toEqual(gradients[0]);
      expect(gradients[1]).not.toEqual(gradients[0]);
      const moved = weights.map((w, i) => w - 0.05 * gradients[0]![i]!);
      putVector(engine, stored, moved);
      const { shots, queries } = episode(model, 3);
      const loss = await episodeGradient(engine, stored, tensorsOf(shots, queries), gradients[1]!);
      const written = readModel(writeVector(file, stored, moved));
      expect(Math.abs(loss - meanLoss(written, shots, queries))).toBeLessThan(1e-5);
      expect(loss).toBeLessThan(meanLoss(model, shots, queries));
    });

    it('with the support set as queries is that of pseudo-queries as they are, bit for bit', async () => {
      const model = everyOperator(1);
      const samples = support(model.input);
      const patchOf = async (doubled: boolean) => {
        const rig = await Rig.create(binary, model, doubled ? [...samples, ...samples] : samples);
        if (doubled) rig.engine.task(rig.labels, rig.ways, samples.length);
        for (const variants of [0, 4]) {
          rig.set({ selection: everyLayer(model, 3), iterations: 3, variants, augment: 0 });
          rig.run('train');
        }
        return [rig.patch(), rig.loss];
      };
      expect(await patchOf(true)).toEqual(await patchOf(false));
    });
  });

  it(`counts the queries that are right, ${binary}`, async () => {
    const model = everyOperator(1);
    const { shots, queries } = episode(model, 5);
    const { engine } = await engineOf(model, binary);
    // Support samples are their own nearest in a class of one; the classes that come out are those of the reference.
    const one = shots.filter((s, i) => shots.findIndex((t) => t.label === s.label) === i);
    expect(await episodeRight(engine, tensorsOf(one, one))).toBe(3);
    const swapped = queries.map((q) => ({ ...q, label: one[(Number(q.label.slice(6)) + 1) % 3]!.label }));
    const right = await episodeRight(engine, tensorsOf(shots, queries));
    const wrong = await episodeRight(engine, tensorsOf(shots, swapped));
    expect(right + wrong).toBeLessThanOrEqual(queries.length);
    expect(right).toBeGreaterThan(wrong);
  });

  it(`refuses a task whose samples are all queries, ${binary}`, async () => {
    const model = everyOperator(1);
    const { stored, engine } = await engineOf(model, binary);
    const { tensors, labels, ways } = tensorsOf([...support(model.input)], []);
    for (const queries of [labels.length, labels.length + 1, -1]) {
      const run = episodeGradient(engine, stored, { ways, labels, queries, tensors }, new Float32Array());
      await expect(run).rejects.toThrow('an option is out of range');
    }
    const left = episodeGradient(
      engine,
      stored,
      { ways, labels, queries: labels.length - 1, tensors },
      new Float32Array(),
    );
    await expect(left).rejects.toThrow('class 1 has no sample');
  });
}

it('weights have their ranges, each once', () => {
  const stored = readModel(writeModel(everyOperator(1)));
  const floats = weightRanges(stored).reduce((sum, [start, end]) => sum + end - start, 0);
  expect(floats).toBe(layersOf(stored).reduce((sum, layer) => sum + layer.weights!.length, 0));
});
