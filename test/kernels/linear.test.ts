import { describe, test } from 'vitest';
import { checkGolden, golden } from './golden.js';
import { BINARIES, type Geometry, geometry, Kernels } from './harness.js';
import { check, same } from './layers.js';

/** `inH` x `inW` x `inC` values to `outputs`. */
const linear = (inH: number, inW: number, inC: number, outputs: number): Geometry => ({
  ...geometry({ inH, inW, inC, outC: outputs }),
  outH: 1,
  outW: 1,
});

const CASES = {
  'a vector': linear(1, 1, 64, 10),
  'a map': linear(3, 4, 5, 7),
  'one value to one': linear(1, 1, 1, 1),
  'tails of 1': linear(1, 1, 33, 5),
  'tails of 2': linear(1, 2, 3, 2),
  'tails of 3': linear(1, 1, 11, 3),
  'many inputs': linear(1, 1, 1283, 6),
};

describe.each(BINARIES)('linear, %s', (file) => {
  const k = new Kernels(file);
  test.each(Object.entries(CASES))('%s', (_, g) => check(k, 'linear', g));
  test.each(golden('linear'))('PyTorch: %s', (_, c) => checkGolden(k, c));
});

test.each(Object.entries(CASES))('linear, same bits in both binaries: %s', (_, g) => same('linear', g));
