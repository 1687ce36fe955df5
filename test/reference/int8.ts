import { type Model, type Operator, type Quantisation, quantisationOf, sizeOf } from '../../src/model/model.js';

const { fround } = Math;
const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

/** To the nearest integer, ties to the even one. */
export function nearest(value: number): number {
  const floor = Math.floor(value);
  const above = value - floor;
  return above > 0.5 || (above === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/** Numbers of 8 bits for floats, as the engine quantises an image. */
export function quantise(values: ArrayLike<number>, { scale, zero }: Quantisation): Int8Array {
  return Int8Array.from(
    values,
    (x) => clamp(nearest(fround(fround(x) / fround(scale))), -128 - zero, 127 - zero) + zero,
  );
}

/** All values of an int8 model on one image, by the definition in docs/formats.md: integers, and one product of floats. */
export function int8All(model: Model, image: Int8Array): Int8Array[] {
  const values = [image];
  for (const operator of model.operators) {
    const inputs = operator.second === null ? [operator.input] : [operator.input, operator.second];
    values.push(
      int8Operator(
        operator,
        inputs.map((v) => values[v]!),
        inputs.map((v) => quantisationOf(model, v)!),
      ),
    );
  }
  return values;
}

/** The output of one int8 operator. */
export function int8Operator(operator: Operator, inputs: Int8Array[], from: Quantisation[]): Int8Array {
  const { zero } = operator.int8!;
  const scale = fround(operator.int8!.scale);
  const low = operator.limit === null ? -128 - zero : 0;
  const top = operator.limit === null ? Number.POSITIVE_INFINITY : nearest(fround(fround(operator.limit) / scale));
  const high = Math.min(127 - zero, top);
  const finish = (x: number) => clamp(nearest(x), low, high) + zero;
  const out = new Int8Array(sizeOf(operator.out));
  const [x, second] = inputs as [Int8Array, Int8Array];
  const xScale = fround(from[0]!.scale);
  const xZero = from[0]!.zero;
  if (operator.op === 'addition') {
    const a = fround(xScale / scale);
    const b = fround(fround(from[1]!.scale) / scale);
    return out.map((_, i) => finish(fround(fround((x[i]! - xZero) * a) + fround((second[i]! - from[1]!.zero) * b))));
  }
  const { weights, bias, op } = operator;
  const [outH, outW, outC] = operator.out;
  const [inH, inW, inC] = operator.in;
  const [kH, kW] = op === 'linear' ? [inH, inW] : operator.kernel;
  const row = (weights?.length ?? 0) / outC;
  const most = 2 ** 31 - 1 - row * 255 * 128;
  const start = Array.from({ length: outC }, (_, o) => (bias ? clamp(bias[o]!, -most, most) : 0));
  for (let at = 0; at < outH * outW; at++) {
    for (let o = 0; o < outC; o++) {
      let sum = start[o]!;
      let taps = 0;
      let largest = Number.NEGATIVE_INFINITY;
      for (let ky = 0; ky < kH; ky++) {
        for (let kx = 0; kx < kW; kx++) {
          const iy = Math.floor(at / outW) * operator.stride[0] - operator.padding[0] + ky;
          const ix = (at % outW) * operator.stride[1] - operator.padding[1] + kx;
          if (iy < 0 || iy >= inH || ix < 0 || ix >= inW) continue;
          const pixel = (iy * inW + ix) * inC;
          const tap = ky * kW + kx;
          taps++;
          if (op === 'depthwise') sum += (x[pixel + o]! - xZero) * weights![tap * outC + o]!;
          else if (weights) {
            for (let c = 0; c < inC; c++) sum += (x[pixel + c]! - xZero) * weights[o * row + tap * inC + c]!;
          } else {
            sum += x[pixel + o]! - xZero;
            largest = Math.max(largest, x[pixel + o]! - xZero);
          }
        }
      }
      if (operator.wholeWindow) taps = kH * kW;
      const factor = weights
        ? fround(fround(xScale / scale) * operator.int8!.scales![o]!)
        : op === 'maxPooling'
          ? 1
          : fround(fround(xScale / scale) / taps);
      out[at * outC + o] = finish(fround(fround(op === 'maxPooling' ? largest : sum) * factor));
    }
  }
  return out;
}
