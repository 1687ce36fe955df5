import { crc32 } from '../../src/crc32.js';

export interface PatchEntry {
  layer: number;
  kind: 'bias' | 'weights';
  channels: number[];
  /** Biases, then the rows of the weights. */
  values: Float32Array;
}

export interface Patch {
  model: number;
  ways: number;
  features: number;
  entries: PatchEntry[];
  prototypes: Float32Array;
  classes: string[];
}

const align16 = (n: number) => (n + 15) & ~15;

/** Reads a patch by docs/formats.md; `rowLength`: weights of one channel of a layer. Every offset is checked. */
export function parsePatch(bytes: Uint8Array, rowLength: (layer: number) => number): Patch {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number) => view.getUint32(at, true);
  const same = (what: string, got: unknown, expected: unknown) => {
    if (got !== expected) throw new Error(`patch: ${what} is ${got}, expected ${expected}`);
  };
  same('magic', new TextDecoder().decode(bytes.subarray(0, 4)), 'TTD1');
  same('version', u32(4), 1);
  same('fileBytes', u32(8), bytes.length);
  same('checksum', u32(12), crc32(bytes, 16));
  const count = u32(20);
  let list = 64 + 16 * count;
  same('channelsOffset', u32(32), list);
  const valuesAt = u32(36);
  let floats = 0;
  const entries = Array.from({ length: count }, (_, e): PatchEntry => {
    const at = 64 + 16 * e;
    const layer = u32(at);
    const kind = u32(at + 4) === 1 ? 'bias' : 'weights';
    const channels = Array.from({ length: u32(at + 8) }, (_, k) => view.getUint16(list + 2 * k, true));
    list += 2 * channels.length;
    same('first float', u32(at + 12), floats);
    const length = channels.length * (kind === 'bias' ? 1 : 1 + rowLength(layer));
    const values = Float32Array.from({ length }, (_, i) => view.getFloat32(valuesAt + 4 * (floats + i), true));
    floats += length;
    return { layer, kind, channels, values };
  });
  same('valuesOffset', valuesAt, align16(list));
  const ways = u32(24);
  const features = u32(28);
  const prototypesAt = u32(40);
  same('prototypesOffset', prototypesAt, align16(valuesAt + 4 * floats));
  const prototypes = Float32Array.from({ length: ways * features }, (_, i) =>
    view.getFloat32(prototypesAt + 4 * i, true),
  );
  const namesAt = u32(44);
  same('namesOffset', namesAt, align16(prototypesAt + 4 * ways * features));
  const names = new TextDecoder().decode(bytes.subarray(namesAt, namesAt + u32(48)));
  same('size', bytes.length, align16(namesAt + u32(48)));
  return { model: u32(16), ways, features, entries, prototypes, classes: names.split('\0').slice(0, -1) };
}

/** A copy of a file whose checksum, at byte 12, is made to fit. */
export function resealed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  new DataView(copy.buffer).setUint32(12, crc32(copy, 16), true);
  return copy;
}

/** Values of all entries, one after another. */
export function allValues(patch: Patch): Float32Array {
  return Float32Array.from(patch.entries.flatMap((entry) => Array.from(entry.values)));
}
