import { PbfReader } from 'pbf';
import { OnnxError } from './error.js';

/** Wire types of protobuf. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The bounds that PbfReader does not keep: every length is checked against the message around it before anything is
 * read or allocated, and a field of another wire type than its schema's is an error.
 */
export class Reader {
  readonly pbf: PbfReader;
  /** End of the message that is being read. */
  #end: number;

  constructor(bytes: Uint8Array) {
    this.pbf = new PbfReader(bytes);
    this.#end = bytes.length;
  }

  /** Calls `field` for each field up to the end of the current message; what it does not read is skipped. */
  fields(what: string, field: (number: number) => void): void {
    const { pbf } = this;
    const end = this.#end;
    while (pbf.pos < end) {
      const tag = pbf.readVarint();
      const at = pbf.pos;
      pbf.type = tag & 7;
      if (tag >>> 3 === 0 || at > end) damaged(`${what} has no valid field at byte ${at}`);
      field(tag >>> 3);
      if (pbf.pos === at) this.#skip(what);
      if (pbf.pos > end) damaged(`${what} ends at byte ${end}, in the middle of a field`);
    }
  }

  #skip(what: string): void {
    const { pbf } = this;
    if (pbf.type === BYTES) this.bytes(what);
    else if (pbf.type === VARINT || pbf.type === FIXED32 || pbf.type === FIXED64) pbf.skip(pbf.type);
    else damaged(`${what} has a field of unknown type ${pbf.type} at byte ${pbf.pos}`);
  }

  #expect(type: number, what: string): void {
    if (this.pbf.type !== type) damaged(`${what} has wire type ${this.pbf.type} instead of ${type}`);
  }

  bytes(what: string): Uint8Array {
    this.#expect(BYTES, what);
    const length = this.pbf.readVarint();
    const start = this.pbf.pos;
    if (start + length > this.#end) damaged(`${what} of ${length} bytes passes the end at byte ${this.#end}`);
    this.pbf.pos = start + length;
    return this.pbf.buf.subarray(start, start + length);
  }

  message<T>(what: string, read: (reader: Reader) => T): T {
    const end = this.#end;
    const bytes = this.bytes(what);
    const after = this.pbf.pos;
    this.pbf.pos = after - bytes.length;
    this.#end = after;
    const result = read(this);
    this.#end = end;
    return result;
  }

  string(what: string): string {
    const bytes = this.bytes(what);
    try {
      return decoder.decode(bytes);
    } catch {
      return damaged(`${what} is not UTF-8`);
    }
  }

  int(what: string): number {
    this.#expect(VARINT, what);
    return this.pbf.readVarint(true);
  }

  float(what: string): number {
    this.#expect(FIXED32, what);
    return this.pbf.readFloat();
  }

  /** A field of a repeated number, packed or not, appended to `into`. */
  numbers(what: string, wire: number, into: number[], read: (pbf: PbfReader) => number): void {
    const { pbf } = this;
    if (pbf.type !== BYTES) {
      this.#expect(wire, what);
      into.push(read(pbf));
      return;
    }
    const length = this.bytes(what).length;
    const end = pbf.pos;
    pbf.pos = end - length;
    while (pbf.pos < end) into.push(read(pbf));
    if (pbf.pos !== end) damaged(`${what} ends in the middle of a number`);
  }

  ints(what: string, into: number[]): void {
    this.numbers(what, VARINT, into, (pbf) => pbf.readVarint(true));
  }

  floats(what: string, into: number[]): void {
    this.numbers(what, FIXED32, into, (pbf) => pbf.readFloat());
  }

  doubles(what: string, into: number[]): void {
    this.numbers(what, FIXED64, into, (pbf) => pbf.readDouble());
  }
}

/** Ends the import of bytes that are no ONNX file. */
export function damaged(why: string): never {
  throw new OnnxError(`not an ONNX file, or a damaged one: ${why}`);
}
