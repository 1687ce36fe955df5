import { describe, expect, it } from 'vitest';
import { compileBinary } from '../../src/binary.js';
import { Engine } from '../../src/engine.js';
import { JOB } from '../../src/job.js';
import { writeModel } from '../../src/model/write.js';
import { Random } from '../../src/random.js';
import { deepNetwork, everyOperator, int8Of, Network, RELU, randomMobile, randomModel } from './networks.js';
import { resealed } from './patch.js';
import { BINARIES } from './rig.js';

const HEADER = 128;
const RECORD = 128;
const PATTERN = 0x5a;

/** Opens a model of any content and runs every job on it; true if it could be opened. Only errors of ours may come. */
function survives(engine: Engine, file: Uint8Array, memoryBudget = 10_000): boolean {
  const { control } = engine;
  const ours = (run: () => void): boolean => {
    try {
      run();
      return true;
    } catch (error) {
      expect(`${(error as Error).name}: ${(error as Error).message}`).toMatch(/^TinyTrainError: [^\n]+$/);
      return false;
    }
  };
  if (!ours(() => engine.open(file))) return false;
  engine.task([0, 1, 0, 1], 2);
  control.set('iterations', 1);
  control.set('optimizer', 2);
  control.set('lr', 0.01);
  control.set('temperature', 10);
  control.set('augment', 3);
  control.set('variants', 1);
  control.set('memoryBudget', memoryBudget);
  control.set('computeBudget', 1e7);
  control.set('criterion', 0);
  const graphBytes = new DataView(file.buffer).getUint32(32, true);
  const size = [40, 44, 48].reduce((n, at) => n * new DataView(file.buffer).getUint32(at, true), 1);
  const job = (which: keyof typeof JOB): boolean => {
    if (!ours(() => engine.begin(JOB[which]))) return false;
    const high = control.get('planHigh');
    new Uint8Array(engine.memory.buffer).fill(PATTERN, high);
    const random = new Random(1);
    const sample = () => Float32Array.from({ length: size }, () => random.uniform() * 4 - 2);
    const done = ours(() => engine.pump({ sample }));
    const bytes = new Uint8Array(engine.memory.buffer);
    expect(bytes.subarray(high).findIndex((byte) => byte !== PATTERN)).toBe(-1);
    const graph = bytes.subarray(engine.base, engine.base + graphBytes);
    expect(Buffer.compare(graph, file.subarray(0, graphBytes))).toBe(0);
    return done;
  };
  job('embed');
  job('probe');
  if (job('fisher')) {
    for (const criterion of [0, 1, 2, 3]) {
      control.set('criterion', criterion);
      engine.score();
      ours(() => engine.select());
    }
  }
  if (job('train')) engine.patch(['a', 'b']);
  return true;
}

for (const binary of BINARIES) {
  describe(`models of any content, ${binary}`, () => {
    const create = async () => Engine.create(await compileBinary(binary));

    it.each([
      ['floats', everyOperator()],
      ['int8', int8Of(everyOperator())],
    ])('are refused when cut or damaged, every byte: %s', async (_, model) => {
      const file = writeModel(model);
      const engine = await create();
      expect(survives(engine, file)).toBe(true);
      for (let length = 0; length < file.length; length += 7)
        expect(survives(engine, file.slice(0, length))).toBe(false);
      for (let at = 0; at < file.length; at++) {
        const copy = file.slice();
        copy[at]! ^= 1 << (at % 8);
        expect(survives(engine, copy), `byte ${at}`).toBe(false);
      }
    });

    it('are refused or run inside their memory where the checksum fits', async () => {
      let engine = await create();
      const random = new Random(8);
      const models = [
        everyOperator(),
        deepNetwork(),
        ...[1, 2, 3, 4].flatMap((seed) => [randomModel(seed), randomMobile(seed)]),
        ...[everyOperator(), randomModel(2), randomMobile(1)].map(int8Of),
      ];
      const files = models.map((model) => writeModel(model));
      const words = [
        0, 1, 2, 3, 5, 6, 7, 8, 16, 64, 127, 16384, 16385, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x7f800000,
        0x7fc00000,
      ];
      let good = 0;
      for (let n = 0; n < 4000; n++) {
        const which = n % files.length;
        const copy = files[which]!.slice();
        const records = HEADER + RECORD * models[which]!.operators.length;
        const view = new DataView(copy.buffer);
        for (let k = random.between(1, 2); k > 0; k--) {
          const at = random.between(4, (random.uniform() < 0.9 ? records : copy.length) / 4 - 1) * 4;
          const kind = random.between(0, 2);
          if (kind === 0) view.setUint32(at, words[random.between(0, words.length - 1)]!, true);
          else if (kind === 1) view.setUint32(at, view.getUint32(at, true) + random.between(-3, 3), true);
          else view.setUint8(at + random.between(0, 3), random.between(0, 255));
        }
        if (n % 500 === 0) engine = await create();
        if (survives(engine, resealed(copy), random.between(1000, 40_000))) good++;
      }
      expect(good).toBeGreaterThan(200);
    });

    it('that the host writes can be opened', async () => {
      // Padding behind that no window reaches; a single operator; no layer at all; a channel count that is large.
      const networks = [
        new Network([5, 5, 2]).convolution(3, { kernel: [1, 1], stride: [2, 2], padding: [0, 0, 1, 1] }).mean(),
        new Network([4, 6, 2])
          .pool('maxPooling', { kernel: [1, 2], stride: [3, 3], padding: [0, 0, 2, 0] })
          .convolution(2),
        new Network([1, 1, 1]).linear(2),
        new Network([3, 3, 1]).mean(),
        new Network([1, 1, 2]).convolution(20_000, { limit: RELU }).linear(2),
      ];
      for (const network of networks) {
        const engine = await create();
        expect(survives(engine, writeModel(network.model()))).toBe(true);
      }
    });
  });
}
