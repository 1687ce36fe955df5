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

/** SHA-256 in hexadecimal: the host's or, as browsers keep theirs from pages that are not served over https, a library's. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  const hash = subtle
    ? new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
    : (await import('@noble/hashes/sha2.js')).sha256(bytes);
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
