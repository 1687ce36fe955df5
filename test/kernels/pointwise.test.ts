import { describe, expect, test } from 'vitest';
import { checkGolden, golden } from './golden.js';
import { BINARIES, geometry, Kernels } from './harness.js';
import { check, operands, run, same } from './layers.js';

const CASES = {
  'whole tiles': geometry({ inH: 4, inW: 4, inC: 16, outC: 24 }),
  'one channel in, one out': geometry({ inH: 3, inW: 5, inC: 1, outC: 1 }),
  'tails of 1': geometry({ inH: 3, inW: 3, inC: 9, outC: 17 }),
  'tails of 2': geometry({ inH: 2, inW: 5, inC: 10, outC: 2 }),
  'tails of 3': geometry({ inH: 1, inW: 7, inC: 3, outC: 11 }),
  'tails of 5': geometry({ inH: 5, inW: 1, inC: 13, outC: 5 }),
  'tails of 6': geometry({ inH: 3, inW: 2, inC: 6, outC: 14 }),
  'tails of 7': geometry({ inH: 7, inW: 3, inC: 15, outC: 7 }),
  'one pixel': geometry({ inH: 1, inW: 1, inC: 13, outC: 6 }),
  'two pixels': geometry({ inH: 1, inW: 2, inC: 12, outC: 8 }),
  'one channel in, several out': geometry({ inH: 3, inW: 4, inC: 1, outC: 9 }),
  'several channels in, one out': geometry({ inH: 3, inW: 4, inC: 9, outC: 1 }),
  'few pixels, many channels': geometry({ inH: 2, inW: 3, inC: 36, outC: 21 }),
  'few pixels, more channels in than a block': geometry({ inH: 2, inW: 2, inC: 261, outC: 12 }),
  'more pixels than a block': geometry({ inH: 17, inW: 16, inC: 5, outC: 9 }),
  'more channels in than a block': geometry({ inH: 3, inW: 4, inC: 523, outC: 4 }),
  'more channels out than a block': geometry({ inH: 3, inW: 4, inC: 9, outC: 300 }),
};

describe.each(BINARIES)('pointwise, %s', (file) => {
  const k = new Kernels(file);
  test.each(Object.entries(CASES))('%s', (_, g) => check(k, 'pointwise', g));
  test.each(golden('pointwise'))('PyTorch: %s', (_, c) => checkGolden(k, c));

  test('the weight gradient is added to what is there', () => {
    const g = geometry({ inH: 3, inW: 3, inC: 9, outC: 6 });
    const values = operands('pointwise', g);
    const once = run(k, 'pointwise', g, values).dw;
    k.reset();
    const at = k.geometry(g);
    const [x, dy] = [k.floats(values.x), k.floats(values.dy)];
    const dw = k.floats(new Float32Array(once.length));
    const scratch = k.alloc(k.call.pointwise_scratch!(at));
    for (let i = 0; i < 2; i++) k.call.pointwise_backward_weight!(dw, dy, x, scratch, at, 0, g.outC);
    const twice = k.read(dw, once.length);
    for (const [i, v] of twice.entries()) expect(v).toBeCloseTo(2 * once[i]!, 4);
  });

  test('scratch stays small', () => {
    const g = geometry({ inH: 64, inW: 64, inC: 1280, outC: 1280 });
    k.reset();
    expect(k.call.pointwise_scratch!(k.geometry(g))).toBeLessThan(9000);
  });
});

test.each(Object.entries(CASES))('pointwise, same bits in both binaries: %s', (_, g) => same('pointwise', g));
