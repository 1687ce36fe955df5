import { describe, expect, it } from 'vitest';
import { compileBinary } from '../../src/binary.js';
import { ControlBlock, LAYER_BYTES } from '../../src/control.js';
import { crc32 } from '../../src/crc32.js';
import { writeModel } from '../../src/model/write.js';
import { everyOperator, Network, support } from './networks.js';
import { BINARIES } from './rig.js';

const NEED_MEMORY = -6;
const ORDER = -11;
const OPTION = -13;
const SAMPLE = 1;

type Call = (...args: number[]) => number;

/** The exports of a binary, called as a host in any language may call them. */
async function instance(binary: 'scalar' | 'simd', pages = 16) {
  const { exports } = await WebAssembly.instantiate(await compileBinary(binary), {});
  const call = exports as unknown as Record<string, Call>;
  const memory = exports.memory as WebAssembly.Memory;
  const base = ((exports.__heap_base as WebAssembly.Global).value + 15) & ~15;
  memory.grow(pages);
  const control = new ControlBlock(memory, call.control!());
  control.set('arenaBytes', memory.buffer.byteLength - base);
  const put = (file: Uint8Array) => {
    new Uint8Array(memory.buffer).set(file, base);
    return call.open!(base, file.length, file.length);
  };
  return { call, memory, base, control, put };
}

/** A file of many linear layers that share the same weights: more parameters than an address space holds. */
function sharedWeights(layers: number, width: number): Uint8Array {
  const one = writeModel(new Network([1, 1, width]).linear(width).model('m'));
  const head = 128 + 128 * layers;
  const names = 16;
  const weights = new DataView(one.buffer).getUint32(32, true);
  const file = new Uint8Array(head + names + one.length - weights);
  const view = new DataView(file.buffer);
  file.set(one.subarray(0, 128));
  const shift = head + names - weights;
  for (let i = 0; i < layers; i++) {
    const at = 128 + 128 * i;
    file.set(one.subarray(128, 256), at);
    view.setUint32(at + 68, i, true);
    view.setUint32(at + 80, view.getUint32(at + 80, true) + shift, true);
    view.setUint32(at + 88, view.getUint32(at + 88, true) + shift, true);
    view.setUint32(at + 104, i, true);
  }
  file.set(one.subarray(weights), head + names);
  view.setUint32(8, file.length, true);
  view.setUint32(16, layers, true);
  view.setUint32(20, layers, true);
  view.setUint32(24, head, true);
  view.setUint32(32, head + names, true);
  view.setUint32(12, crc32(file, 16), true);
  return file;
}

for (const binary of BINARIES) {
  describe(`calls out of order, ${binary}`, () => {
    const file = writeModel(everyOperator());

    /** Every call that needs a model, as long as there is none. */
    function refuses(call: Record<string, Call>, base: number) {
      expect(call.task!()).toBe(ORDER);
      for (const job of [-1, 0, 1, 2, 3, 4]) expect(call.begin!(job)).toBe(ORDER);
      expect(call.step!(10)).toBe(ORDER);
      call.score!();
      expect(call.select!()).toBe(ORDER);
      expect(call.cost!()).toBe(ORDER);
      expect(call.patch_apply!(base, 64)).toBe(ORDER);
      expect(call.patch_size!(0)).toBeLessThan(1024);
    }

    it('without a model', async () => {
      const { call, base, control } = await instance(binary);
      control.set('criterion', 2);
      refuses(call, base);
    });

    it('after a model that could not be opened', async () => {
      const { call, base, control, put } = await instance(binary);
      control.set('criterion', 2);
      expect(put(file)).toBe(0);
      expect(put(file.subarray(0, 128))).toBeLessThan(0);
      refuses(call, base);
      control.set('arenaBytes', file.length + 64);
      expect(put(file)).toBe(NEED_MEMORY);
      refuses(call, base);
    });

    it('with a task that was not laid out', async () => {
      const { call, memory, control, put } = await instance(binary);
      put(file);
      control.set('temperature', 10);
      control.set('computeBudget', 1e9);
      control.set('lr', 0.1);
      for (const [ways, samples] of [
        [3, 1_000_000],
        [60_000, 4],
      ] as const) {
        control.set('ways', ways);
        control.set('samples', samples);
        for (const job of [0, 1, 2, 3]) expect(call.begin!(job)).toBe(ORDER);
        expect(call.select!()).toBe(ORDER);
        expect(call.cost!()).toBe(ORDER);
      }
      control.set('samples', 0x7fffffff);
      expect(call.task!()).toBe(OPTION);
      expect(call.begin!(0)).toBe(ORDER);
      control.set('ways', 60_000);
      control.set('samples', 4_000_000);
      expect(call.task!()).toBe(NEED_MEMORY);
      expect(call.begin!(0)).toBe(ORDER);
      control.set('ways', 2);
      control.set('samples', 2);
      expect(call.task!()).toBe(0);
      new Uint16Array(memory.buffer, control.get('labelsPointer'), 2).set([0, 1]);
      expect(call.begin!(5)).toBe(OPTION);
      expect(call.begin!(0)).toBe(0);
      expect(call.step!(100)).toBe(SAMPLE);
      call.stop!();
      expect(call.step!(100)).toBe(ORDER);
    });

    it('a job may be given up after any number of steps', async () => {
      const { call, memory, control, put } = await instance(binary);
      const model = everyOperator();
      const samples = support(model.input, [1, 1]).map((sample) => sample.image as Float32Array);
      /** Steps of one call each, all that is asked for given; the answers. */
      const steps = (most: number) => {
        for (let n = 0; n < most; n++) {
          const status = call.step!(1);
          if (status === 0) return n;
          if (status === SAMPLE) {
            const at = control.get('ioPointer');
            new Float32Array(memory.buffer, at, samples[0]!.length).set(samples[control.get('ioIndex')]!);
          }
        }
        return most;
      };
      const features = () => {
        expect(call.begin!(0)).toBe(0);
        steps(1e6);
        return Array.from(new Float32Array(memory.buffer, control.get('featuresPointer'), control.get('featureCount')));
      };
      const start = () => {
        put(file);
        control.set('ways', 2);
        control.set('samples', 2);
        call.task!();
        new Uint16Array(memory.buffer, control.get('labelsPointer'), 2).set([0, 1]);
      };
      control.set('temperature', 10);
      control.set('computeBudget', 1e9);
      control.set('memoryBudget', 1e6);
      control.set('augment', 3);
      start();
      const expected = features();
      call.begin!(2);
      const all = steps(1e6);
      expect(all).toBeGreaterThan(100);
      for (let n = 0; n <= all; n++) {
        start();
        expect(call.begin!(2)).toBe(0);
        steps(n);
        if (n % 2) call.stop!();
        expect(features()).toEqual(expected);
      }
    });

    it('a selection whose gradients no memory holds is refused', async () => {
      const { call, base, memory, control, put } = await instance(binary, 400);
      const many = sharedWeights(4096, 512);
      expect(put(many)).toBe(0);
      control.set('ways', 2);
      control.set('samples', 2);
      control.set('lr', 0.1);
      control.set('temperature', 10);
      control.set('computeBudget', 1e9);
      control.set('memoryBudget', 0xffffffff);
      expect(call.task!()).toBe(0);
      new Uint16Array(memory.buffer, control.get('labelsPointer'), 2).set([0, 1]);
      const view = new DataView(memory.buffer);
      for (let l = 0; l < 4096; l++) {
        const at = control.get('layersPointer') + LAYER_BYTES * l;
        view.setInt32(at + 4, 2, true);
        view.setInt32(at + 8, 512, true);
        const list = view.getUint32(at + 12, true);
        for (let k = 0; k < 512; k++) view.setUint16(list + 2 * k, k, true);
      }
      expect(call.begin!(3)).toBe(NEED_MEMORY);
      expect(control.get('needBytes')).toBe(0xffffffff);
      expect(Buffer.compare(new Uint8Array(memory.buffer, base, many.length), many)).toBe(0);
    });
  });
}
