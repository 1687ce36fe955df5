import { describe, expect, it } from 'vitest';
import { checkOptions, computeLimit, integer, parseCompute, parseMemory, parseSelection } from '../../src/options.js';

describe('memory', () => {
  it.each([
    ['1MB', 1 << 20],
    ['256KB', 256 << 10],
    ['256 kib', 256 << 10],
    ['1.5M', 1.5 * (1 << 20)],
    ['1000', 1000],
    ['64B', 64],
    [4096, 4096],
  ])('%s', (text, bytes) => expect(parseMemory(text)).toBe(bytes));
  it.each(['', '0', '-1', 'lots', '1TB', Number.NaN, -5, '1e9x'])('refuses %s', (text) => {
    expect(() => parseMemory(text)).toThrow(/^memory must be bytes, or text such as '256KB' or '1MB', got /);
  });
});

describe('compute', () => {
  it.each([
    ['15%', { share: 0.15 }],
    [0.15, { share: 0.15 }],
    ['.5', { share: 0.5 }],
    [1, { share: 1 }],
    ['100%', { share: 1 }],
    [2_000_000, { macs: 2_000_000 }],
    ['2M', { macs: 2_000_000 }],
    ['1.5K', { macs: 1500 }],
  ])('%s', (text, value) => expect(parseCompute(text)).toEqual(value));
  it.each(['', '0', '0%', '101%', '-3', 'half', Number.NaN, Number.POSITIVE_INFINITY])('refuses %s', (text) => {
    expect(() => parseCompute(text)).toThrow(/^compute must be a share .* or MACs above 1/);
  });
  it('becomes MACs', () => {
    expect(computeLimit(parseCompute('15%'), 1001)).toBe(150);
    expect(computeLimit(parseCompute(5000), 1001)).toBe(5000);
  });
});

describe('options', () => {
  it('fills in the defaults', () => {
    expect(checkOptions()).toMatchObject({
      method: 'tinytrain',
      criterion: 'tinytrain',
      memory: 1 << 20,
      compute: { share: 0.15 },
      iterations: 40,
      temperature: 10,
      augment: 'auto',
      seed: 0,
      optimizer: 'momentum',
      lr: 2e-2,
    });
    expect(checkOptions({ method: 'fulltrain' })).toMatchObject({ optimizer: 'adam', lr: 3e-4 });
  });
  it.each([
    [
      { method: 'magic' },
      "method must be one of tinytrain, deeptrain, thintrain, none, lastlayer, fulltrain, biasonly, tinytl, sparseupdate, got 'magic'",
    ],
    [{ criterion: 'x' }, 'criterion must be one of tinytrain, fisher, l2, random'],
    [{ method: 'thintrain', criterion: 'l2' }, 'method thintrain takes the last layers first: leave criterion out'],
    [{ optimizer: 'x' }, 'optimizer must be one of adam, momentum, sgd'],
    [{ augment: 'x' }, 'augment must be one of auto, none, noflip'],
    [{ seed: -1 }, 'seed must be an integer from 0 to 4294967295, got -1'],
    [{ seed: 1.5 }, 'seed must be an integer'],
    [{ iterations: -1 }, 'iterations must be an integer from 0 to 1000000, got -1'],
    [{ lr: 0 }, 'lr must be a number above 0, got 0'],
    [{ lr: Number.NaN }, 'lr must be a number above 0, got NaN'],
    [{ temperature: -1 }, 'temperature must be a number above 0'],
    [{ variants: -1 }, 'variants must be an integer from 0 to 1000'],
    [{ views: 0 }, 'views must be an integer from 1 to 6, got 0'],
    [{ views: 7 }, 'views must be an integer from 1 to 6, got 7'],
    [{ signal: 'stop' }, 'signal must be an AbortSignal'],
    [{ onProgress: 1 }, 'onProgress must be a function'],
  ])('refuses %o', (options, message) => {
    expect(() => checkOptions(options as never)).toThrow(message);
  });
  it('takes a function as criterion', () => {
    const criterion = () => 1;
    expect(checkOptions({ criterion }).criterion).toBe(criterion);
  });
  it('reads integers from text', () => {
    expect(integer('tasks', '12', 1)).toBe(12);
    for (const bad of ['', '1.5', '0', '1e3', 'x']) expect(() => integer('tasks', bad, 1)).toThrow('of at least 1');
  });
});

describe('selection', () => {
  it('reads the three forms', () => {
    const layers = { a: 'all' as const, b: 'bias' as const, c: [0, 5] };
    expect(parseSelection({ layers, more: 1 })).toEqual({ layers });
  });
  it.each([
    [null, 'selection must be'],
    [{}, 'selection must be'],
    [{ layers: [] }, 'selection must be'],
    [{ layers: { a: 'some' } }, `layer 'a' has "some"`],
    [{ layers: { a: [1.5] } }, `layer 'a' has [1.5]`],
    [{ layers: { a: [1, 1] } }, `layer 'a' names a channel twice`],
  ])('refuses %o', (value, message) => expect(() => parseSelection(value)).toThrow(message));
});
