import { expect } from 'vitest';
import { type Operator, type Quantisation, sizeOf } from '../../src/model/model.js';
import { geometry, Kernels } from './harness.js';

/** Bytes that a kernel may read behind a buffer, and does not use. */
const SLACK = 16;

/** The kernels of int8 layers, called as the engine does. */
export class Int8Kernels extends Kernels {
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
      } else {
        const row = weights!.length / outC;
        const windowed = op !== 'linear' && !plain;
        const bytes = this.call.int8_dense_scratch!(g, row, windowed ? 1 : 0);
        const at = scratch(bytes);
        for (let first = 0; first < outC; first += windowed ? outC : slice) {
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
            windowed ? outC : Math.min(slice, outC - first),
            windowed ? 1 : 0,
          );
        }
        expect(this.intact(at, bytes)).toBe(true);
      }
    }
    expect(this.intact(out, size)).toBe(true);
    return new Int8Array(this.memory.buffer, out, size).slice();
  }
}
