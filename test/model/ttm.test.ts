import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../src/crc32.js';
import type { Model, Operator } from '../../src/model/model.js';
import { readModel } from '../../src/model/read.js';
import { checksumText, type StoredModel } from '../../src/model/ttm.js';
import { writeModel } from '../../src/model/write.js';
import { anyModel } from './arbitrary.js';

const operator: Operator = {
  op: 'convolution',
  name: 'first',
  input: 0,
  second: null,
  in: [5, 4, 1],
  out: [3, 2, 2],
  kernel: [3, 3],
  stride: [2, 2],
  padding: [1, 0, 1, 1],
  limit: 6,
  wholeWindow: false,
  weights: Float32Array.from({ length: 18 }, (_, i) => i / 8),
  bias: Float32Array.of(1, -1),
};
const model: Model = { name: 'café', input: [5, 4, 1], mean: [0.5], std: [0.25], operators: [operator] };

/** The same operator in int8, and what follows it. */
const int8Model: Model = {
  ...model,
  image: { scale: 0.5, zero: 3 },
  operators: [
    {
      ...operator,
      weights: Int8Array.from({ length: 18 }, (_, i) => 7 * i - 128),
      bias: Int32Array.of(2 ** 31 - 1, -(2 ** 31)),
      int8: { scale: 0.25, zero: -128, scales: Float32Array.of(0.125, 2) },
    },
    {
      ...operator,
      op: 'addition',
      name: 'sum',
      input: 1,
      second: 1,
      in: [3, 2, 2],
      ...plainWindow(),
      int8: { scale: 0.5, zero: 127, scales: null },
    },
    {
      ...operator,
      op: 'depthwise',
      name: 'float',
      input: 2,
      in: [3, 2, 2],
      ...plainWindow(),
      weights: Float32Array.of(1, 2),
      bias: Float32Array.of(3, 4),
    },
  ],
};

function plainWindow(): Pick<Operator, 'kernel' | 'stride' | 'padding' | 'weights' | 'bias'> {
  return { kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0], weights: null, bias: null };
}

/** What a reader adds to a model. */
function plain({ checksum, fileBytes, weightsOffset, ...stored }: StoredModel): Model {
  return { ...stored, operators: stored.operators.map(({ weightsOffset, biasOffset, ...rest }) => rest) };
}

/** A copy with the checksum put right. */
function signed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length >= 16) new DataView(copy.buffer).setUint32(12, crc32(copy, 16), true);
  return copy;
}

describe('a .ttm file', () => {
  it('has the bytes of docs/formats.md', () => {
    const bytes = writeModel(model);
    const view = new DataView(bytes.buffer);
    const u32 = (offset: number, count = 1) =>
      Array.from({ length: count }, (_, i) => view.getUint32(offset + 4 * i, true));
    const f32 = (offset: number, count: number) =>
      Array.from({ length: count }, (_, i) => view.getFloat32(offset + 4 * i, true));
    expect(new TextDecoder().decode(bytes.subarray(0, 4))).toBe('TTM1');
    // Header 128, one record 128, names 10 up to 266, then 72 bytes of weights and 8 of biases from multiples of 16.
    expect(u32(4, 2)).toEqual([1, 368]);
    expect(bytes).toHaveLength(368);
    expect(u32(12)).toEqual([zlibCrc32(bytes.subarray(16))]);
    expect(u32(16, 6)).toEqual([1, 1, 256, 10, 272, 96]);
    expect(u32(40, 6)).toEqual([5, 4, 1, 0, 5, 0]);
    expect(f32(64, 8)).toEqual([0.5, 0, 0, 0, 0.25, 1, 1, 1]);
    expect(u32(96, 8)).toEqual(new Array(8).fill(0));
    expect(u32(128, 15)).toEqual([5, 4, 1, 3, 2, 2, 3, 3, 2, 2, 1, 0, 1, 1, 1]);
    expect(f32(128 + 60, 1)).toEqual([6]);
    expect(u32(128 + 64, 4)).toEqual([1, 0, 0xffffffff, 0]);
    expect(u32(128 + 80, 7)).toEqual([272, 18, 352, 2, 5, 5, 0]);
    expect(u32(128 + 108, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(new TextDecoder().decode(bytes.subarray(256, 266))).toBe('caféfirst');
    expect(f32(272, 18)).toEqual([...operator.weights!]);
    expect(f32(352, 2)).toEqual([1, -1]);
  });

  it('is read as it was written', () => {
    const stored = readModel(writeModel(model));
    expect(plain(stored)).toEqual(model);
    expect(stored.operators[0]).toMatchObject({ weightsOffset: 272, biasOffset: 352 });
    expect(checksumText(stored.checksum)).toMatch(/^[0-9a-f]{8}$/);
  });

  it('with int8 operators has the bytes of docs/formats.md, and is read as it was written', () => {
    const bytes = writeModel(int8Model);
    const view = new DataView(bytes.buffer);
    expect(view.getUint32(4, true)).toBe(2);
    expect([view.getFloat32(96, true), view.getInt32(100, true)]).toEqual([0.5, 3]);
    const [first, sum, float] = [128, 256, 384] as const;
    const at = view.getUint32(32, true);
    const fields = (record: number) => [108, 112].map((field) => view.getUint32(record + field, true));
    expect([first, sum, float].map((record) => fields(record))).toEqual([
      [1, at + 48],
      [1, 0],
      [0, 0],
    ]);
    expect([view.getFloat32(first + 116, true), view.getInt32(first + 120, true)]).toEqual([0.25, -128]);
    expect([...new Int8Array(bytes.buffer, at, 18)]).toEqual([...int8Model.operators[0]!.weights!]);
    expect([...new Int32Array(bytes.buffer, at + 32, 2)]).toEqual([2 ** 31 - 1, -(2 ** 31)]);
    expect([...new Float32Array(bytes.buffer, at + 48, 2)]).toEqual([0.125, 2]);
    const stored = readModel(bytes);
    expect(plain(stored)).toEqual(int8Model);
    expect(Buffer.compare(writeModel(stored), bytes)).toBe(0);
  });

  it('is read from any offset of a buffer', () => {
    for (const each of [model, int8Model]) {
      const bytes = writeModel(each);
      for (const offset of [1, 4, 16]) {
        const larger = new Uint8Array(bytes.length + 2 * offset);
        larger.set(bytes, offset);
        expect(plain(readModel(larger.subarray(offset, offset + bytes.length)))).toEqual(each);
      }
    }
  });

  it('of any model is read as it was written, and written again byte for byte', () => {
    fc.assert(
      fc.property(anyModel, (any) => {
        const bytes = writeModel(any);
        const stored = readModel(bytes);
        expect(plain(stored)).toEqual(any);
        expect(Buffer.compare(writeModel(stored), bytes)).toBe(0);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe.each([
  ['a damaged .ttm file', model],
  ['a damaged int8 .ttm file', int8Model],
])('%s', (_, whole) => {
  const bytes = writeModel(whole);

  /** One line, or a model that can be written again. */
  const survives = (damaged: Uint8Array): boolean => {
    let stored: StoredModel;
    try {
      stored = readModel(damaged);
    } catch (error) {
      const { message } = error as Error;
      if (!/^not a usable \.ttm model: [^\n\r]+$/.test(message)) throw error;
      return false;
    }
    writeModel(stored);
    return true;
  };

  it('is refused at every length but its own', () => {
    for (let length = 0; length < bytes.length; length++) expect(survives(bytes.subarray(0, length))).toBe(false);
    expect(survives(Uint8Array.of(...bytes, ...new Array<number>(16).fill(0)))).toBe(false);
  });

  it('is refused after any change of one bit', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = bytes.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      expect(survives(copy)).toBe(false);
    }
  });

  it('with a right checksum is refused or sound', () => {
    const change = fc.tuple(
      fc.nat(bytes.length / 4 - 1),
      fc.oneof(
        fc.constantFrom(0, 1, 2, 16, 128, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, 0x7fc00000),
        fc.integer(),
      ),
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const copy = bytes.slice();
        const view = new DataView(copy.buffer);
        for (const [word, value] of changes) view.setUint32(4 * word, value >>> 0, true);
        survives(signed(copy));
      }),
      { seed: 2, numRuns: 5000 },
    );
    for (let length = 0; length < bytes.length; length += 16) {
      const cut = bytes.slice(0, length);
      if (length >= 16) new DataView(cut.buffer).setUint32(8, length, true);
      expect(survives(signed(cut))).toBe(false);
    }
  });
});

describe('a .ttm file with a wrong field', () => {
  it.each<[string, (view: DataView) => void, boolean]>([
    ['it does not begin with TTM1', (view) => view.setUint8(3, 0x32), false],
    ['version 3 is unknown, expected 1, or 2 for int8', (view) => view.setUint32(4, 3, true), false],
    ['first: type 1 is unknown', (view) => view.setUint32(128 + 108, 1, true), true],
    ['it has 368 bytes, its header says 384', (view) => view.setUint32(8, 384, true), false],
    [
      `checksum ${checksumText(zlibCrc32(writeModel(model).subarray(16)))}, its header says 00000000: damaged`,
      (view) => view.setUint32(12, 0, true),
      false,
    ],
    ['0 operators, expected 1 to 4096', (view) => view.setUint32(16, 0, true), true],
    ['1 operators have weights, its header says 7', (view) => view.setUint32(20, 7, true), true],
    ['names overlap the operators', (view) => view.setUint32(24, 128, true), true],
    ['flags 1 are unknown', (view) => view.setUint32(60, 1, true), true],
    ['a name lies outside the block of names', (view) => view.setUint32(56, 11, true), true],
    ['a name is not UTF-8', (view) => view.setUint8(256, 0xff), true],
    ['standard deviation 0 is not above 0', (view) => view.setUint32(80, 0, true), true],
    ['first: operator 9 is unknown', (view) => view.setUint32(128 + 64, 9, true), true],
    ['first: reads value 1, which is not made before it', (view) => view.setUint32(128 + 68, 1, true), true],
    [
      'the weights of first lie outside the block of weights',
      (view) => view.setUint32(128 + 84, 0xfffffff0, true),
      true,
    ],
    ['first: has 17 weights, its sizes take 18', (view) => view.setUint32(128 + 84, 17, true), true],
    ['first: has a weight or bias that is not finite', (view) => view.setFloat32(272, Number.NaN, true), true],
    ['first: limit -6 of the activation is not above 0', (view) => view.setFloat32(128 + 60, -6, true), true],
    ['first: its index among the layers is wrong', (view) => view.setUint32(128 + 104, 1, true), true],
    [
      'first: kernel 3, stride 0 vertically is out of range, each is 1 to 65535',
      (view) => view.setUint32(128 + 32, 0, true),
      true,
    ],
  ])('%s', (message, change, sign) => refuses(model, message, change, sign));

  it.each<[string, (view: DataView) => void]>([
    ['first: type 2 is unknown', (view) => view.setUint32(128 + 108, 2, true)],
    ['first: scale 0 is not above 0', (view) => view.setFloat32(128 + 116, 0, true)],
    ['first: scale Infinity is not above 0', (view) => view.setUint32(128 + 116, 0x7f800000, true)],
    ['first: zero point 128 is not from -128 to 127', (view) => view.setInt32(128 + 120, 128, true)],
    ['first: is int8, its input, value 0, is not', (view) => view.setUint32(96, 0, true)],
    ['image: scale -1 is not above 0', (view) => view.setFloat32(96, -1, true)],
    ['image: zero point -129 is not from -128 to 127', (view) => view.setInt32(100, -129, true)],
    ['the scales of first lie outside the block of weights', (view) => view.setUint32(128 + 112, 128, true)],
    [
      'first: has a scale of weights that is not above 0',
      (view) => view.setUint32(128 + 112, view.getUint32(128 + 80, true) + 16, true),
    ],
    [
      'sum: max pooling keeps the scale and zero point of its input',
      (view) => {
        view.setUint32(256 + 64, 5, true);
        view.setUint32(256 + 72, 0xffffffff, true);
      },
    ],
  ])('%s', (message, change) => refuses(int8Model, message, change, true));

  function refuses(from: Model, message: string, change: (view: DataView) => void, sign: boolean): void {
    const copy = writeModel(from);
    change(new DataView(copy.buffer));
    expect(() => readModel(sign ? signed(copy) : copy)).toThrow(`not a usable .ttm model: ${message}`);
  }
});

describe('writing a model', () => {
  const refused = (changes: Partial<Operator>, rest: Partial<Model> = {}) => {
    return () => writeModel({ ...model, operators: [{ ...operator, ...changes }], ...rest });
  };

  it('refuses what does not fit together, naming the operator', () => {
    expect(refused({ out: [4, 2, 2] })).toThrow(
      'model café: first: kernel 3, stride 2, padding 1+1 on 5 pixels vertically does not give 4 windows',
    );
    expect(refused({ in: [5, 4, 2] })).toThrow('model café: first: has 18 weights, its sizes take 36');
    expect(refused({ op: 'linear' })).toThrow('first: the output of a linear operator is 1x1: 5x4x1 to 3x2x2');
    expect(refused({ second: 0 })).toThrow('first: an addition, and only that, has two inputs');
    expect(refused({ name: '' })).toThrow('operator 0 has no name');
    expect(refused({}, { operators: [operator, operator] })).toThrow('two operators are named first');
    expect(refused({}, { mean: [] })).toThrow('has 0 means and 1 standard deviations, expected 1 of each');
    expect(refused({}, { operators: [] })).toThrow('has 0 operators, expected 1 to 4096');
  });
});

describe('CRC-32', () => {
  it('is that of zlib', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    fc.assert(fc.property(fc.uint8Array(), (bytes) => crc32(bytes) === zlibCrc32(bytes)));
  });
});
