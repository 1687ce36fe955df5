/**
 * Jobs and their plans. `prepare` lays out a job: program, gradients and optimiser state, activations; episode.ts runs
 * it. Budgets are held by the plan that will run: a plan over the memory budget is made again with blocks recomputed.
 */
import {
  align16,
  BIAS,
  checkTask,
  dPrototypes,
  FROZEN,
  isTaskLaidOut,
  Layer,
  layerAt,
  layoutTask,
  needUpTo,
  WEIGHTS,
} from './arena';
import { control } from './control';
import { backwardMacs, firstTarget, forwardMacs, fullBackwardMacs, has, REACHES } from './graph';
import { isOpen, opAt, opCount, rowLength } from './model';
import { planPrograms, storedValues } from './plan';
import { liveBytes, place, planningEnd, stepsEnd } from './program';
import * as status from './status';

/** Features of one sample. */
export const EMBED: i32 = 0;
/** Prototypes, and whether mirrored samples are still taken for their class. */
export const PROBE: i32 = 1;
/** Δ of every channel that the memory budget lets it look at. */
export const FISHER: i32 = 2;
/** Iterations of sparse training, then prototypes. */
export const TRAIN: i32 = 3;

/** Bit of `augment`: pseudo-queries are augmented. */
export const AUGMENT_ON: u32 = 1;
/** Bit of `augment`: and mirrored. */
export const AUGMENT_FLIP: u32 = 2;

let blocks: bool = false;

/** Checks labels, options and selection, and lays out the job; NEED_MEMORY asks for a larger arena. */
export function prepareJob(job: i32): i32 {
  const c = control();
  let state = readyToPlan(0);
  if (state != status.DONE) return state;
  blocks = false;
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
      state = checkSelection();
      if (state == status.DONE) c.backwardBytes = planTraining();
      break;
    default:
      return status.OPTION;
  }
  if (state != status.DONE) return state;
  c.recompute = <i32>blocks;
  c.storedValues = storedValues();
  let low: u64 = stepsEnd();
  if (job == TRAIN) {
    low = gradientsEnd(low);
    state = needUpTo(low);
    if (state != status.DONE) return state;
    layoutGradients();
  }
  state = place(<usize>low);
  if (state != status.DONE) return state;
  used(c.planHigh);
  return status.DONE;
}

/** Checks that there are a model and a task, and room for the planner and `more` bytes behind its tables. */
export function readyToPlan(more: usize): i32 {
  if (!isOpen() || !isTaskLaidOut()) return status.ORDER;
  const end = planningEnd() + more;
  const state = needUpTo(end);
  if (state == status.DONE) used(<u32>end);
  return state;
}

/** Memory below `end` has been used. */
function used(end: u32): void {
  const c = control();
  if (end > c.peakBytes) c.peakBytes = end;
}

function validOptions(job: i32): bool {
  const c = control();
  if (!(c.temperature > 0 && c.temperature < Infinity)) return false;
  if (job != TRAIN) return true;
  if (c.iterations < 0 || c.optimizer < 0 || c.optimizer > 2 || c.variants < 0 || c.variants > 4096) return false;
  return c.lr > 0 && c.lr < Infinity;
}

/** A plan of the Fisher pass from operator `from` on; returns its training bytes. */
export function fisherBytes(from: i32): u32 {
  blocks = false;
  planPrograms(from, true, false, (control().augment & AUGMENT_ON) != 0, false);
  const bytes = liveBytes(true);
  if (bytes <= control().memoryBudget) return bytes;
  planPrograms(from, true, false, (control().augment & AUGMENT_ON) != 0, true);
  const again = liveBytes(true);
  blocks = true;
  if (again <= bytes) return again;
  planPrograms(from, true, false, (control().augment & AUGMENT_ON) != 0, false);
  blocks = false;
  return bytes;
}

/** Lets the Fisher pass look at as many layers, counted from the last, as the memory budget holds. */
function planFisher(): i32 {
  const c = control();
  for (let i = 0; i < opCount(); ++i) {
    if (opAt(i).layer < 0) continue;
    const bytes = fisherBytes(i);
    if (bytes <= c.memoryBudget) {
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
  c.leastMacs = Infinity;
  for (let l = 0; l < c.layerCount; ++l) layerAt(l).kind = FROZEN;
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    layer.kind = WEIGHTS;
    layer.count = leastChannels(layer);
    const training = planTraining();
    layer.kind = FROZEN;
    layer.count = 0;
    // The loss does not depend on a layer that takes nothing.
    if (training == 0) continue;
    c.leastMacs = min<f64>(c.leastMacs, c.backwardMacs);
    c.leastBytes = min<u32>(c.leastBytes, max<u32>(training, fisherBytes(layer.op)));
  }
  return status.BUDGET;
}

/** The smallest share of a layer's channels that the selector gives. */
function leastChannels(layer: Layer): i32 {
  return max<i32>(1, opAt(layer.op).outC >> 3);
}

/** Bytes of gradients and optimiser state of a layer's selection; 0 where nothing is trained. */
function layerBytes(layer: Layer): u64 {
  if (layer.kind == FROZEN) return 0;
  const row = layer.kind == WEIGHTS ? rowLength(opAt(layer.op)) : 0;
  layer.floats = layer.count * (1 + row);
  const bytes = ((<u64>layer.floats) << 2) * (1 + states());
  return (bytes + 15) & ~15;
}

function states(): u32 {
  const optimizer = control().optimizer;
  return optimizer <= 0 ? 0 : <u32>optimizer;
}

/** Bytes of the prototypes' gradients, which training needs and inference doesn't. */
function prototypeBytes(): u32 {
  return (control().ways * control().featureCount) << 2;
}

/**
 * Plans training of what is selected: as it is or, if that is over the memory budget, with recomputed blocks where
 * that is less. Sets the MACs of the control block and returns backwardBytes: live activations, masks and gradients at
 * their peak, gradients and optimiser state of the weights, and the gradients of the prototypes.
 */
export function planTraining(): u32 {
  const c = control();
  const cached = c.variants > 0;
  const augment = (c.augment & AUGMENT_ON) != 0;
  let persistent = gradientsEnd(0);
  blocks = false;
  planPrograms(-1, true, cached, augment, false);
  c.forwardMacs = forwardMacs();
  c.fullMacs = fullBackwardMacs();
  c.backwardMacs = backwardMacs();
  if (firstTarget() == opCount()) return 0;
  persistent += prototypeBytes();
  const bytes = saturated(liveBytes(true) + persistent);
  if (bytes <= c.memoryBudget) return bytes;
  planPrograms(-1, true, cached, augment, true);
  const again = saturated(liveBytes(true) + persistent);
  blocks = again < bytes;
  if (blocks) return again;
  planPrograms(-1, true, cached, augment, false);
  return bytes;
}

/** Where gradients and states end that begin at `at`: in 64 bits, since layers may share weights. */
function gradientsEnd(at: u64): u64 {
  for (let l = 0; l < control().layerCount; ++l) at += layerBytes(layerAt(l));
  return at;
}

function saturated(bytes: u64): u32 {
  return bytes > 0xffffffff ? 0xffffffff : <u32>bytes;
}

/** Gives gradients and states their places behind the steps. */
function layoutGradients(): void {
  const c = control();
  let at = stepsEnd();
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    layer.gradient = <u32>at;
    layer.state = <u32>(at + (layer.floats << 2));
    at += <usize>layerBytes(layer);
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
