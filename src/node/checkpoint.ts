import { readFile } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import { crc32 } from '../crc32.js';
import { fileError, writeAtomic } from './files.js';

const MAGIC = Buffer.from('TTCK0001');
const HEAD = MAGIC.length + 4;

/** Writes a value (plain data and typed arrays) with a checksum: to a temporary file, then renamed. */
export async function writeCheckpoint(path: string, value: unknown): Promise<void> {
  const payload = serialize(value);
  const head = Buffer.alloc(HEAD);
  MAGIC.copy(head);
  head.writeUInt32LE(crc32(payload), MAGIC.length);
  await writeAtomic(path, Buffer.concat([head, payload]));
}

/** Reads what `writeCheckpoint` wrote; undefined if there is no such file. */
export async function readCheckpoint(path: string): Promise<unknown> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(path, error, 'read');
  }
  const whole = bytes.subarray(0, MAGIC.length).equals(MAGIC) && bytes.length > HEAD;
  if (!whole || crc32(bytes, HEAD) !== bytes.readUInt32LE(MAGIC.length)) {
    throw new Error(`${path}: not a checkpoint, or damaged; remove it, or start over with --restart`);
  }
  return deserialize(bytes.subarray(HEAD));
}
