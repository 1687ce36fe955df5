import { describe, expect, test } from 'vitest';
import { checkGolden, golden } from './golden.js';
import { BINARIES, geometry, Kernels } from './harness.js';
import { check, same } from './layers.js';

const pad = (top: number, left = top, bottom = top, right = left) => ({
  padTop: top,
  padLeft: left,
  padBottom: bottom,
  padRight: right,
});
const kernel = (height: number, width = height) => ({ kernelH: height, kernelW: width });
const stride = (vertical: number, horizontal = vertical) => ({ strideH: vertical, strideW: horizontal });

const CASES = {
  '3x3': geometry({ inH: 5, inW: 7, inC: 3, outC: 8, ...kernel(3), ...pad(1) }),
  '3x3, stride 2, padding below and right': geometry({
    inH: 8,
    inW: 6,
    inC: 3,
    outC: 16,
    ...kernel(3),
    ...stride(2),
    ...pad(0, 0, 1, 1),
  }),
  '3x3, stride 2, padding above and left': geometry({
    inH: 7,
    inW: 8,
    inC: 4,
    outC: 3,
    ...kernel(3),
    ...stride(2),
    ...pad(2, 1, 0, 0),
  }),
  '5x5, stride 2, one channel': geometry({ inH: 9, inW: 7, inC: 1, outC: 1, ...kernel(5), ...stride(2), ...pad(2) }),
  '2x3, strides 2 and 1': geometry({ inH: 7, inW: 6, inC: 5, outC: 7, ...kernel(2, 3), ...stride(2, 1) }),
  '1x5, strides 1 and 3': geometry({
    inH: 3,
    inW: 11,
    inC: 2,
    outC: 5,
    ...kernel(1, 5),
    ...stride(1, 3),
    ...pad(0, 3),
  }),
  '4x1, more padding than kernel on no side': geometry({
    inH: 4,
    inW: 3,
    inC: 6,
    outC: 6,
    ...kernel(4, 1),
    ...pad(3, 0, 2, 0),
  }),
  '1x1, stride 2': geometry({ inH: 6, inW: 5, inC: 9, outC: 10, ...stride(2) }),
  '2x2, stride 3: pixels that no window touches': geometry({
    inH: 8,
    inW: 8,
    inC: 3,
    outC: 4,
    ...kernel(2),
    ...stride(3),
  }),
  'kernel wider than the image': geometry({ inH: 2, inW: 3, inC: 2, outC: 9, ...kernel(5, 7), ...pad(2, 3) }),
  'one output pixel': geometry({ inH: 3, inW: 3, inC: 7, outC: 5, ...kernel(3) }),
  'wide, stride 2': geometry({ inH: 7, inW: 33, inC: 3, outC: 16, ...kernel(3), ...stride(2), ...pad(1) }),
  'wide, padding of two sizes': geometry({ inH: 5, inW: 20, inC: 1, outC: 11, ...kernel(5, 4), ...pad(3, 2, 4, 1) }),
  'wide, no padding': geometry({ inH: 4, inW: 37, inC: 2, outC: 5, ...kernel(2), ...stride(1, 2) }),
  'wide, all padding in some windows': geometry({ inH: 2, inW: 18, inC: 2, outC: 9, ...kernel(3), ...pad(3) }),
  'wide, image narrower than the kernel': geometry({
    inH: 3,
    inW: 4,
    inC: 3,
    outC: 6,
    ...kernel(3, 9),
    ...pad(1, 8, 1, 12),
  }),
  'several strips': geometry({ inH: 19, inW: 17, inC: 8, outC: 4, ...kernel(3), ...pad(1) }),
  'kernel rows in blocks': geometry({ inH: 4, inW: 5, inC: 90, outC: 6, ...kernel(3), ...pad(1) }),
  'one kernel row a block': geometry({ inH: 3, inW: 4, inC: 300, outC: 3, ...kernel(3), ...pad(1) }),
};

describe.each(BINARIES)('conv2d, %s', (file) => {
  const k = new Kernels(file);
  test.each(Object.entries(CASES))('%s', (_, g) => check(k, 'conv2d', g));
  test.each(golden('conv2d'))('PyTorch: %s', (_, c) => checkGolden(k, c));

  test('scratch of usual layers stays below 36 KB', () => {
    for (const [size, inC, outC] of [
      [128, 3, 16],
      [32, 32, 64],
      [8, 160, 320],
      [4, 256, 256],
    ] as const) {
      k.reset();
      const g = geometry({ inH: size, inW: size, inC, outC, ...kernel(3), ...pad(1) });
      expect(k.call.conv2d_scratch!(k.geometry(g))).toBeLessThan(36 * 1024);
    }
  });
});

test.each(Object.entries(CASES))('conv2d, same bits in both binaries: %s', (_, g) => same('conv2d', g));
