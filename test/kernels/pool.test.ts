import { describe, expect, test } from 'vitest';
import { cases, differences, error, inner, inputLength, label, outputLength, sizes, stored } from './channel.js';
import { BINARIES, EXACT, type Geometry, geometry, Kernels, randoms } from './harness.js';

const VALUES = 1e-6;
const GRADIENTS = 1e-6;

type Floats = ArrayLike<number>;

/** A pooling's forward, and its input gradient: into NaN, or added to `before`. */
interface Pool {
  forward(k: Kernels, g: Geometry, x: Floats): Float32Array;
  backward(k: Kernels, g: Geometry, dy: Floats, x: Floats, before?: Floats): Float32Array;
}

function pool(
  forward: (k: Kernels, out: number, x: number, g: number) => void,
  backward: (k: Kernels, dx: number, dy: number, x: number, g: number, accumulate: number) => void,
): Pool {
  return {
    forward(k, g, x) {
      k.reset();
      const length = outputLength(g);
      const out = k.floats(new Float32Array(length).fill(Number.NaN));
      forward(k, out, k.floats(x), k.geometry(g));
      expect(k.intact(out, length * 4)).toBe(true);
      return k.read(out, length);
    },
    backward(k, g, dy, x, before) {
      k.reset();
      const length = inputLength(g);
      const dx = k.floats(before ?? new Float32Array(length).fill(Number.NaN));
      backward(k, dx, k.floats(dy), k.floats(x), k.geometry(g), before ? 1 : 0);
      expect(k.intact(dx, length * 4)).toBe(true);
      return k.read(dx, length);
    },
  };
}

const max = pool(
  (k, out, x, g) => k.call.maxpool_forward!(out, x, g),
  (k, dx, dy, x, g, accumulate) => k.call.maxpool_backward_input!(dx, dy, x, g, accumulate),
);
const average = (includePad: boolean) =>
  pool(
    (k, out, x, g) => k.call.avgpool_forward!(out, x, g, Number(includePad)),
    (k, dx, dy, _, g, accumulate) => k.call.avgpool_backward_input!(dx, dy, g, Number(includePad), accumulate),
  );
/** Global pooling: one window, which is the image. */
const global = average(false);

const stride2 = { kernelH: 3, kernelW: 3, strideH: 2, strideW: 2, padTop: 1, padLeft: 0, padBottom: 0, padRight: 1 };
const shapes: Geometry[] = [1, 2, 3, 4, 6, 9].flatMap((inC) => [
  geometry({ inH: 7, inW: 6, inC, ...stride2 }),
  geometry({ inH: 5, inW: 6, inC, ...stride2, strideH: 1, strideW: 1 }),
]);
const whole = ({ inH, inW, inC }: Geometry) => geometry({ inH, inW, inC, kernelH: inH, kernelW: inW });
const globals = shapes.map(whole);

describe.each(BINARIES)('%s', (file) => {
  const k = new Kernels(file);

  test.each([
    ...cases.maxpool.map((c) => [`max ${label(sizes(c))}`, c, max] as const),
    ...cases.avgpool.map((c) => [`average ${label(sizes(c))}, pad ${c.includePad}`, c, average(c.includePad)] as const),
    ...cases.globalavgpool.map((c) => [`global average ${label(sizes(c))}`, c, global] as const),
  ])('PyTorch: %s', (_, c, pool) => {
    const g = pool === global ? whole(sizes(c)) : sizes(c);
    const x = stored(c.x);
    const dx = stored(c.dx);
    expect(error(pool.forward(k, g, x), stored(c.out))).toBeLessThan(VALUES);
    expect(error(pool.backward(k, g, stored(c.dy), x), dx)).toBeLessThan(GRADIENTS);
    const before = randoms(x.length, 1);
    const added = dx.map((v, i) => v + before[i]!);
    expect(error(pool.backward(k, g, stored(c.dy), x, before), added)).toBeLessThan(GRADIENTS);
  });

  test.each([
    ['max', max, shapes],
    ['average', average(false), shapes],
    ['average with padding', average(true), shapes],
    ['global average', global, globals],
  ] as const)('finite differences: %s', (_, pool, shapes) => {
    for (const g of shapes) {
      // Multiples of 1/8, all different: no step below 1/16 changes which is the largest.
      const x = Float32Array.from({ length: inputLength(g) }, (_, i) => ((i * 37) % inputLength(g)) / 8);
      const dy = randoms(outputLength(g), 2);
      const numeric = differences(x, 1 / 32, () => inner(pool.forward(k, g, x), dy));
      expect(error(pool.backward(k, g, dy, x), numeric), label(g)).toBeLessThan(5e-4);
    }
  });

  test('the first of equal maxima takes the gradient', () => {
    const g = geometry({ inH: 2, inW: 2, inC: 5, kernelH: 2, kernelW: 2 });
    const dx = max.backward(k, g, [1, 2, 3, 4, 5], new Float32Array(20).fill(7));
    expect([...dx]).toEqual([1, 2, 3, 4, 5, ...new Array(15).fill(0)]);
  });

  test('padding is less than every number', () => {
    const g = geometry({
      inH: 1,
      inW: 1,
      inC: 6,
      kernelH: 3,
      kernelW: 3,
      padTop: 1,
      padLeft: 1,
      padBottom: 1,
      padRight: 1,
    });
    const x = new Float32Array(6).fill(-3e38);
    expect(max.forward(k, g, x)).toEqual(x);
  });

  test('the activation clips', () => {
    for (const [pool, shape] of [
      [max, { inH: 1, inW: 1 }],
      [average(true), { inH: 1, inW: 1 }],
      [global, { inH: 1, inW: 1 }],
    ] as const) {
      const g = geometry({ ...shape, inC: 6, activation: 1, limit: 6 });
      expect([...pool.forward(k, g, [-1, 0, 3, 6, 7, -0.5])]).toEqual([0, 0, 3, 6, 6, 0]);
    }
  });
});

test('both binaries give equal bits', () => {
  const [scalar, simd] = EXACT.map((file) => new Kernels(file)) as [Kernels, Kernels];
  for (const pool of [max, average(true), average(false)])
    for (const g of shapes) {
      const x = randoms(inputLength(g), 1);
      const dy = randoms(outputLength(g), 2);
      expect(pool.forward(simd, g, x)).toEqual(pool.forward(scalar, g, x));
      expect(pool.backward(simd, g, dy, x)).toEqual(pool.backward(scalar, g, dy, x));
    }
});
