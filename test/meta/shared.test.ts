import { expect, it } from 'vitest';
import { JOB } from '../../src/job.js';
import { runJob } from '../../src/run.js';
import { portsBetween, Threads } from '../../src/worker/crew.js';
import { everyOperator, support } from '../engine/networks.js';
import { BINARIES, everyLayer, Rig } from '../engine/rig.js';

/** Trains with the last `queries` samples as queries, in `count` instances that share them; gives the patch of each. */
async function patches(binary: 'scalar' | 'simd', count: number, queries: number, variants: number, from: number) {
  const model = everyOperator(1);
  // The classes take turns, so that all of them are in the support set.
  const all = support(model.input, [14, 14, 14]);
  const samples = all.map((_, i) => all[(i % 3) * 14 + Math.floor(i / 3)]!);
  const ports = portsBetween(count);
  const found = await Promise.all(
    ports.map(async (own, index) => {
      const rig = await Rig.create(binary, model, samples);
      const crew = new Threads(index, own);
      crew.begin(1);
      rig.engine.task(rig.labels, rig.ways, queries);
      rig.set({ selection: everyLayer(model, from), iterations: 3, variants, augment: variants ? 1 : 0 });
      rig.engine.control.set('shard', index);
      rig.engine.control.set('shards', count);
      rig.engine.begin(JOB.train);
      const task = { classes: [], labels: [], tensors: samples.map((s) => s.image as Float32Array) };
      const loss = await runJob(rig.engine, task, { iterations: 3 }, count > 1 ? crew : undefined);
      return { loss, patch: rig.patch() };
    }),
  );
  for (const port of ports.flat()) port.close();
  return found;
}

for (const binary of BINARIES) {
  it(`real queries, too, may be shared between instances, ${binary}`, async () => {
    for (const [queries, variants, from] of [
      [5, 0, 0],
      [37, 3, 4],
      [20, 3, 4],
    ] as const) {
      const [expected] = await patches(binary, 1, queries, variants, from);
      for (const count of [2, 4]) {
        for (const mine of await patches(binary, count, queries, variants, from)) expect(mine).toEqual(expected);
      }
    }
    await expect(patches(binary, 6, 5, 0, 0)).rejects.toThrow('an option is out of range');
  });
}
