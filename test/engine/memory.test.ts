import { describe, expect, it } from 'vitest';
import { JOB } from '../../src/job.js';
import { layersOf } from '../../src/model/model.js';
import { readModel } from '../../src/model/read.js';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain } from '../../src/tinytrain.js';
import { deepNetwork, everyOperator, support } from './networks.js';
import { BINARIES, everyLayer, type Job, Rig } from './rig.js';

const model = everyOperator();
const samples = support(model.input);
const PATTERN = 0xa5;
/** Most scratch that a kernel of these networks takes. */
const SCRATCH = 8192;
const PATTERN_FLOAT = new Float32Array(new Uint8Array([PATTERN, PATTERN, PATTERN, PATTERN]).buffer)[0]!;

const deep = deepNetwork();

const CHANNELS: Job['selection'] = { 1: [0, 3, 8], 2: [1, 2], 3: 'bias', 5: 'all', 6: [4] };
const JOBS: [string, keyof typeof JOB, typeof model, Job][] = [
  ['embed', 'embed', model, {}],
  ['probe', 'probe', model, {}],
  ['Fisher pass', 'fisher', model, {}],
  ['Fisher pass, augmented', 'fisher', model, { augment: 3 }],
  ['Fisher pass, recomputed', 'fisher', deep, { memoryBudget: 60_000 }],
  ['no training', 'train', model, { iterations: 0 }],
  ['no training, kept prefix', 'train', model, { selection: { 5: 'all' }, iterations: 0, variants: 4, augment: 3 }],
  ...(['sgd', 'momentum', 'adam'] as const).flatMap((optimizer): [string, 'train', typeof model, Job][] => [
    [`every layer, ${optimizer}`, 'train', model, { selection: everyLayer(model), optimizer }],
    [`channels, ${optimizer}`, 'train', model, { selection: CHANNELS, optimizer, augment: 3 }],
    [
      `last layers, kept prefix, ${optimizer}`,
      'train',
      model,
      { selection: { 4: 'bias', 5: [1, 2] }, optimizer, variants: 3, augment: 1 },
    ],
    [`recomputed, ${optimizer}`, 'train', deep, { selection: everyLayer(deep), optimizer, memoryBudget: 1 }],
    [
      `recomputed, kept prefix, ${optimizer}`,
      'train',
      deep,
      { selection: everyLayer(deep, 4), optimizer, memoryBudget: 1, variants: 2 },
    ],
  ]),
  ['biases', 'train', model, { selection: Object.fromEntries(layersOf(model).map((_, layer) => [layer, 'bias'])) }],
];

for (const binary of BINARIES) {
  describe(`memory of a job is what was planned, ${binary}`, () => {
    for (const [title, job, network, options] of JOBS) {
      it(title, async () => {
        const rig = await Rig.create(binary, network, network === model ? samples : support(network.input));
        const { control } = rig.engine;
        rig.set(options);
        rig.engine.begin(JOB[job]);
        if (options.memoryBudget) expect(control.get('recompute')).toBe(1);
        const low = control.get('planLow');
        const high = control.get('planHigh');
        const steps = rig.steps();
        // Room behind the plan, which must stay what it is.
        rig.engine.memory.grow(1);
        const end = rig.bytes.length;
        const keep = rig.bytes.slice(0, low);
        rig.bytes.fill(PATTERN, low, end);
        rig.finish();

        // Behind the plan nothing is written, and its end is reached. Scratch may be less than full: its size is what
        // the largest of the three kernels of a layer takes.
        let top = end;
        while (top > low && rig.bytes[top - 1] === PATTERN) top--;
        expect(top).toBeLessThanOrEqual(high);
        const scratch = steps.filter((step) => step.d > high - SCRATCH && step.d <= top);
        expect(high - top).toBeLessThan(Math.max(64, ...scratch.map((step) => high - step.d)));
        expect(control.get('peakBytes')).toBeGreaterThanOrEqual(high);

        // Below the task only what is trained has changed.
        const { base } = rig.engine;
        const allowed = new Uint8Array(rig.file.length);
        for (const [layer, operator] of readModel(rig.file)
          .operators.filter((o) => o.weights)
          .entries()) {
          const choice = job === 'train' && options.iterations !== 0 ? options.selection?.[layer] : undefined;
          if (choice === undefined) continue;
          const channels = operator.out[2];
          const listed = Array.isArray(choice) ? choice : Array.from({ length: channels }, (_, c) => c);
          const row = operator.weights!.length / channels;
          for (const channel of listed) {
            allowed.fill(1, operator.biasOffset + 4 * channel, operator.biasOffset + 4 * channel + 4);
            for (let t = 0; choice !== 'bias' && t < row; t++) {
              const at =
                operator.weightsOffset + 4 * (operator.op === 'depthwise' ? t * channels + channel : channel * row + t);
              allowed.fill(1, at, at + 4);
            }
          }
        }
        const changed = rig.bytes.slice(base, base + rig.file.length);
        expect(changed.findIndex((byte, i) => byte !== rig.file[i] && !allowed[i])).toBe(-1);
        // Below the arena there are the control block and constants, no more than a few hundred bytes, and in the SIMD
        // binary the buffers of the depthwise weight gradient (assembly/kernels/depthwise_packed.ts, depthwise_sums.ts).
        const control0 = 256 + (binary === 'simd' ? 32768 + 4096 : 0);
        const below = rig.bytes.slice(0, base).filter((byte, i) => byte !== keep[i]).length;
        expect(below).toBeLessThan(control0);
        if (job === 'train') for (const loss of rig.loss) expect(loss).not.toBeCloseTo(PATTERN_FLOAT);
      });
    }

    it('the peak reported is the top of what a whole adaptation used', async () => {
      for (const network of [model, deep]) {
        const rig = await Rig.create(binary, network, support(network.input));
        const adapt = () => {
          rig.reset();
          rig.set({ augment: 3, variants: 2, iterations: 2, memoryBudget: 40_000, computeBudget: 1e5 });
          const start = rig.engine.control.get('planLow') || rig.bytes.length;
          rig.bytes.fill(PATTERN, start);
          for (const job of ['probe', 'fisher'] as const) rig.run(job);
          rig.engine.score();
          rig.engine.select();
          rig.run('train');
          return rig.patch();
        };
        adapt();
        rig.engine.memory.grow(1);
        adapt();
        let top = rig.bytes.length;
        while (rig.bytes[top - 1] === PATTERN) top--;
        const peak = rig.engine.control.get('peakBytes');
        expect(top).toBeLessThanOrEqual(peak);
        expect(peak - top).toBeLessThan(SCRATCH);
      }
    });

    it('50 adaptations need no more memory than 2, and give the same patch each time', async () => {
      const rig = await Rig.create(binary, model, samples);
      const adapt = () => {
        rig.reset();
        rig.set({ selection: CHANNELS, augment: 3, variants: 2, iterations: 2 });
        rig.run('probe');
        rig.run('fisher');
        rig.engine.score();
        rig.engine.select();
        rig.run('train');
        return Buffer.from(rig.patch()).toString('base64');
      };
      const first = adapt();
      expect(adapt()).toBe(first);
      const { byteLength } = rig.engine.memory.buffer;
      for (let i = 2; i < 50; i++) expect(adapt()).toBe(first);
      expect(rig.engine.memory.buffer.byteLength).toBe(byteLength);
    });

    it('classifying and applying patches need no more memory either', async () => {
      const tt = await TinyTrain.load(writeModel(model), { binary });
      await tt.adapt(samples, { iterations: 1 });
      const patch = tt.patch();
      const { peakBytes } = (await tt.adapt(samples, { iterations: 1 })).memory;
      for (let i = 0; i < 20; i++) {
        tt.apply(patch);
        tt.classify(samples[0]!.image);
        tt.reset();
      }
      const again = await tt.adapt(samples, { iterations: 1 });
      expect(again.memory.peakBytes).toBe(peakBytes);
    });
  });
}
