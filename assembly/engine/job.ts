/**
 * Jobs and their plans. `prepare` lays out a job: program, gradients and optimiser state, activations; episode.ts runs
 * it. Budgets are held by the plan that will run: a plan over a budget is made again with blocks recomputed.
 */
import {
  BIAS,
  checkTask,
  dPrototypes,
  dropValues,
  FROZEN,
  isTaskLaidOut,
  jobStart,
  Layer,
  layerAt,
  layoutTask,
  needUpTo,
  WEIGHTS,
} from './arena';
import { control } from './control';
import { backwardMacs, firstTarget, forwardMacs, fullBackwardMacs, has, REACHES } from './graph';
import { isOpen, isOutside, isReady, opAt, opCount } from './model';
import { patchSize } from './patch';
import { planPrograms, storedValues } from './plan';
import { layOut, liveBytes, planningEnd, resolve, stepsEnd } from './program';
import * as status from './status';
import { blockFloats } from './trained';

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

/** Bit of `augment`: pseudo-queries are augmented. */
export const AUGMENT_ON: u32 = 1;
/** Bit of `augment`: and mirrored. */
export const AUGMENT_FLIP: u32 = 2;

let blocks: bool = false;
let fits: bool = false;

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
      blocks = false;
      planPrograms(opCount(), false, false, job == PROBE, false);
      c.inferenceBytes = liveBytes(false);
      break;
    case FISHER:
      state = planFisher();
      break;
    case TRAIN:
      state = checkSelection();
      if (state == status.DONE) c.backwardBytes = planTraining();
      break;
    default:
      return status.OPTION;
  }
  if (state != status.DONE) return state;
  c.recompute = <i32>blocks;
  c.storedValues = storedValues();
  const low = lowestBuffer(job == TRAIN);
  const end = layOut(low);
  const needed = max<u64>(end, job == TRAIN ? patchEnd() : 0);
  if (c.ramBudget && needed > c.ramBudget) {
    c.needBytes = saturated(needed);
    return status.RAM;
  }
  state = needUpTo(end);
  if (state != status.DONE) return state;
  c.planLow = <u32>low;
  c.planHigh = <u32>end;
  resolve();
  if (job == TRAIN) layoutBlocks();
  used(c.planHigh);
  return status.DONE;
}

/** Checks that there are a model and a task, and room for the planner. */
export function readyToPlan(): i32 {
  if (!isReady() || !isTaskLaidOut()) return status.ORDER;
  const end = planningEnd();
  const state = needUpTo(end);
  if (state == status.DONE) used(<u32>end);
  return state;
}

/** Memory below `end` has been used. */
function used(end: u32): void {
  const c = control();
  if (end > c.peakBytes) c.peakBytes = end;
}

/** Where the buffers of the plan begin: behind its steps and, for training, the blocks of the trained layers. */
function lowestBuffer(training: bool): u64 {
  return training ? blocksEnd(stepsEnd()) : stepsEnd();
}

/** Where the patch and the names of its classes would end. */
function patchEnd(): u64 {
  const names = control().nameBytes;
  const values = isOutside() ? valuesBytes() : 0;
  return ((jobStart() + values + 15) & ~15) + patchSize(names) + names;
}

/** Bytes of linear memory that the plan takes, and that making it took. */
function planEnd(training: bool): u64 {
  const end = max<u64>(layOut(lowestBuffer(training)), planningEnd());
  return training ? max<u64>(end, patchEnd()) : end;
}

/** True if a plan of so many training bytes holds the budgets of memory and RAM. */
function holds(bytes: u32, training: bool): bool {
  const c = control();
  if (bytes > c.memoryBudget) return false;
  if (!c.ramBudget) return true;
  // What lives at once is no more than the plan takes, and quicker to know.
  if (lowestBuffer(training) + liveBytes(false) > c.ramBudget) return false;
  return planEnd(training) <= c.ramBudget;
}

function validOptions(job: i32): bool {
  const c = control();
  if (!(c.temperature > 0 && c.temperature < Infinity)) return false;
  if (job != TRAIN) return true;
  if (c.iterations < 0 || c.optimizer < 0 || c.optimizer > 2 || c.variants < 0 || c.variants > 4096) return false;
  return c.lr > 0 && c.lr < Infinity;
}

/** True if the last plan of a Fisher pass or of training holds the budgets of memory and RAM. */
export function planFits(): bool {
  return fits;
}

/** Emits the Fisher pass from operator `from` on, or (-1) training of what is selected; returns its training bytes. */
function emitPlan(from: i32, recompute: bool): u32 {
  const c = control();
  blocks = recompute;
  planPrograms(from, true, from < 0 && c.variants > 0, (c.augment & AUGMENT_ON) != 0, recompute);
  return from < 0 ? saturated(<u64>liveBytes(true) + gradientBytes() + prototypeBytes()) : liveBytes(true);
}

/** Plans as it is or, where that does not fit, with recomputed blocks; if neither fits, what takes less. */
function planWithin(from: i32): u32 {
  const bytes = emitPlan(from, false);
  fits = holds(bytes, from < 0);
  if (fits) return bytes;
  const again = emitPlan(from, true);
  fits = holds(again, from < 0);
  if (fits || again < bytes) return again;
  return emitPlan(from, false);
}

/** Lets the Fisher pass look at as many layers, counted from the last, as the memory budget holds. */
function planFisher(): i32 {
  const c = control();
  for (let i = 0; i < opCount(); ++i) {
    if (opAt(i).layer < 0) continue;
    planWithin(i);
    if (fits) {
      c.inspectFrom = i;
      for (let l = 0; l < c.layerCount; ++l) {
        const layer = layerAt(l);
        layer.inspected = <i32>(layer.op >= i && has(layer.op + 1, REACHES));
        layer.fisher = 0;
        layer.score = 0;
        memory.fill(layer.delta, 0, opAt(layer.op).outC << 2);
      }
      return status.DONE;
    }
  }
  return leastBudgets();
}

/**
 * Sets the least budgets that train anything: over the layers, one alone with the smallest share of its channels, and
 * the Fisher pass down to it. Freezes every layer and returns BUDGET.
 */
export function leastBudgets(): i32 {
  const c = control();
  c.leastBytes = 0xffffffff;
  c.leastRam = 0xffffffff;
  c.leastMacs = Infinity;
  for (let l = 0; l < c.layerCount; ++l) layerAt(l).kind = FROZEN;
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    layer.kind = WEIGHTS;
    layer.count = leastChannels(layer);
    const training = planTraining();
    if (training > 0) {
      c.leastMacs = min<f64>(c.leastMacs, c.backwardMacs);
      const ram = c.ramBudget ? max(leastEnd(-1), leastEnd(layer.op)) : 0;
      c.leastRam = min<u32>(c.leastRam, saturated(ram));
      layer.kind = FROZEN;
      c.leastBytes = min<u32>(c.leastBytes, max<u32>(training, planWithin(layer.op)));
    }
    // The loss does not depend on a layer that takes nothing.
    layer.kind = FROZEN;
    layer.count = 0;
  }
  return status.BUDGET;
}

/** Least bytes of linear memory of training what is selected (-1) or of the Fisher pass from operator `from` on. */
function leastEnd(from: i32): u64 {
  emitPlan(from, false);
  const end = planEnd(from < 0);
  emitPlan(from, true);
  return min(end, planEnd(from < 0));
}

/** The smallest share of a layer's channels that the selector gives. */
function leastChannels(layer: Layer): i32 {
  return max<i32>(1, opAt(layer.op).outC >> 3);
}

/** Bytes of one block of a layer: its gradients, one state, or its values; 0 where nothing is trained. */
function blockBytes(layer: Layer): u64 {
  if (layer.kind == FROZEN) return 0;
  layer.floats = blockFloats(layer);
  return (<u64>layer.floats) << 2;
}

/** Blocks of a layer beside its values: gradients and the optimiser's states. */
function states(): u32 {
  const optimizer = control().optimizer;
  return 1 + (optimizer <= 0 ? 0 : <u32>optimizer);
}

/** Bytes of gradients and optimiser state: in 64 bits, since layers may share weights. */
function gradientBytes(): u64 {
  let sum: u64 = 0;
  for (let l = 0; l < control().layerCount; ++l) sum += (blockBytes(layerAt(l)) * states() + 15) & ~15;
  return sum;
}

/** Bytes of the trained values, where they are not in the model. */
function valuesBytes(): u64 {
  let sum: u64 = 0;
  for (let l = 0; l < control().layerCount; ++l) sum += blockBytes(layerAt(l));
  return sum;
}

/** Bytes of the prototypes' gradients, which training needs and inference doesn't. */
function prototypeBytes(): u32 {
  return (control().ways * control().featureCount) << 2;
}

/**
 * Plans training of what is selected: as it is or, if that is over a budget, with recomputed blocks. Sets the MACs of
 * the control block and returns backwardBytes: live activations, masks and gradients at their peak, gradients and
 * optimiser state of the weights, and the gradients of the prototypes.
 */
export function planTraining(): u32 {
  const c = control();
  const bytes = planWithin(-1);
  c.forwardMacs = forwardMacs();
  c.fullMacs = fullBackwardMacs();
  c.backwardMacs = backwardMacs();
  return firstTarget() == opCount() ? 0 : bytes;
}

/** Where the blocks of all layers end that begin at `at`. */
function blocksEnd(at: u64): u64 {
  return (at + (isOutside() ? valuesBytes() : 0) + gradientBytes() + 15) & ~15;
}

function saturated(bytes: u64): u32 {
  return bytes > 0xffffffff ? 0xffffffff : <u32>bytes;
}

/** Gives gradients and states, and values that are not in the model, their places behind the steps. */
function layoutBlocks(): void {
  const c = control();
  const outside = isOutside();
  let at = stepsEnd();
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    const bytes = blockBytes(layer);
    layer.gradient = <u32>at;
    at += <usize>((bytes * states() + 15) & ~15);
  }
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    layer.values = outside && layer.kind != FROZEN ? <u32>at : 0;
    if (outside) at += <usize>blockBytes(layer);
  }
}

/** Clears gradients and states, once the arena is known to hold them. */
export function clearGradients(): void {
  const c = control();
  const low = stepsEnd();
  memory.fill(low, 0, <usize>c.planLow - low);
  memory.fill(dPrototypes(), 0, prototypeBytes());
}

/** Checks what the host wrote as selection. */
export function checkSelection(): i32 {
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
  return status.DONE;
}

/** Lays out the task anew: labels and prototypes are cleared. */
export function setTask(): i32 {
  return isOpen() ? layoutTask() : status.ORDER;
}
