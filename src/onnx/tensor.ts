import { OnnxError, shown } from './error.js';
import type { TensorProto } from './proto.js';

/** A tensor whose values are known when the file is imported. */
export interface Constant {
  /** The tensor's name, for messages. */
  name: string;
  dims: number[];
  data: Float32Array | Float64Array | number[];
  /** True for integers and booleans. */
  integer: boolean;
  /** Element type in the file. */
  type?: number;
  /** Integers of 8 bits that the values were made of: each is one of these times its scale, of all or of its channel. */
  int8?: { data: Float64Array; scales: Float32Array };
}

/** Element types that weights and constants may have: name, bytes an element. */
const TYPES: Record<number, { name: string; bytes: number; integer: boolean }> = {
  1: { name: 'float', bytes: 4, integer: false },
  2: { name: 'uint8', bytes: 1, integer: true },
  3: { name: 'int8', bytes: 1, integer: true },
  6: { name: 'int32', bytes: 4, integer: true },
  7: { name: 'int64', bytes: 8, integer: true },
  9: { name: 'bool', bytes: 1, integer: true },
  10: { name: 'float16', bytes: 2, integer: false },
  11: { name: 'double', bytes: 8, integer: false },
};

const FLOAT = 1;
const INT64 = 7;
const FLOAT16 = 10;
const DOUBLE = 11;

/** True if an element type is float, float16 or double. */
export function isFloat(type: number): boolean {
  return type === FLOAT || type === FLOAT16 || type === DOUBLE;
}

/** True if an element type is one of those that constants may have, and no float. */
export function isInteger(type: number): boolean {
  return TYPES[type]?.integer ?? false;
}

/** Number of elements of a list of dimensions. */
export function count(dims: readonly number[]): number {
  return dims.reduce((product, n) => product * n, 1);
}

/** Checks that a tensor's data has the length of its dimensions; a type that is not supported passes until it is read. */
export function checkTensor(tensor: TensorProto): void {
  const label = `tensor ${shown(tensor.name)}`;
  if (tensor.external) {
    throw new OnnxError(`${label}: its data is in another file (external data); export the model as a single file`);
  }
  if (!tensor.dims.every((n) => Number.isInteger(n) && n >= 0 && n <= 2 ** 31)) {
    throw new OnnxError(`${label}: dimensions ${shown(tensor.dims.join('x'))} are out of range`);
  }
  const type = TYPES[tensor.type];
  if (!type) return;
  const elements = count(tensor.dims);
  const found = tensor.raw ? tensor.raw.length / type.bytes : list(tensor).length;
  if (found !== elements) {
    throw new OnnxError(
      `${label}: it has ${found} elements of type ${type.name}, its dimensions ${shown(tensor.dims.join('x'))} take ${elements}`,
    );
  }
}

/** The values of a tensor that has been checked. */
export function readTensor(tensor: TensorProto): Constant {
  const type = TYPES[tensor.type];
  if (!type) {
    const names = Object.values(TYPES).map((t) => t.name);
    throw new OnnxError(
      `tensor ${shown(tensor.name)}: element type ${tensor.type} is not supported; supported are ${names.join(', ')}`,
    );
  }
  return {
    name: tensor.name,
    dims: tensor.dims,
    data: values(tensor, type.bytes),
    integer: type.integer,
    type: tensor.type,
  };
}

function list(tensor: TensorProto): number[] {
  if (tensor.type === FLOAT) return tensor.floats;
  if (tensor.type === DOUBLE) return tensor.doubles;
  return tensor.type === INT64 ? tensor.longs : tensor.ints;
}

function values(tensor: TensorProto, bytes: number): Constant['data'] {
  const { raw, type } = tensor;
  if (!raw) {
    if (type === FLOAT) return Float32Array.from(tensor.floats);
    if (type === FLOAT16) return Float32Array.from(tensor.ints, half);
    return list(tensor);
  }
  // WebAssembly is little-endian, and so is every host that it runs on: raw data is in the order of typed arrays.
  if (type === FLOAT) return new Float32Array(raw.slice().buffer);
  if (type === DOUBLE) return new Float64Array(raw.slice().buffer);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const elements = raw.length / bytes;
  if (type === FLOAT16) return Float32Array.from({ length: elements }, (_, i) => half(view.getUint16(2 * i, true)));
  return Array.from({ length: elements }, (_, i) => {
    if (bytes === 8) return Number(view.getBigInt64(8 * i, true));
    if (bytes === 4) return view.getInt32(4 * i, true);
    return type === 3 ? view.getInt8(i) : view.getUint8(i);
  });
}

/** The value of a half float's 16 bits. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
