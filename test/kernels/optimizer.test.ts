import { describe, expect, test } from 'vitest';
import { cases, error, stored } from './channel.js';
import { BINARIES, Kernels, randoms } from './harness.js';

const ROWS = 3;
const LENGTH = 7;
/** Codes of the optimisers (assembly/kernels/optimizer.ts). */
const CODE = { sgd: 0, momentum: 1, adam: 2, lomo: 3 } as const;
/** Where the rows of PyTorch's matrix lie: all rows, contiguous; chosen rows; chosen columns of a [LENGTH][9] matrix. */
const layouts = [
  { name: 'contiguous rows', channels: undefined, rowStride: LENGTH * 4, elementStride: 4, size: ROWS * LENGTH },
  { name: 'chosen rows', channels: [1, 2, 6], rowStride: LENGTH * 4, elementStride: 4, size: 8 * LENGTH },
  { name: 'chosen columns', channels: [0, 5, 8], rowStride: 4, elementStride: 9 * 4, size: 9 * LENGTH },
];

describe.each(BINARIES)('%s', (file) => {
  const k = new Kernels(file);

  for (const c of cases.optimizer)
    test.each(layouts)(`PyTorch: ${c.name}, $name`, ({ channels, rowStride, elementStride, size }) => {
      k.reset();
      const place = (i: number) => {
        const row = Math.floor(i / LENGTH);
        return ((channels?.[row] ?? row) * rowStride + (i % LENGTH) * elementStride) / 4;
      };
      const initial = randoms(size, 1);
      stored(c.before).forEach((v, i) => {
        initial[place(i)] = v;
      });
      const w = k.floats(initial);
      const states = [1, 2, 3].map(() => k.floats(new Float32Array(ROWS * LENGTH)));
      const [g, m, v] = states as [number, number, number];
      const list = channels ? k.u16(channels) : 0;
      const rest = [list, ROWS, LENGTH, rowStride, elementStride, CODE[c.name as 'sgd'], c.lr] as const;
      const steps = c.gradients.shape[0]!;
      const touched = new Set(Array.from({ length: ROWS * LENGTH }, (_, i) => place(i)));

      for (let step = 0; step < steps; step++) {
        const part = (all: Float32Array) => all.subarray(step * ROWS * LENGTH, (step + 1) * ROWS * LENGTH);
        new Float32Array(k.memory.buffer, g, ROWS * LENGTH).set(part(stored(c.gradients)));
        k.call.optimizer_update!(w, g, m, v, ...rest, 1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1));
        const after = k.read(w, size);
        const rows = Array.from({ length: ROWS * LENGTH }, (_, i) => after[place(i)]!);
        expect(error(rows, part(stored(c.after)))).toBeLessThan(1e-6);
        expect(after.every((value, i) => touched.has(i) || value === initial[i])).toBe(true);
        expect(k.read(g, ROWS * LENGTH).every((value) => value === 0)).toBe(true);
      }
      expect(k.intact(w, size * 4) && states.every((s) => k.intact(s, ROWS * LENGTH * 4))).toBe(true);
    });

  test('no gradient yet: Adam leaves the weights, without NaN', () => {
    k.reset();
    const w = k.floats([1, 2]);
    const [g, m, v] = [1, 2, 3].map(() => k.floats([0, 0])) as [number, number, number];
    k.call.optimizer_update!(w, g, m, v, 0, 1, 2, 8, 4, CODE.adam, 0.1, 0.1, 0.001);
    expect([...k.read(w, 2)]).toEqual([1, 2]);
  });

  test.each(layouts)('LOMO divides each row by the root of its running mean square: $name', (layout) => {
    const { channels, rowStride, elementStride, size } = layout;
    k.reset();
    const place = (j: number, t: number) => ((channels?.[j] ?? j) * rowStride + t * elementStride) / 4;
    const initial = randoms(size, 1);
    const expected = Float64Array.from(initial);
    const w = k.floats(initial);
    const g = k.floats(new Float32Array(ROWS * LENGTH));
    const v = k.floats(new Float32Array(ROWS));
    const list = channels ? k.u16(channels) : 0;
    const squares = new Float64Array(ROWS);
    for (let step = 0; step < 12; step++) {
      const gradients = randoms(ROWS * LENGTH, 10 + step).map((x, i) => (i < LENGTH ? 0 : x * (step + 1)));
      new Float32Array(k.memory.buffer, g, ROWS * LENGTH).set(gradients);
      const keep = Math.min(0.9, step / (step + 1));
      k.call.optimizer_update!(w, g, v, 0, list, ROWS, LENGTH, rowStride, elementStride, CODE.lomo, 0.01, keep, 0);
      for (let j = 0; j < ROWS; j++) {
        const row = [...gradients.subarray(j * LENGTH, (j + 1) * LENGTH)];
        squares[j] = keep * squares[j]! + ((1 - keep) * row.reduce((sum, x) => sum + x * x, 0)) / LENGTH;
        // The first row never has a gradient: it stays.
        if (j > 0) for (const [t, x] of row.entries()) expected[place(j, t)]! -= (0.01 * x) / Math.sqrt(squares[j]!);
      }
      expect(error(k.read(w, size), expected)).toBeLessThan(1e-6);
      expect(k.read(g, ROWS * LENGTH).every((value) => value === 0)).toBe(true);
    }
    expect(k.intact(w, size * 4) && k.intact(g, ROWS * LENGTH * 4) && k.intact(v, ROWS * 4)).toBe(true);
  });
});
