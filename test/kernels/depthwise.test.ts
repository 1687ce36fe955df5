import { describe, expect, test } from 'vitest';
import { cases, differences, error, inner, inputLength, label, outputLength, sizes, stored } from './channel.js';
import { BINARIES, EXACT, type Geometry, geometry, Kernels, randoms } from './harness.js';

const VALUES = 2e-6;
const GRADIENTS = 5e-6;

/** The definition, in double precision: calls `tap` for every product of a window. */
function taps(g: Geometry, tap: (out: number, x: number, w: number, channel: number) => void): void {
  for (let oy = 0; oy < g.outH; oy++)
    for (let ox = 0; ox < g.outW; ox++)
      for (let ky = 0; ky < g.kernelH; ky++)
        for (let kx = 0; kx < g.kernelW; kx++) {
          const iy = oy * g.strideH - g.padTop + ky;
          const ix = ox * g.strideW - g.padLeft + kx;
          if (iy < 0 || iy >= g.inH || ix < 0 || ix >= g.inW) continue;
          for (let c = 0; c < g.inC; c++)
            tap((oy * g.outW + ox) * g.inC + c, (iy * g.inW + ix) * g.inC + c, (ky * g.kernelW + kx) * g.inC + c, c);
        }
}

function reference(g: Geometry, x: Float32Array, w: Float32Array, b: Float32Array, dy: Float32Array) {
  const out = Float64Array.from({ length: outputLength(g) }, (_, i) => b[i % g.inC]!);
  const dx = new Float64Array(inputLength(g));
  const dw = new Float64Array(w.length);
  const area = g.kernelH * g.kernelW;
  taps(g, (o, i, k, c) => {
    out[o]! += x[i]! * w[k]!;
    dx[i]! += dy[o]! * w[k]!;
    dw[c * area + (k - c) / g.inC]! += dy[o]! * x[i]!;
  });
  if (g.activation) for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(out[i]!, 0), g.limit);
  return { out, dx, dw };
}

function forward(k: Kernels, g: Geometry, x: ArrayLike<number>, w: ArrayLike<number>, b: ArrayLike<number>) {
  k.reset();
  const length = outputLength(g);
  const out = k.alloc(length * 4);
  k.call.depthwise_forward!(out, k.floats(x), k.floats(w), k.floats(b), k.geometry(g));
  expect(k.intact(out, length * 4)).toBe(true);
  return k.read(out, length);
}

/** `before`: what dx holds, and is added to; without it, dx holds NaN before the call. */
function backwardInput(
  k: Kernels,
  g: Geometry,
  dy: ArrayLike<number>,
  w: ArrayLike<number>,
  before?: ArrayLike<number>,
) {
  k.reset();
  const length = inputLength(g);
  const dx = k.floats(before ?? new Float32Array(length).fill(Number.NaN));
  k.call.depthwise_backward_input!(dx, k.floats(dy), k.floats(w), k.geometry(g), before ? 1 : 0);
  expect(k.intact(dx, length * 4)).toBe(true);
  return k.read(dx, length);
}

function backwardWeight(
  k: Kernels,
  g: Geometry,
  dy: ArrayLike<number>,
  x: ArrayLike<number>,
  channels?: number[],
  before?: ArrayLike<number>,
) {
  k.reset();
  const n = channels?.length ?? g.inC;
  const length = n * g.kernelH * g.kernelW;
  const dw = k.floats(before ?? new Float32Array(length));
  const list = channels ? k.u16(channels) : 0;
  k.call.depthwise_backward_weight!(dw, k.floats(dy), k.floats(x), k.geometry(g), list, n);
  expect(k.intact(dw, length * 4)).toBe(true);
  return k.read(dw, length);
}

/** The rows of the chosen channels. */
function pick(dw: ArrayLike<number>, channels: number[], area: number): number[] {
  return channels.flatMap((c) => Array.from({ length: area }, (_, t) => dw[c * area + t]!));
}

/** Every kernel size, stride and channel count meets, paddings in turn. */
const shapes: Geometry[] = [];
for (const kernel of [1, 2, 3, 4, 5, 7, 9])
  for (const stride of [1, 2, 3])
    for (const channels of [1, 2, 3, 4, 7, 8, 19, 37]) {
      const at = shapes.length;
      shapes.push(
        geometry({
          inH: 9 + (at % 3),
          inW: 9 + (at % 7),
          inC: channels,
          kernelH: at % 5 === 0 ? 3 : kernel,
          kernelW: kernel,
          strideH: at % 4 === 0 ? 1 : stride,
          strideW: stride,
          padTop: Math.min(at % 3, kernel >> 1),
          padLeft: Math.min(at % 4, kernel >> 1),
          padBottom: Math.min((at + 1) % 3, kernel >> 1),
          padRight: Math.min((at + 2) % 4, kernel >> 1),
          activation: at % 2,
          limit: at % 4 === 1 ? Number.POSITIVE_INFINITY : 1,
        }),
      );
    }
// A kernel larger than the image, and a band of rows (the weight gradient's) that ends early.
shapes.push(
  geometry({ inH: 3, inW: 2, inC: 9, kernelH: 7, kernelW: 7, padTop: 3, padLeft: 3, padBottom: 3, padRight: 3 }),
);
shapes.push(
  geometry({ inH: 11, inW: 70, inC: 6, kernelH: 3, kernelW: 3, padTop: 1, padLeft: 1, padBottom: 1, padRight: 1 }),
);
// Rows too long, and a kernel too large, for the buffers of the SIMD weight gradient.
shapes.push(geometry({ inH: 1, inW: 700, inC: 37, kernelH: 3, kernelW: 3, padTop: 1, padLeft: 1, padBottom: 1 }));
// Squares of the SIMD input gradient: beside them odd sizes, even ones, and padding that they don't take.
for (const [inH, inW, padRight] of [
  [11, 14, 1],
  [12, 19, 1],
  [6, 17, 0],
] as const) {
  const square = { kernelH: 3, kernelW: 3, strideH: 2, strideW: 2, padTop: 1, padLeft: 1, padBottom: 1, padRight };
  shapes.push(geometry({ inH, inW, inC: 8, ...square }));
  shapes.push(geometry({ inH, inW, inC: 8, ...square, padTop: 0 }));
}
shapes.push(geometry({ inH: 13, inW: 14, inC: 9, kernelH: 12, kernelW: 12, padTop: 2, padLeft: 3 }));

describe.each(BINARIES)('%s', (file) => {
  const k = new Kernels(file);
  const exact = file !== 'kernels.relaxed.wasm';

  test.each(cases.depthwise.map((c) => [label(sizes(c)), c] as const))('PyTorch: %s', (_, c) => {
    const g = sizes(c);
    const [x, w, b, dy] = [stored(c.x), stored(c.w), stored(c.b), stored(c.dy)];
    expect(error(forward(k, g, x, w, b), stored(c.out))).toBeLessThan(VALUES);
    expect(error(backwardInput(k, g, dy, w), stored(c.dx))).toBeLessThan(GRADIENTS);
    expect(error(backwardWeight(k, g, dy, x), stored(c.dw))).toBeLessThan(GRADIENTS);
  });

  test(`the definition, for ${shapes.length} shapes`, () => {
    for (const [i, g] of shapes.entries()) {
      const x = randoms(inputLength(g), i);
      const w = randoms(g.kernelH * g.kernelW * g.inC, i + 1000);
      const b = randoms(g.inC, i + 2000);
      const dy = randoms(outputLength(g), i + 3000);
      const expected = reference(g, x, w, b, dy);
      expect(error(forward(k, g, x, w, b), expected.out), label(g)).toBeLessThan(VALUES);
      expect(error(backwardInput(k, g, dy, w), expected.dx), label(g)).toBeLessThan(GRADIENTS);
      const before = randoms(x.length, i + 4000);
      const added = expected.dx.map((v, j) => v + before[j]!);
      expect(error(backwardInput(k, g, dy, w, before), added), label(g)).toBeLessThan(GRADIENTS);
      expect(error(backwardWeight(k, g, dy, x), expected.dw), label(g)).toBeLessThan(GRADIENTS);
    }
  });

  test('lists of channels: their rows of the whole gradient, added to what is there', () => {
    const every = (step: number, from = 0) =>
      Array.from({ length: 37 }, (_, c) => c).filter((c) => c >= from && c % step === 0);
    const lists = [[0], [36], [3, 4, 5, 6], [0, 2, 3, 5, 8], [1, 7, 8, 9, 10, 30], [4, 5, 6, 8], [33, 34, 35, 36]];
    lists.push(every(2), every(3), every(1, 29), every(1, 30), every(4), every(7));
    for (const [i, channels] of lists.entries())
      for (const g of shapes.filter((s) => s.inC === 37)) {
        const area = g.kernelH * g.kernelW;
        const x = randoms(inputLength(g), i);
        const dy = randoms(outputLength(g), i + 1);
        const whole = backwardWeight(k, g, dy, x);
        const sparse = backwardWeight(k, g, dy, x, channels);
        // What four channels leave over is rounded twice in the relaxed binary, too, and a list leaves over others.
        const rows = pick(whole, channels, area);
        if (exact) expect([...sparse], label(g)).toEqual(rows);
        else expect(error(sparse, rows), label(g)).toBeLessThan(GRADIENTS);
        const before = randoms(channels.length * area, i + 2);
        const added = sparse.map((v, j) => v + before[j]!);
        expect(error(backwardWeight(k, g, dy, x, channels, before), added), label(g)).toBeLessThan(GRADIENTS);
      }
  });

  test('finite differences', () => {
    for (const stride of [1, 2]) {
      const pads = { padTop: 0, padLeft: 1, padBottom: 2, padRight: 1 };
      const g = geometry({ inH: 5, inW: 6, inC: 7, kernelH: 3, kernelW: 3, strideH: stride, strideW: stride, ...pads });
      const x = randoms(inputLength(g), 1);
      const w = randoms(9 * g.inC, 2);
      const b = randoms(g.inC, 3);
      const dy = randoms(outputLength(g), 4);
      const loss = () => inner(forward(k, g, x, w, b), dy);
      // The convolution is linear in each: a wide step has no error but rounding.
      expect(error(backwardInput(k, g, dy, w), differences(x, 1, loss))).toBeLessThan(1e-5);
      const dw = differences(w, 1, loss);
      const rows = Array.from({ length: w.length }, (_, i) => dw[(i % 9) * g.inC + Math.floor(i / 9)]!);
      expect(error(backwardWeight(k, g, dy, x), rows)).toBeLessThan(1e-5);
    }
  });
});

test('both binaries give equal bits', () => {
  const [scalar, simd] = EXACT.map((file) => new Kernels(file)) as [Kernels, Kernels];
  for (const g of shapes) {
    const x = randoms(inputLength(g), 1);
    const w = randoms(g.kernelH * g.kernelW * g.inC, 2);
    const b = randoms(g.inC, 3);
    const dy = randoms(outputLength(g), 4);
    expect(forward(simd, g, x, w, b), label(g)).toEqual(forward(scalar, g, x, w, b));
    expect(backwardInput(simd, g, dy, w), label(g)).toEqual(backwardInput(scalar, g, dy, w));
    expect(backwardWeight(simd, g, dy, x), label(g)).toEqual(backwardWeight(scalar, g, dy, x));
  }
});
