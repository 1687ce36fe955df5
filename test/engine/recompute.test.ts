import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layersOf, type Model } from '../../src/model/model.js';
import { Random } from '../../src/random.js';
import type { Binary, LayerChoice } from '../../src/types.js';
import { deepNetwork, everyOperator, Network, randomMobile, randomModel, support } from './networks.js';
import { ALL, everyLayer, type Job, Rig } from './rig.js';

/** For each layer nothing, its bias, some channels or all. */
function randomSelection(model: Model, random: Random): Record<number, LayerChoice> {
  return Object.fromEntries(
    layersOf(model).flatMap((layer, l): [number, LayerChoice][] => {
      const kind = random.between(0, 4);
      const channels = Array.from({ length: layer.out[2] }, (_, c) => c);
      if (kind < 2) return [];
      if (kind === 2) return [[l, 'bias']];
      if (kind === 3) return [[l, 'all']];
      return [[l, random.pick(channels, random.between(1, channels.length)).sort((a, b) => a - b)]];
    }),
  );
}

/** The patch of a training job, how much memory its way back took, and whether blocks were computed again. */
async function train(binary: Binary, model: Model, job: Job) {
  const rig = await Rig.create(binary, model, support(model.input, [2, 2]));
  rig.set({ iterations: 2, optimizer: 'adam', ...job });
  rig.run('train');
  const { control } = rig.engine;
  const [bytes, again] = [control.get('backwardBytes'), control.get('recompute') === 1];
  return { patch: Buffer.from(rig.patch()), loss: rig.loss, bytes, again };
}

for (const binary of ALL) {
  describe(`the same patch, bit for bit, ${binary}`, () => {
    it('from a kept prefix as from one computed each time', async () => {
      const model = everyOperator();
      const selections: Record<number, LayerChoice>[] = [{ 5: 'all' }, { 4: [1, 2], 5: 'bias' }, { 2: [4] }];
      for (const selection of [...selections, everyLayer(model, 3)]) {
        const each = await train(binary, model, { selection });
        const kept = await train(binary, model, { selection, variants: 8 });
        expect(kept).toEqual(each);
        expect(each.loss.every(Number.isFinite)).toBe(true);
      }
    });

    it('from recomputed blocks', async () => {
      const model = deepNetwork();
      for (const from of [0, 3, 7, 10]) {
        for (const augment of [0, 3]) {
          const selection = everyLayer(model, from);
          const whole = await train(binary, model, { selection, augment });
          const blocks = await train(binary, model, { selection, augment, memoryBudget: 1 });
          expect([whole.again, blocks.again]).toEqual([false, true]);
          expect(blocks.bytes).toBeLessThan(whole.bytes);
          expect(blocks.patch.equals(whole.patch)).toBe(true);
          expect(blocks.loss).toEqual(whole.loss);
          const lomo = { selection, augment, optimizer: 'lomo', draws: 6 } as const;
          const [kept, again] = [
            await train(binary, model, lomo),
            await train(binary, model, { ...lomo, memoryBudget: 1 }),
          ];
          expect(again.patch.equals(kept.patch)).toBe(true);
          // No gradient outlives its layer, and there is hardly a state.
          expect(kept.bytes).toBeLessThan(whole.bytes);
        }
      }
    });

    it('from blocks between residual sums of one size', async () => {
      const net = new Network([8, 8, 3]).convolution(3);
      for (let block = 0; block < 4; block++) {
        const start = net.last;
        net.convolution(16, { limit: 6 }).depthwise({ limit: 6 }).convolution(3).add(start);
      }
      const model = net.mean().model();
      const selection = everyLayer(model);
      const whole = await train(binary, model, { selection });
      const blocks = await train(binary, model, { selection, memoryBudget: 1 });
      expect(blocks.again).toBe(true);
      expect(blocks.bytes).toBeLessThan(0.7 * whole.bytes);
      expect(blocks.patch.equals(whole.patch)).toBe(true);
    });

    it('whatever is kept or recomputed, for random graphs and selections', async () => {
      let again = 0;
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), async (seed) => {
          const model = seed % 3 ? randomMobile(seed) : randomModel(seed, 14);
          const selection = randomSelection(model, new Random(seed));
          const first = await train(binary, model, { selection });
          for (const options of [{ memoryBudget: 1 }, { variants: 3 }, { memoryBudget: 1, variants: 3 }]) {
            const other = await train(binary, model, { selection, ...options });
            expect(other.patch.equals(first.patch), JSON.stringify(options)).toBe(true);
            if (other.again) again++;
          }
          const augmented = { selection, augment: 3, variants: 2 };
          const { patch } = await train(binary, model, augmented);
          const blocks = await train(binary, model, { ...augmented, memoryBudget: 1 });
          expect(blocks.patch.equals(patch)).toBe(true);
        }),
        { numRuns: 60, seed: 1 },
      );
      expect(again).toBeGreaterThan(30);
    });

    it('Fisher information of recomputed blocks', async () => {
      const model = deepNetwork();
      const delta = async (memoryBudget: number) => {
        const rig = await Rig.create(binary, model, support(model.input));
        rig.set({ memoryBudget, augment: 3 });
        rig.run('fisher');
        expect(rig.engine.control.get('recompute')).toBe(memoryBudget < 1e6 ? 1 : 0);
        expect(rig.engine.control.get('inspectFrom')).toBe(0);
        return layersOf(model).map((layer, l) => rig.engine.layer(l, layer.out[2]));
      };
      expect(await delta(50_000)).toEqual(await delta(1e7));
    });
  });
}
