import { crc32 } from '../crc32.js';
import { MAX_OPERATORS, type Model, OPERATOR_KINDS, type Operator, type Shape } from './model.js';

export const MAGIC = 0x314d5454; // TTM1
export const HEADER = 128;
export const RECORD = 128;
export const NONE = 0xffffffff;

/** Kinds of arrays that a file holds. */
type Values = typeof Float32Array | typeof Int32Array | typeof Int8Array;

export const align16 = (n: number) => Math.ceil(n / 16) * 16;

/** An operator as it lies in a file. */
export interface StoredOperator extends Operator {
  /** Offsets in the file, 0 for an operator without weights. */
  weightsOffset: number;
  biasOffset: number;
}

/** A model as it lies in a file. */
export interface StoredModel extends Model {
  operators: StoredOperator[];
  /** CRC-32, the identity of the model. */
  checksum: number;
  fileBytes: number;
  /** Bytes before this must be in memory; what follows may stay in flash. */
  weightsOffset: number;
}

/** The checksum as reports show it: 8 hexadecimal digits. */
export function checksumText(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}

/**
 * The model that a `.ttm` file holds, as it stands there: whether its operators fit each other, `readModel` checks. Nothing
 * outside `bytes` is read; a file that is damaged gives one Error that says how. Weights are views of `bytes` where its
 * alignment allows, else copies.
 */
export function parseModel(bytes: Uint8Array): StoredModel {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (offset: number) => view.getUint32(offset, true);
  if (bytes.length < 4 || u32(0) !== MAGIC) fail('it does not begin with TTM1');
  if (bytes.length < HEADER) fail(`${bytes.length} bytes are less than a header, the file is truncated`);
  const version = u32(4);
  if (version !== 1 && version !== 2) fail(`version ${version} is unknown, expected 1, or 2 for int8`);
  const fileBytes = u32(8);
  if (fileBytes !== bytes.length) fail(`it has ${bytes.length} bytes, its header says ${fileBytes}`);
  if (fileBytes % 16 !== 0) fail(`its size, ${fileBytes} bytes, is no multiple of 16`);
  const checksum = u32(12);
  const actual = crc32(bytes, 16);
  if (checksum !== actual) fail(`checksum ${checksumText(actual)}, its header says ${checksumText(checksum)}: damaged`);

  const opCount = u32(16);
  const namesOffset = u32(24);
  const namesBytes = u32(28);
  const weightsOffset = u32(32);
  if (opCount < 1 || opCount > MAX_OPERATORS) fail(`${opCount} operators, expected 1 to ${MAX_OPERATORS}`);
  if (namesOffset < HEADER + RECORD * opCount) fail('names overlap the operators');
  if (weightsOffset % 16 !== 0 || weightsOffset > fileBytes || namesOffset + namesBytes > weightsOffset) {
    fail('the blocks of names and weights do not follow each other inside the file');
  }
  if (u32(36) !== fileBytes - weightsOffset) fail('the size of the weights does not agree with the size of the file');
  if (u32(60) !== 0) fail(`flags ${u32(60)} are unknown`);

  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const text = (at: number): string => {
    const start = u32(at);
    const length = u32(at + 4);
    if (start + length > namesBytes) fail('a name lies outside the block of names');
    try {
      return decoder.decode(bytes.subarray(namesOffset + start, namesOffset + start + length));
    } catch {
      return fail('a name is not UTF-8');
    }
  };
  const values = <T extends Values>(type: T, offset: number, count: number, what: string): InstanceType<T> | null => {
    if (offset === 0 && count === 0) return null;
    const end = offset + type.BYTES_PER_ELEMENT * count;
    if (offset % 16 !== 0 || offset < weightsOffset || count === 0 || end > fileBytes) {
      fail(`${what} lie outside the block of weights`);
    }
    const start = bytes.byteOffset + offset;
    const view = start % type.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice(offset, end);
    return new type(view.buffer as ArrayBuffer, view === bytes ? start : 0, count) as InstanceType<T>;
  };
  const quantised = (at: number) => ({ scale: view.getFloat32(at, true), zero: view.getInt32(at + 4, true) });
  const numbers = (at: number, count: number) => Array.from({ length: count }, (_, i) => u32(at + 4 * i));
  const reals = (at: number, count: number) =>
    Array.from({ length: count }, (_, i) => view.getFloat32(at + 4 * i, true));

  const input = numbers(40, 3) as Shape;
  const channels = input[2] > 4 ? 0 : input[2];
  let layers = 0;
  const operators = Array.from({ length: opCount }, (_, i): StoredOperator => {
    const at = HEADER + RECORD * i;
    const name = text(at + 96);
    if (u32(at + 108) >= version) fail(`${name}: type ${u32(at + 108)} is unknown`);
    const isInt8 = u32(at + 108) === 1;
    const weights = values(isInt8 ? Int8Array : Float32Array, u32(at + 80), u32(at + 84), `the weights of ${name}`);
    const bias = values(isInt8 ? Int32Array : Float32Array, u32(at + 88), u32(at + 92), `the biases of ${name}`);
    const scales = isInt8
      ? values(Float32Array, u32(at + 112), weights ? u32(at + 92) : 0, `the scales of ${name}`)
      : null;
    if (u32(at + 104) !== (weights ? layers++ : NONE)) fail(`${name}: its index among the layers is wrong`);
    if (u32(at + 56) > 1) fail(`${name}: activation ${u32(at + 56)} is unknown`);
    if (u32(at + 76) > 1) fail(`${name}: flags ${u32(at + 76)} are unknown`);
    return {
      op: OPERATOR_KINDS[u32(at + 64) - 1] ?? fail(`${name}: operator ${u32(at + 64)} is unknown`),
      name,
      input: u32(at + 68),
      second: u32(at + 72) === NONE ? null : u32(at + 72),
      in: numbers(at, 3) as Shape,
      out: numbers(at + 12, 3) as Shape,
      kernel: numbers(at + 24, 2) as Operator['kernel'],
      stride: numbers(at + 32, 2) as Operator['stride'],
      padding: numbers(at + 40, 4) as Operator['padding'],
      limit: u32(at + 56) === 0 ? null : view.getFloat32(at + 60, true),
      wholeWindow: u32(at + 76) === 1,
      weights,
      bias,
      ...(isInt8 && { int8: { ...quantised(at + 116), scales } }),
      weightsOffset: u32(at + 80),
      biasOffset: u32(at + 88),
    };
  });
  if (u32(20) !== layers) fail(`${layers} operators have weights, its header says ${u32(20)}`);
  return {
    name: text(52),
    input,
    mean: reals(64, channels),
    std: reals(80, channels),
    ...(version === 2 && view.getUint32(96, true) !== 0 && { image: quantised(96) }),
    operators,
    checksum,
    fileBytes,
    weightsOffset,
  };
}

/** Refuses a file. */
export function fail(why: string): never {
  throw new Error(`not a usable .ttm model: ${why.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')}`);
}
