/**
 * The ABI: what a host calls. Integers and floats only; addresses are offsets into the exported memory. A host writes
 * a model into its arena, opens it, sets options in the control block (engine/control.ts), begins a job and steps it.
 * Every function that can fail returns a status (engine/status.ts). docs/abi.md is the reference.
 */

import { clearTables, layoutTables } from './engine/arena';
import { control as controlBlock } from './engine/control';
import { beginJob, endJob, runSteps } from './engine/episode';
import { setTask } from './engine/job';
import { closeModel, openModel } from './engine/model';
import { applyPatch, patchSize, writePatch } from './engine/patch';
import { costOfSelection, scoreLayers, selectLayers } from './engine/select';
import * as status from './engine/status';

export { __data_end, __heap_base };

/** Address of the control block. */
export function control(): usize {
  return changetype<usize>(controlBlock());
}

/**
 * Opens the model of `bytes` bytes of which the first `resident` lie at `arena` (16-byte aligned), where the arena
 * begins: all of it, or what comes before the weights, which then stay with the host (job 4 must check them first).
 * `arenaBytes` of the control block must be set. After NEED_MEMORY, enlarge the arena and call again. Unless it returns
 * DONE, no model is open.
 */
export function open(arena: usize, bytes: u32, resident: u32): i32 {
  endJob();
  controlBlock().staticBytes = <u32>arena;
  clearTables();
  let state = openModel(arena, bytes, resident);
  if (state == status.DONE) state = layoutTables();
  if (state != status.DONE) {
    closeModel();
    clearTables();
  }
  return state;
}

/** Lays out the task for `ways` and `samples` of the control block; the host then writes the labels. */
export function task(): i32 {
  endJob();
  return setTask();
}

/** Begins a job: 0 embed, 1 probe, 2 Fisher pass, 3 train, 4 check a model whose weights are with the host. */
export function begin(job: i32): i32 {
  return beginJob(job);
}

/** Runs at most `budget` steps of the job. */
export function step(budget: i32): i32 {
  return runSteps(budget);
}

/** Gives the job up. */
export function stop(): void {
  endJob();
}

/** Writes the scores of the layers by the criterion of the control block. */
export function score(): void {
  scoreLayers();
}

/** Selects layers and channels under both budgets, by the scores. */
export function select(): i32 {
  endJob();
  return selectLayers();
}

/** Bytes and MACs of training what is selected. */
export function cost(): i32 {
  endJob();
  return costOfSelection();
}

/** Bytes of the patch, with class names of `nameBytes` bytes. */
export function patch_size(nameBytes: u32): u32 {
  return patchSize(nameBytes);
}

/** Writes the patch to `at`; class names, each ending in a zero byte, are at `names`. */
export function patch_write(at: usize, names: usize, nameBytes: u32): void {
  writePatch(at, names, nameBytes);
}

/** Applies the patch of `bytes` bytes that lies at `at`, in the arena's last bytes. */
export function patch_apply(at: usize, bytes: u32): i32 {
  endJob();
  return applyPatch(at, bytes);
}
