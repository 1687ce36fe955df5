import { describe, expect, test } from 'vitest';
import { BINARIES, EXACT, Kernels, randoms } from './harness.js';
import { expectClose, GRADIENTS } from './layers.js';

const SHAPES = [
  [1, 1],
  [1, 9],
  [16, 8],
  [25, 3],
  [7, 5],
  [9, 15],
  [64, 24],
  [49, 34],
] as const;

/** One number a channel from y and dy [positions][O]. */
const perChannel = (O: number, positions: number, f: (at: number) => number) =>
  Array.from({ length: O }, (_, o) => {
    let sum = 0;
    for (let d = 0; d < positions; d++) sum += f(d * O + o);
    return sum;
  });

function fisher(k: Kernels, positions: number, O: number, last = false): Float32Array {
  k.reset();
  const values = randoms(positions * O, 1);
  let y = k.floats(values);
  if (last) {
    y = k.memory.buffer.byteLength - values.length * 4;
    new Float32Array(k.memory.buffer, y, values.length).set(values);
  }
  const dy = k.floats(randoms(positions * O, 2));
  const delta = k.floats(randoms(O, 3));
  k.call.fisher_accumulate!(delta, y, dy, positions, O, 0.25);
  expect(k.intact(delta, O * 4)).toBe(true);
  return k.read(delta, O);
}

function bias(k: Kernels, positions: number, O: number, channels?: number[]): Float32Array {
  k.reset();
  const dy = k.floats(randoms(positions * O, 4));
  const n = channels?.length ?? O;
  const db = k.floats(new Float32Array(n).fill(0.5));
  k.call.bias_backward!(db, dy, positions, O, channels ? k.u16(channels) : 0, n);
  expect(k.intact(db, n * 4)).toBe(true);
  return k.read(db, n);
}

describe.each(BINARIES)('sums over positions, %s', (file) => {
  const k = new Kernels(file);

  test.each(SHAPES)('Fisher information, %i positions, %i channels', (positions, O) => {
    const [y, dy, delta] = [randoms(positions * O, 1), randoms(positions * O, 2), randoms(O, 3)];
    const sums = perChannel(O, positions, (i) => y[i]! * dy[i]!);
    const want = sums.map((sum, o) => delta[o]! + 0.25 * sum * sum);
    expectClose(fisher(k, positions, O), want, GRADIENTS, 'delta');
    expect(fisher(k, positions, O, true)).toEqual(fisher(k, positions, O));
  });

  test.each(SHAPES)('bias gradient, %i positions, %i channels', (positions, O) => {
    const dy = randoms(positions * O, 4);
    const want = perChannel(O, positions, (i) => dy[i]!).map((sum) => 0.5 + sum);
    const all = bias(k, positions, O);
    expectClose(all, want, GRADIENTS, 'db');
    const channels = Array.from({ length: O }, (_, o) => o).filter((o) => o % 3 === O % 3 || o === O - 1);
    expect(bias(k, positions, O, channels)).toEqual(Float32Array.from(channels, (o) => all[o]!));
  });

  // y is a * u with one factor a for each channel: dL/da = sum of u * dy, and at a = 1 that is the sum the kernel squares.
  test('is the squared gradient of a factor on each channel, by central differences', () => {
    const [positions, O] = [9, 11];
    const [u, dy] = [randoms(positions * O, 1), randoms(positions * O, 2)];
    const loss = (o: number, a: number) => perChannel(O, positions, (i) => u[i]! * dy[i]!)[o]! * a;
    const want = Array.from({ length: O }, (_, o) => ((loss(o, 2) - loss(o, 0)) / 2) ** 2);
    const delta = fisher(k, positions, O);
    const start = randoms(O, 3);
    expectClose(
      delta.map((v, o) => (v - start[o]!) / 0.25),
      want,
      GRADIENTS,
      'delta',
    );
  });
});

test.each(SHAPES)('same bits in both binaries, %i positions, %i channels', (positions, O) => {
  const [scalar, simd] = EXACT.map((file) => new Kernels(file));
  expect(fisher(simd!, positions, O)).toEqual(fisher(scalar!, positions, O));
  expect(bias(simd!, positions, O)).toEqual(bias(scalar!, positions, O));
});
