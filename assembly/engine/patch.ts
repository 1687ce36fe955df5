/** The patch file (.ttd, docs/formats.md): written from what is trained, and put back into the model. */
import { BIAS, FROZEN, jobStart, keepValues, layerAt, layoutTask, WEIGHTS } from './arena';
import { crc32 } from './checksum';
import { control } from './control';
import { finite, finiteNorms } from './finite';
import { biasOf, isOutside, isReady, opAt, rowLength, weightsOf } from './model';
import * as status from './status';
import { blockFloats, channelOf, exchange } from './trained';

const MAGIC: u32 = 0x31445454; // "TTD1"
const HEADER: u32 = 64;

function up(n: u64): u64 {
  return (n + 15) & ~15;
}

/** Trained layers and their channels, as `patchSize` counts them. */
let entries: u32 = 0;
let channels: u32 = 0;

/** Bytes of the patch of the present selection, with `nameBytes` bytes of class names. */
export function patchSize(nameBytes: u32): u32 {
  let values: u32 = 0;
  entries = 0;
  channels = 0;
  for (let l = 0; l < control().layerCount; ++l) {
    const layer = layerAt(l);
    if (layer.kind == FROZEN) continue;
    ++entries;
    channels += layer.count;
    values += blockFloats(layer);
  }
  const c = control();
  const lists = HEADER + entries * 16;
  const floats = <u32>up(lists + channels * 2);
  const prototypes = <u32>up(floats + values * 4);
  const names = <u32>up(prototypes + c.ways * c.featureCount * 4);
  return <u32>up(names + nameBytes);
}

/** Writes the patch to `at` (16-byte aligned, `patchSize` bytes); the names are `nameBytes` bytes at `names`. */
export function writePatch(at: usize, names: usize, nameBytes: u32): void {
  const c = control();
  const bytes = patchSize(nameBytes);
  memory.fill(at, 0, bytes);
  let floats: u32 = 0;
  let entry = at + HEADER;
  let list = entry + entries * 16;
  const values = at + <usize>up(HEADER + entries * 16 + channels * 2);
  store<u32>(at, <u32>(list - at), 32);
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    if (layer.kind == FROZEN) continue;
    const op = opAt(layer.op);
    store<u32>(entry, l);
    store<u32>(entry, layer.kind, 4);
    store<u32>(entry, layer.count, 8);
    store<u32>(entry, floats, 12);
    for (let k = 0; k < layer.count; ++k) store<u16>(list + (k << 1), <u16>channelOf(layer, k));
    const block = values + (floats << 2);
    if (layer.values) memory.copy(block, layer.values, (<usize>blockFloats(layer)) << 2);
    else exchange(layer, block, weightsOf(op), biasOf(op), 0, op.outC, false);
    list += layer.count << 1;
    floats += blockFloats(layer);
    entry += 16;
  }
  const prototypes = values + <usize>up(floats << 2);
  const vector = (c.ways * c.featureCount) << 2;
  memory.copy(prototypes, c.prototypesPointer, vector);
  const text = prototypes + <usize>up(vector);
  memory.copy(text, names, nameBytes);
  store<u32>(at, MAGIC);
  store<u32>(at, 1, 4);
  store<u32>(at, bytes, 8);
  store<u32>(at, c.checksum, 16);
  store<u32>(at, entries, 20);
  store<u32>(at, c.ways, 24);
  store<u32>(at, c.featureCount, 28);
  store<u32>(at, <u32>(values - at), 36);
  store<u32>(at, <u32>(prototypes - at), 40);
  store<u32>(at, <u32>(text - at), 44);
  store<u32>(at, nameBytes, 48);
  store<u32>(at, crc32(at + 16, bytes - 16), 12);
}

/**
 * Puts a patch of `bytes` bytes at `at` (16-byte aligned, at the arena's end) into the model, whose weights must be the
 * original ones; of a model whose weights are with the host, its values are kept behind the task. Everything is checked first: a patch that is refused changes nothing. The task's block is laid out
 * for its classes; NEED_MEMORY if that would reach the patch.
 */
export function applyPatch(at: usize, bytes: u32): i32 {
  if (!isReady()) return status.ORDER;
  const c = control();
  if (bytes < 4 || load<u32>(at) != MAGIC) return status.PATCH_MAGIC;
  if (bytes < HEADER) return status.PATCH_SIZE;
  if (load<u32>(at, 4) != 1) return status.PATCH_VERSION;
  if (load<u32>(at, 8) != bytes || (bytes & 15) != 0) return status.PATCH_SIZE;
  if (crc32(at + 16, bytes - 16) != load<u32>(at, 12)) return status.PATCH_CHECKSUM;
  if (load<u32>(at, 16) != c.checksum) return status.PATCH_MODEL;
  if (!validPatch(at, bytes)) return status.PATCH_INVALID;
  c.ways = load<i32>(at, 24);
  c.samples = 0;
  const room = c.arenaBytes;
  const state = layoutTask();
  if (state != status.DONE) return state;
  if (jobStart() > at) {
    c.needBytes = room + <u32>(jobStart() - at);
    return status.NEED_MEMORY;
  }
  for (let l = 0; l < c.layerCount; ++l) {
    layerAt(l).kind = FROZEN;
    layerAt(l).count = 0;
  }
  let entry = at + HEADER;
  let list = at + load<u32>(at, 32);
  const values = at + load<u32>(at, 36);
  for (let e = load<i32>(at, 20); e > 0; --e, entry += 16) {
    const layer = layerAt(load<i32>(entry));
    layer.kind = load<i32>(entry, 4);
    layer.count = load<i32>(entry, 8);
    const op = opAt(layer.op);
    const block = values + (load<u32>(entry, 12) << 2);
    memory.copy(layer.channels, list, layer.count << 1);
    if (isOutside()) layer.values = <u32>block;
    else exchange(layer, block, weightsOf(op), biasOf(op), 0, op.outC, true);
    list += layer.count << 1;
  }
  memory.copy(c.prototypesPointer, at + load<u32>(at, 40), (c.ways * c.featureCount) << 2);
  if (isOutside()) keepValues();
  return status.DONE;
}

/** Checks every field and list against the model and the size of the file. */
function validPatch(at: usize, bytes: u32): bool {
  const c = control();
  const entries = load<u32>(at, 20);
  const ways = load<u32>(at, 24);
  if (entries > <u32>c.layerCount || ways < 2 || ways > 0xffff || load<i32>(at, 28) != c.featureCount) return false;
  if (load<u32>(at, 32) != HEADER + entries * 16) return false;
  let list: u64 = HEADER + entries * 16;
  let floats: u64 = 0;
  let before = -1;
  for (let e: u32 = 0; e < entries; ++e) {
    const entry = at + HEADER + e * 16;
    if (<u64>HEADER + (e + 1) * 16 > bytes) return false;
    const l = load<u32>(entry);
    const kind = load<i32>(entry, 4);
    const count = load<u32>(entry, 8);
    if (l >= <u32>c.layerCount || <i32>l <= before || (kind != BIAS && kind != WEIGHTS)) return false;
    before = <i32>l;
    const op = opAt(layerAt(l).op);
    if (count < 1 || count > <u32>op.outC || (kind == BIAS && count != <u32>op.outC)) return false;
    if (load<u32>(entry, 12) != floats || list + count * 2 > bytes) return false;
    let last = -1;
    for (let k: u32 = 0; k < count; ++k) {
      const channel = <i32>load<u16>(at + <usize>list + (k << 1));
      if (channel <= last || channel >= op.outC) return false;
      last = channel;
    }
    list += count << 1;
    floats += <u64>count * (kind == WEIGHTS ? 1 + rowLength(op) : 1);
  }
  const values = up(list);
  const prototypes = up(values + floats * 4);
  const names = up(prototypes + <u64>ways * c.featureCount * 4);
  if (load<u32>(at, 36) != values || load<u32>(at, 40) != prototypes || load<u32>(at, 44) != names) return false;
  const nameBytes = load<u32>(at, 48);
  return (
    up(names + nameBytes) == bytes &&
    finite(at + <usize>values, <i32>floats) &&
    finiteNorms(at + <usize>prototypes, ways, c.featureCount) &&
    countNames(at + <usize>names, nameBytes) == ways
  );
}

/** Names in a block of texts that each end in a zero byte; 0 if the last does not. */
function countNames(at: usize, bytes: u32): u32 {
  if (bytes == 0 || load<u8>(at + bytes - 1) != 0) return 0;
  let count: u32 = 0;
  for (let i: u32 = 0; i < bytes; ++i) count += <u32>(load<u8>(at + i) == 0);
  return count;
}
