import { expect } from 'vitest';
import { EXACT, type Geometry, Kernels, randoms } from './harness.js';

/** Largest error allowed, as a share of the largest value: sums of up to a few thousand float32 products. */
export const VALUES = 3e-6;
export const GRADIENTS = 1e-5;

/** A layer with weights whose kernels share the signatures that are checked here. */
export type Layer = 'pointwise' | 'conv2d' | 'linear';

export interface Operands {
  x: Float32Array;
  w: Float32Array;
  b: Float32Array;
  dy: Float32Array;
}

export interface Results {
  out: Float32Array;
  dx: Float32Array;
  dw: Float32Array;
}

export const pixels = (g: Geometry) => g.outH * g.outW;
/** Weights of one output channel. A linear layer sees its whole input, whatever the kernel fields say. */
export const fanIn = (layer: Layer, g: Geometry) =>
  layer === 'linear' ? g.inH * g.inW * g.inC : g.kernelH * g.kernelW * g.inC;

export function operands(layer: Layer, g: Geometry, seed = 1): Operands {
  return {
    x: randoms(g.inH * g.inW * g.inC, seed),
    w: randoms(g.outC * fanIn(layer, g), seed + 1),
    b: randoms(g.outC, seed + 2),
    dy: randoms(pixels(g) * g.outC, seed + 3),
  };
}

/** The forward pass in double precision, written as the definition says, without the activation. */
export function reference(layer: Layer, g: Geometry, { x, w, b }: Record<'x' | 'w' | 'b', ArrayLike<number>>) {
  const [kH, kW] = layer === 'linear' ? [g.inH, g.inW] : [g.kernelH, g.kernelW];
  const out = new Float64Array(pixels(g) * g.outC);
  for (let oy = 0; oy < g.outH; oy++)
    for (let ox = 0; ox < g.outW; ox++)
      for (let o = 0; o < g.outC; o++) {
        let sum = b[o]!;
        for (let ky = 0; ky < kH; ky++)
          for (let kx = 0; kx < kW; kx++) {
            const iy = oy * g.strideH - g.padTop + ky;
            const ix = ox * g.strideW - g.padLeft + kx;
            if (iy < 0 || iy >= g.inH || ix < 0 || ix >= g.inW) continue;
            for (let c = 0; c < g.inC; c++)
              sum += x[(iy * g.inW + ix) * g.inC + c]! * w[((o * kH + ky) * kW + kx) * g.inC + c]!;
          }
        out[(oy * g.outW + ox) * g.outC + o] = sum;
      }
  return out;
}

/**
 * Central differences of sum(out * dy) with respect to x or w, at `at`: the layer is linear in either, so that a step of
 * 1 is exact but for the rounding of doubles.
 */
export function difference(layer: Layer, g: Geometry, values: Operands, name: 'x' | 'w', at: number): number {
  const loss = (step: number) => {
    const moved = Float64Array.from(values[name]);
    moved[at]! += step;
    return reference(layer, g, { ...values, [name]: moved }).reduce((sum, v, i) => sum + v * values.dy[i]!, 0);
  };
  return (loss(1) - loss(-1)) / 2;
}

/** `count` indices below `length`, or all of them if they are not many more. */
export function sample(length: number, count: number): number[] {
  if (length <= 3 * count) return Array.from({ length }, (_, i) => i);
  return Array.from(randoms(count, 99), (v) => Math.floor(((v + 1) / 2) * length));
}

export function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number, what: string): void {
  expect(got.length, what).toBe(want.length);
  let scale = 1;
  for (let i = 0; i < want.length; i++) scale = Math.max(scale, Math.abs(want[i]!));
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!);
    if (!(error <= tolerance * scale)) expect.fail(`${what}[${i}]: got ${got[i]}, expected ${want[i]} (of ${scale})`);
  }
}

export interface Options {
  /** Output channels of the weight gradient; default all. */
  channels?: number[];
  /** Output channels whose weights a call is given at a time (pointwise and linear); default all. */
  slice?: number;
  /** What dx holds before, if it is to be added to. */
  onto?: Float32Array;
  /** The operand or result that ends where the memory ends, so that a read or write behind it traps. */
  last?: keyof Operands | 'out' | 'dx' | 'dw';
}

/** Runs the three kernels of a layer. Also checks that they write nothing but their result and the scratch asked for. */
export function run(k: Kernels, layer: Layer, g: Geometry, values: Operands, options: Options = {}): Results {
  k.reset();
  const place = (name: string, data: Float32Array) => {
    if (options.last !== name) return k.floats(data);
    const at = k.memory.buffer.byteLength - data.length * 4;
    new Float32Array(k.memory.buffer, at, data.length).set(data);
    return at;
  };
  const rows = options.channels?.length ?? g.outC;
  const before = {
    out: randoms(values.dy.length, 7),
    dx: options.onto ?? randoms(values.x.length, 8),
    dw: new Float32Array(rows * fanIn(layer, g)),
  };
  const at = k.geometry(g);
  const x = place('x', values.x);
  const w = place('w', values.w);
  const b = place('b', values.b);
  const dy = place('dy', values.dy);
  const out = place('out', before.out);
  const dx = place('dx', before.dx);
  const dw = place('dw', before.dw);
  const channels = options.channels ? k.u16(options.channels) : 0;
  const bytes = k.call[`${layer}_scratch`]!(at);
  const scratch = k.alloc(bytes);
  new Uint8Array(k.memory.buffer, scratch, bytes).fill(0xff); // NaN: no kernel may read what it has not written
  const inputs = [at, x, w, b, dy] as const;
  const sizes = [64, values.x.length * 4, values.w.length * 4, values.b.length * 4, values.dy.length * 4];
  const bytesOf = () => Buffer.concat(inputs.map((p, i) => new Uint8Array(k.memory.buffer, p, sizes[i])));
  const held = bytesOf();

  const step = options.slice ?? g.outC;
  for (let first = 0; first < g.outC; first += step) {
    const count = Math.min(step, g.outC - first);
    const row = w + first * fanIn(layer, g) * 4;
    k.call[`${layer}_forward`]!(out, x, row, b + first * 4, scratch, at, first, count);
    k.call[`${layer}_backward_input`]!(dx, dy, row, scratch, at, options.onto ? 1 : 0, first, count);
  }
  k.call[`${layer}_backward_weight`]!(dw, dy, x, scratch, at, channels, rows);

  expect(bytesOf().equals(held), 'inputs are as they were').toBe(true);
  expect(k.intact(scratch, bytes), 'behind scratch').toBe(true);
  const guarded = { x, w, b, dy, out, dx, dw };
  const length = { ...values, ...before };
  for (const name of Object.keys(guarded) as (keyof typeof guarded)[])
    if (name !== options.last) expect(k.intact(guarded[name], length[name].length * 4), `behind ${name}`).toBe(true);
  return {
    out: k.read(out, before.out.length),
    dx: k.read(dx, before.dx.length),
    dw: k.read(dw, before.dw.length),
  };
}

/** Everything that is checked of a geometry: values, gradients, channel lists, accumulation, the activation, bounds. */
export function check(k: Kernels, layer: Layer, g: Geometry): void {
  const values = operands(layer, g);
  const plain = { ...g, activation: 0, limit: Number.POSITIVE_INFINITY };
  const want = reference(layer, g, values);
  const all = run(k, layer, plain, values);
  expectClose(all.out, want, VALUES, 'out');
  for (const limit of [6, 0.5, Number.POSITIVE_INFINITY]) {
    const clipped = run(k, layer, { ...g, activation: 1, limit }, values).out;
    expect(clipped).toEqual(all.out.map((v) => Math.fround(Math.min(Math.max(v, 0), limit))));
  }

  const gradient = (name: 'x' | 'w', got: Float32Array) => {
    const at = sample(got.length, 50);
    const differences = at.map((i) => difference(layer, g, values, name, i));
    expectClose(
      at.map((i) => got[i]!),
      differences,
      GRADIENTS,
      `d${name}`,
    );
  };
  gradient('x', all.dx);
  gradient('w', all.dw);

  const onto = randoms(values.x.length, 20);
  const added = run(k, layer, plain, values, { onto }).dx;
  expectClose(
    added,
    all.dx.map((v, i) => v + onto[i]!),
    GRADIENTS,
    'dx, accumulated',
  );

  const size = fanIn(layer, g);
  for (const n of [1, 2, 3, 5, 6]) {
    const channels = Array.from({ length: Math.min(n, g.outC) }, (_, i) => Math.floor((i * g.outC) / n));
    const listed = run(k, layer, plain, values, { channels }).dw;
    channels.forEach((o, i) => {
      expect(listed.slice(i * size, (i + 1) * size)).toEqual(all.dw.slice(o * size, (o + 1) * size));
    });
  }

  if (layer !== 'conv2d')
    for (const slice of [1, 3, 8]) expect(run(k, layer, plain, values, { slice }), `slices of ${slice}`).toEqual(all);

  for (const last of ['x', 'w', 'b', 'dy', 'out', 'dx', 'dw'] as const)
    expect(run(k, layer, plain, values, { last }), `${last} at the end of memory`).toEqual(all);
}

/** The scalar and the SIMD binary give the same bits. */
export function same(layer: Layer, g: Geometry): void {
  const values = operands(layer, g, 30);
  const [scalar, simd] = EXACT.map((file) => run(new Kernels(file), layer, g, values));
  expect(simd).toEqual(scalar);
}
