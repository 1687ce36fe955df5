/**
 * Jobs: `prepareJob` checks what the host has set and lays out program, gradients and optimiser state, and activations;
 * episode.ts runs them.
 */
import { LOMO } from '../kernels/optimizer';
import {
  BIAS,
  checkTask,
  dropValues,
  FROZEN,
  isTaskLaidOut,
  layerAt,
  layoutTask,
  needUpTo,
  queryCount,
  supportCount,
  WEIGHTS,
} from './arena';
import { isDrawn, layoutBlocks } from './blocks';
import { afterwardsEnd, measureInference, planFisher, planTraining, recomputesBlocks, saturated } from './budget';
import { control } from './control';
import { layoutFeatures } from './head';
import { isOpen, isReady, opAt, opCount } from './model';
import { layoutParts } from './parts';
import { blocksAddress, partsAddress, planPrograms, storedValues } from './plan';
import { layOut, liveBytes, planningEnd, resolve, stepsEnd } from './program';
import * as status from './status';

/** Features of one sample. */
export const EMBED: i32 = 0;
/** Prototypes, and whether mirrored samples are still taken for their class. */
export const PROBE: i32 = 1;
/** Δ of every channel that the memory budget lets it look at. */
export const FISHER: i32 = 2;
/** Iterations of sparse training, then prototypes. */
export const TRAIN: i32 = 3;
/** The checksum of a model whose weights are with the host: comes before all others. */
export const CHECK: i32 = 4;

/** Checks labels, options and selection, and lays out the job; NEED_MEMORY asks for a larger arena. */
export function prepareJob(job: i32): i32 {
  const c = control();
  if (job != EMBED) dropValues();
  let state = readyToPlan();
  if (state != status.DONE) return state;
  if (job != EMBED) {
    state = checkTask();
    if (state != status.DONE) return state;
    if (!validOptions(job)) return status.OPTION;
  }
  switch (job) {
    case EMBED:
    case PROBE:
      planPrograms(opCount(), false, false, job == PROBE, false);
      c.inferenceBytes = liveBytes(false);
      break;
    case FISHER:
      state = planFisher();
      break;
    case TRAIN:
      state = planSelection();
      break;
    default:
      return status.OPTION;
  }
  if (state != status.DONE) return state;
  c.recompute = <i32>(job >= FISHER && recomputesBlocks());
  c.storedValues = storedValues();
  const low = stepsEnd();
  const end = layOut(low);
  const needed = max<u64>(end, max<u64>(planningEnd(), job == TRAIN ? afterwardsEnd() : 0));
  if (c.ramBudget && needed > c.ramBudget) {
    c.needBytes = saturated(needed);
    return status.RAM;
  }
  state = needUpTo(end);
  if (state != status.DONE) return state;
  c.planLow = <u32>low;
  c.planHigh = <u32>end;
  resolve();
  if (job == TRAIN) layoutBlocks(blocksAddress());
  layoutParts(partsAddress());
  layoutFeatures(job == PROBE ? blocksAddress() : 0);
  used(c.planHigh);
  return status.DONE;
}

/** Checks that there are a model and a task, and room for the planner. */
export function readyToPlan(): i32 {
  if (!isReady() || !isTaskLaidOut()) return status.ORDER;
  const end = planningEnd();
  const state = needUpTo(end);
  if (state != status.DONE) return state;
  used(<u32>end);
  if (control().ramBudget) measureInference();
  return status.DONE;
}

/** Memory below `end` has been used. */
function used(end: u32): void {
  const c = control();
  if (end > c.peakBytes) c.peakBytes = end;
}

function validOptions(job: i32): bool {
  const c = control();
  if (!isPositive(c.temperature)) return false;
  if (c.shards > 1 && (<u32>c.shard >= <u32>c.shards || c.shards > min(supportCount(), queryCount()))) return false;
  if (job != TRAIN) return true;
  if (c.iterations < 0 || <u32>c.optimizer > <u32>LOMO || <u32>c.variants > 4096) return false;
  if (isDrawn() && (c.draws < 1 || c.queries || c.shards > 1)) return false;
  return isPositive(c.lr);
}

/** True for a number above 0 that is not infinite. */
function isPositive(x: f32): bool {
  return x > 0 && x < Infinity;
}

/** Checks what the host wrote as selection, and plans training it. */
export function planSelection(): i32 {
  const c = control();
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    const channels = opAt(layer.op).outC;
    c.detail = l;
    if (layer.kind < FROZEN || layer.kind > WEIGHTS) return status.SELECTION;
    if (layer.kind == FROZEN) layer.count = 0;
    if (layer.kind == BIAS) layer.count = channels;
    if (layer.kind != WEIGHTS) continue;
    if (layer.count < 1 || layer.count > channels) return status.SELECTION;
    let before = -1;
    for (let k = 0; k < layer.count; ++k) {
      const channel = <i32>load<u16>(layer.channels + (k << 1));
      if (channel <= before || channel >= channels) return status.SELECTION;
      before = channel;
    }
  }
  c.detail = -1;
  c.backwardBytes = planTraining();
  return status.DONE;
}

/** Lays out the task anew: labels and prototypes are cleared. */
export function setTask(): i32 {
  return isOpen() ? layoutTask() : status.ORDER;
}
