import { sha256 as hash } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
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

/** SHA-256 in hexadecimal. (The browser's own is missing from pages that are not served over https.) */
export function sha256(bytes: Uint8Array): string {
  return bytesToHex(hash(bytes));
}
