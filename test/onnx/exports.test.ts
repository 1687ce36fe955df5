import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { layersOf, type Model, type Shape, sizeOf } from '../../src/model/model.js';
import { readModel } from '../../src/model/read.js';
import { type ImportOptions, importOnnx } from '../../src/onnx/index.js';
import { forward, fromChw } from '../reference/forward.js';

const FOLDER = new URL('../golden/onnx/', import.meta.url);

interface Case {
  name: string;
  /** Channels, height, width. */
  input: number[];
  /** A list, or channels, height, width. */
  features: number[];
  offset: number;
}

const cases = JSON.parse(readFileSync(new URL('cases.json', FOLDER), 'utf8')) as Case[];
const { buffer } = new Uint8Array(readFileSync(new URL('cases.bin', FOLDER)));

function load(name: string, options: ImportOptions = {}): Model {
  return readModel(importOnnx(new Uint8Array(readFileSync(new URL(`${name}.onnx`, FOLDER))), options));
}

const product = (sizes: number[]) => sizes.reduce((a, b) => a * b, 1);
const operators = (name: string) => load(name).operators.map((operator) => operator.op);

/** Networks of test/reference/make_onnx.py, against the features that PyTorch or ONNX Runtime gives. */
describe('usual exports give the features of the framework', () => {
  it.each(cases)('$name', ({ name, input, features, offset }) => {
    const model = load(name);
    expect([model.input[2], model.input[0], model.input[1]]).toEqual(input);
    const image = new Float32Array(buffer, offset, product(input));
    let expected: ArrayLike<number> = new Float32Array(buffer, offset + 4 * image.length, product(features));
    const last = model.operators.at(-1)!.out;
    expect(sizeOf(last)).toBe(expected.length);
    // A feature map stays one: its vector is in the order height, width, channels.
    if (last[0] * last[1] > 1) expected = fromChw(expected, last);
    const found = forward(model, fromChw(image, model.input));
    expect(Math.max(...Array.from(expected, Math.abs))).toBeGreaterThan(0.05);
    const worst = Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)));
    expect(worst).toBeLessThan(1e-4);
  });
});

describe('what is folded', () => {
  const counts = (name: string) => {
    const result: Record<string, number> = {};
    for (const op of operators(name)) result[op] = (result[op] ?? 0) + 1;
    return result;
  };
  const resnet = { convolution: 6, maxPooling: 1, addition: 2, globalAveragePooling: 1 };

  it.each(['resnet-legacy', 'resnet-dynamo', 'resnet-unfolded', 'resnet-opset9'])('%s: only layers remain', (name) => {
    expect(counts(name)).toEqual(resnet);
    const { operators } = load(name);
    expect(operators.filter((o) => o.op === 'addition').every((o) => o.limit === Number.POSITIVE_INFINITY)).toBe(true);
  });

  it.each([
    'mobilenet-legacy',
    'mobilenet-dynamo',
    'mobilenet-unfolded',
    'mobilenet-opset9',
  ])('%s: layers with ReLU6', (name) => {
    expect(counts(name)).toEqual({ convolution: 7, depthwise: 3, addition: 2, globalAveragePooling: 1 });
    expect(layersOf(load(name)).filter((o) => o.limit === 6)).toHaveLength(7);
  });

  it('expresses a batch normalisation that nothing can take as a depthwise convolution', () => {
    for (const name of ['preactivation-legacy', 'preactivation-dynamo']) {
      expect(counts(name)).toEqual({ convolution: 5, depthwise: 3, addition: 2, globalAveragePooling: 1 });
      const [, normalisation] = load(name).operators;
      expect(normalisation).toMatchObject({ op: 'depthwise', kernel: [1, 1], limit: Number.POSITIVE_INFINITY });
    }
  });

  it('expresses an activation of a value that is used by itself as a max pooling', () => {
    const [first, activation, add] = load('two-uses').operators;
    expect(first).toMatchObject({ op: 'convolution', limit: null });
    expect(activation).toMatchObject({ op: 'maxPooling', kernel: [1, 1], limit: Number.POSITIVE_INFINITY });
    expect(add).toMatchObject({ op: 'addition', limit: Number.POSITIVE_INFINITY });
  });

  it('folds paddings', () => {
    expect(load('pads').operators.map(({ op, padding }) => ({ op, padding }))).toEqual([
      { op: 'convolution', padding: [1, 2, 2, 0] },
      { op: 'maxPooling', padding: [1, 0, 0, 1] },
      { op: 'maxPooling', padding: [1, 1, 0, 1] },
      { op: 'averagePooling', padding: [1, 1, 0, 1] },
      { op: 'addition', padding: [0, 0, 0, 0] },
      { op: 'globalAveragePooling', padding: [0, 0, 0, 0] },
    ]);
  });
});

describe('where the network is cut', () => {
  it('cuts off Gemm, MatMul and Add, and a convolution on one position', () => {
    expect(operators('matmul-legacy')).toEqual(['convolution', 'globalAveragePooling']);
    expect(operators('matmul-dynamo')).toEqual(['convolution', 'globalAveragePooling']);
    // Its weights and bias are computed from initialisers.
    expect(operators('weights-f2')).toEqual(['convolution', 'globalAveragePooling']);
    expect(operators('conv-classifier')).toEqual(['convolution', 'globalAveragePooling']);
  });

  it('keeps what is no classifier', () => {
    expect(operators('conv-scores')).toEqual(['convolution', 'convolution', 'globalAveragePooling']);
    expect(operators('linear-only')).toEqual(['linear']);
    expect(operators('feature-map')).toEqual(['convolution']);
  });

  it('keeps a feature map before a dense classifier', () => {
    expect(load('flat-classifier').operators.at(-1)!.out).toEqual([5, 3, 4] satisfies Shape);
  });

  it('takes the tensor that is named', () => {
    const model = load('gemm-raw', { features: 'b', name: 'mine' });
    expect(model.name).toBe('mine');
    expect(model.operators.map((operator) => operator.name)).toEqual(['n0']);
    expect(load('gemm-raw', { features: 'y' }).operators.at(-1)!.out).toEqual([1, 1, 4]);
    // The value before an activation: nothing behind it is folded.
    expect(load('old', { features: 'b0' }).operators).toMatchObject([{ op: 'convolution', limit: null }]);
  });
});

describe('preprocessing', () => {
  const stored = (options: ImportOptions) => {
    const { mean, std } = load('pads', options);
    return [...mean, ...std].map((value) => Math.round(value * 1e4) / 1e4);
  };

  it('is -1 to 1 unless told otherwise', () => {
    expect(stored({})).toEqual([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
  });

  it('takes one value a channel, or one for all', () => {
    expect(stored({ mean: [0.485, 0.456, 0.406], std: [0.25] })).toEqual([0.485, 0.456, 0.406, 0.25, 0.25, 0.25]);
  });

  it('takes values of pixels from 0 to 255', () => {
    expect(stored({ mean: [127.5], std: [51] })).toEqual([0.5, 0.5, 0.5, 0.2, 0.2, 0.2]);
    expect(stored({ mean: [102], std: [1] })).toEqual([0.4, 0.4, 0.4, 0.0039, 0.0039, 0.0039]);
    expect(stored({ mean: [102] })).toEqual([0.4, 0.4, 0.4, 0.5, 0.5, 0.5]);
  });

  it('refuses what cannot be meant', () => {
    expect(() => stored({ mean: [0.5, 0.5] })).toThrow('mean has 2 values, expected 1 or 3, one a channel');
    expect(() => stored({ std: [0.5, 0, 0.5] })).toThrow(
      'std 0.5, 0, 0.5 is not supported: each value must be above 0',
    );
    expect(() => stored({ std: [-1] })).toThrow('each value must be above 0');
    expect(() => stored({ mean: [Number.NaN] })).toThrow('mean NaN is not a list of numbers');
  });
});
