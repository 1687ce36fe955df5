import { crc32 } from './crc32.js';
import { MAX_VIEWS } from './defaults.js';
import { TinyTrainError } from './status.js';

/** What the host reads of a patch file (docs/formats.md); the engine writes and checks it. */

/** Class names of a patch that the engine has accepted; as in a support set, no two are equal and none is empty. */
export function classNames(patch: Uint8Array): string[] {
  const view = new DataView(patch.buffer, patch.byteOffset, patch.length);
  const at = view.getUint32(44, true);
  const text = new TextDecoder().decode(patch.subarray(at, at + view.getUint32(48, true)));
  const names = text.split('\0').slice(0, -1);
  if (new Set(names).size !== names.length || names.includes('')) {
    throw new TinyTrainError('not a usable patch: the names of its classes are not distinct');
  }
  return names;
}

/**
 * The prototypes of a patch that the engine has accepted, [ways][features], in the patch's own bytes: what is set there is set
 * in the patch. It must begin at a multiple of 4 bytes of its buffer, as a patch that is a copy does.
 */
export function prototypesIn(patch: Uint8Array): Float32Array {
  const view = new DataView(patch.buffer, patch.byteOffset, patch.length);
  const [ways, features, at] = [view.getUint32(24, true), view.getUint32(28, true), view.getUint32(40, true)];
  return new Float32Array(patch.buffer, patch.byteOffset + at, ways * features);
}

/** Where a patch says by how many views it classifies; 0 is 1. */
const VIEWS_AT = 52;

/** A patch of the engine that says by how many views of a picture it classifies. */
export function withViews(patch: Uint8Array, views: number): Uint8Array {
  if (views === 1) return patch;
  const out = patch.slice();
  const view = new DataView(out.buffer);
  view.setUint32(VIEWS_AT, views, true);
  view.setUint32(12, crc32(out, 16), true);
  return out;
}

/** By how many views of a picture a patch that the engine has accepted classifies. */
export function viewsOf(patch: Uint8Array): number {
  const views = new DataView(patch.buffer, patch.byteOffset, patch.length).getUint32(VIEWS_AT, true) || 1;
  if (views > MAX_VIEWS) {
    throw new TinyTrainError(`not a usable patch: it asks for ${views} views of a picture, of at most ${MAX_VIEWS}`);
  }
  return views;
}

/** SHA-256 in hexadecimal: the host's or, as browsers keep theirs from pages that are not served over https, a library's. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  const hash = subtle
    ? new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
    : (await import('@noble/hashes/sha2.js')).sha256(bytes);
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
