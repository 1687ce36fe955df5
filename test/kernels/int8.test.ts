import { describe, expect, it } from 'vitest';
import { type Operator, type Quantisation, sizeOf } from '../../src/model/model.js';
import { Random } from '../../src/random.js';
import { describeWithData } from '../data.js';
import { readDump } from '../dumps.js';
import { int8Operator, quantise } from '../reference/int8.js';
import { BINARIES, geometry, Kernels } from './harness.js';

/** Bytes that a kernel may read behind a buffer, and does not use. */
const SLACK = 16;

class Int8Kernels extends Kernels {
  bytes(values: Int8Array | Uint8Array): number {
    const at = this.alloc(values.length + SLACK);
    new Int8Array(this.memory.buffer, at, values.length).set(values);
    return at;
  }

  raw(values: Int32Array | Float32Array): number {
    return this.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** The operator by the kernel that the engine takes; `slice`: a pointwise or linear layer in slices of so many channels. */
  run(operator: Operator, inputs: Int8Array[], from: Quantisation[], slice = operator.out[2]): Int8Array {
    this.reset();
    const [inH, inW, inC] = operator.in;
    const [outH, outW, outC] = operator.out;
    const { op, limit, weights, bias } = operator;
    const int8 = operator.int8!;
    const g = this.geometry({
      ...geometry({ inH, inW, inC }),
      ...{ outH, outW, outC, kernelH: operator.kernel[0], kernelW: operator.kernel[1] },
      ...{ strideH: operator.stride[0], strideW: operator.stride[1], padTop: operator.padding[0] },
      ...{ padLeft: operator.padding[1], padBottom: operator.padding[2], padRight: operator.padding[3] },
      ...{ activation: limit === null ? 0 : 1, limit: limit ?? Number.POSITIVE_INFINITY },
    });
    const q = this.alloc(32);
    const view = new DataView(this.memory.buffer, q, 32);
    for (const [i, { scale, zero }] of [...from, ...(from[1] ? [] : [int8]), int8].entries()) {
      view.setFloat32(8 * i, scale, true);
      view.setInt32(8 * i + 4, zero, true);
    }
    this.call.int8_limits!(q, limit === null ? 0 : 1, limit ?? Number.POSITIVE_INFINITY);
    const size = sizeOf(operator.out);
    const [x, y] = inputs.map((values) => this.bytes(values));
    const out = this.alloc(size);
    if (op === 'addition') this.call.add_int8!(out, x!, y!, size, q);
    else if (op === 'maxPooling') this.call.int8_maxpool!(out, x!, g, q);
    else if (op === 'averagePooling') this.call.int8_avgpool!(out, x!, g, q, operator.wholeWindow ? 1 : 0);
    else if (op === 'globalAveragePooling') this.call.int8_avgpool!(out, x!, g, q, 0);
    else {
      const w = this.bytes(weights as Int8Array);
      const b = this.raw(bias as Int32Array);
      const scales = this.raw(int8.scales!);
      const scratch = (bytes: number) => this.alloc(bytes);
      const plain =
        [...operator.kernel, ...operator.stride].every((n) => n === 1) && operator.padding.every((n) => n === 0);
      if (op === 'depthwise') {
        const at = scratch(this.call.int8_depthwise_scratch!(g));
        this.call.int8_depthwise!(out, x!, w, b, scales, at, g, q);
      } else if (op === 'linear' || plain) {
        const row = weights!.length / outC;
        const at = scratch(this.call.int8_scratch!(row));
        for (let first = 0; first < outC; first += slice) {
          this.call.int8_dense!(
            out,
            x!,
            w + first * row,
            b + 4 * first,
            scales + 4 * first,
            at,
            g,
            q,
            row,
            first,
            Math.min(slice, outC - first),
          );
        }
      } else {
        const bytes = this.call.int8_conv2d_scratch!(g);
        const at = scratch(bytes);
        this.call.int8_conv2d!(out, x!, w, b, scales, at, g, q);
        expect(this.intact(at, bytes)).toBe(true);
      }
    }
    expect(this.intact(out, size)).toBe(true);
    return new Int8Array(this.memory.buffer, out, size).slice();
  }
}

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

  describeWithData(`int8 networks, layer by layer, ${file}`, () => {
    it.each(['mcunet-5fps', 'mbv2-w0.35', 'proxyless-w0.3'])('%s', (network) => {
      const { model, image, traces } = readDump(network);
      const values = [image, ...traces];
      let off = 0;
      for (const [i, operator] of model.operators.entries()) {
        const inputs = operator.second === null ? [operator.input] : [operator.input, operator.second];
        const from = inputs.map((v) => (v === 0 ? model.image! : model.operators[v - 1]!.int8!));
        const out = kernels.run(
          operator,
          inputs.map((v) => values[v]!),
          from,
        );
        const steps = out.map((y, k) => Math.abs(y - traces[i]![k]!));
        expect(Math.max(...[...new Set(steps)]), operator.name).toBeLessThanOrEqual(1);
        off += steps.filter((step) => step > 0).length;
      }
      // The dump rounds in double precision, the engine in single: what lies next to a tie may fall on the other side.
      expect(off / traces.reduce((sum, t) => sum + t.length, 0)).toBeLessThan(2e-4);
    });
  });
}
