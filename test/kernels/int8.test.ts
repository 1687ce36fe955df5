import { describe, expect, it } from 'vitest';
import { type Operator, type Quantisation, sizeOf } from '../../src/model/model.js';
import { Random } from '../../src/random.js';
import { int8Operator, quantise } from '../reference/int8.js';
import { BINARIES } from './harness.js';
import { Int8Kernels } from './int8_harness.js';

const random = new Random(5);
const int = (low: number, high: number) => random.between(low, high);
const bytes = (length: number) => Int8Array.from({ length }, () => int(-128, 127));
const quantisation = (): Quantisation => ({ scale: Math.fround(0.01 + random.uniform()), zero: int(-128, 127) });

/** An operator of random sizes and numbers, and its inputs. */
function anyOperator(op: Operator['op']): { operator: Operator; inputs: Int8Array[]; from: Quantisation[] } {
  const inC = int(1, 40);
  const sizes = [int(1, 12), int(1, 12)] as [number, number];
  const windowed =
    op === 'depthwise' || op === 'maxPooling' || op === 'averagePooling' || (op === 'convolution' && int(0, 1) === 1);
  const kernel: [number, number] = windowed ? [int(1, Math.min(7, sizes[0])), int(1, Math.min(7, sizes[1]))] : [1, 1];
  const stride: [number, number] = windowed ? [int(1, 3), int(1, 3)] : [1, 1];
  const pad = (axis: 0 | 1) => (windowed ? int(0, kernel[axis] - 1) : 0);
  const padding = [pad(0), pad(1), pad(0), pad(1)] as Operator['padding'];
  const out = [0, 1].map((axis) => {
    const full = Math.floor((sizes[axis]! + padding[axis]! + padding[axis + 2]! - kernel[axis]!) / stride[axis]!) + 1;
    return Math.min(full, Math.floor((sizes[axis]! + padding[axis]! - 1) / stride[axis]!) + 1);
  });
  const flat = op === 'linear' || op === 'globalAveragePooling';
  const outC = op === 'convolution' || op === 'linear' ? int(1, 40) : inC;
  const row = op === 'linear' ? sizes[0] * sizes[1] * inC : kernel[0] * kernel[1] * (op === 'depthwise' ? 1 : inC);
  const layer = op === 'convolution' || op === 'linear' || op === 'depthwise';
  const from = [quantisation(), ...(op === 'addition' ? [quantisation()] : [])];
  const scale = Math.fround(from[0]!.scale * (layer ? Math.sqrt(row) * 40 : 1));
  const zero = int(-128, 127);
  const extreme = () => [2 ** 31 - 1, -(2 ** 31), int(-3e4, 3e4), int(-3e4, 3e4), int(-3e4, 3e4)][int(0, 4)]!;
  const operator: Operator = {
    ...{ op, name: op, input: 0, second: op === 'addition' ? 0 : null, in: [...sizes, inC], kernel, stride, padding },
    out: flat ? [1, 1, outC] : op === 'addition' ? [...sizes, inC] : [out[0]!, out[1]!, outC],
    limit: [null, 6, 0.5, Number.POSITIVE_INFINITY][int(0, 3)]!,
    wholeWindow: op === 'averagePooling' && int(0, 1) === 1,
    weights: layer ? bytes(row * outC) : null,
    bias: layer ? Int32Array.from({ length: outC }, extreme) : null,
    int8: {
      ...(op === 'maxPooling' ? from[0]! : { scale, zero }),
      scales: layer ? Float32Array.from({ length: outC }, () => random.uniform() + 1e-6) : null,
    },
  };
  if (op === 'globalAveragePooling') operator.kernel = sizes;
  return { operator, inputs: from.map(() => bytes(sizeOf(operator.in))), from };
}

const KINDS = [
  'convolution',
  'depthwise',
  'linear',
  'addition',
  'maxPooling',
  'averagePooling',
  'globalAveragePooling',
] as const;

for (const file of BINARIES) {
  const kernels = new Int8Kernels(file);

  describe(`int8, ${file}`, () => {
    it.each(KINDS)('%s has the bytes of the definition', (op) => {
      for (let n = 0; n < 60; n++) {
        const { operator, inputs, from } = anyOperator(op);
        const expected = int8Operator(operator, inputs, from);
        const what = JSON.stringify({ ...operator, weights: null, bias: null });
        expect(kernels.run(operator, inputs, from), what).toEqual(expected);
        if (op === 'linear' || op === 'convolution') {
          expect(kernels.run(operator, inputs, from, 8), what).toEqual(expected);
        }
      }
    });

    it('numbers come back from 8 bits within half a step', () => {
      const q = quantisation();
      const floats = Float32Array.from({ length: 1000 }, () => (random.uniform() - 0.5) * 400 * q.scale);
      kernels.reset();
      const x = kernels.floats(floats);
      kernels.call.quantise_all!(x, x, floats.length, q.scale, q.zero);
      const small = new Int8Array(kernels.memory.buffer, x, floats.length).slice();
      expect(small).toEqual(quantise(floats, q));
      const back = kernels.alloc(4000);
      new Int8Array(kernels.memory.buffer, back + 3000, 1000).set(small);
      kernels.call.dequantise_all!(back, back + 3000, 1000, q.scale, q.zero);
      const [low, high] = [(-128 - q.zero) * q.scale, (127 - q.zero) * q.scale];
      for (const [i, value] of kernels.read(back, 1000).entries()) {
        const wanted = Math.min(Math.max(floats[i]!, low), high);
        expect(Math.abs(value - wanted)).toBeLessThanOrEqual((q.scale / 2) * 1.00001);
      }
    });
  });
}
