/**
 * Plans inside budgets: of the Fisher pass and of training, as they are or, where that is over the budget of memory or of
 * RAM, with recomputed blocks. What a plan takes is known by planning it; there is no estimate beside it.
 */
import { BIAS, FROZEN, jobStart, Layer, layerAt, WEIGHTS } from './arena';
import { gradientBytes, layersBytes } from './blocks';
import { control } from './control';
import { backwardMacs, countMacs, firstTarget, has, REACHES } from './graph';
import { DEPTHWISE, isOutside, opAt, opCount } from './model';
import { patchSize } from './patch';
import { planPrograms } from './plan';
import { layOut, liveBytes, planningEnd, stepsEnd } from './program';
import * as status from './status';

/** Bit of `augment`: pseudo-queries are augmented. */
export const AUGMENT_ON: u32 = 1;
/** Bit of `augment`: and mirrored. */
export const AUGMENT_FLIP: u32 = 2;

let blocks: bool = false;
let fits: bool = false;
/** Bytes of a forward pass with its program. */
let inference: u64 = 0;

/** True if the last plan recomputes blocks. */
export function recomputesBlocks(): bool {
  return blocks;
}

/** Measures what a forward pass alone takes, which has to go on beside what will have been trained. */
export function measureInference(): void {
  planPrograms(opCount(), false, false, false, false);
  inference = max<u64>(layOut(stepsEnd()), planningEnd()) - jobStart();
}

/** Where linear memory ends that comes after training what is selected: the patch; classifying beside trained values. */
export function afterwardsEnd(): u64 {
  const values = isOutside() ? (layersBytes() + 15) & ~15 : 0;
  const names = control().nameBytes;
  return <u64>jobStart() + values + max<u64>(patchSize(names) + names, inference);
}

/** Bytes of linear memory that the plan takes, and what comes before and after it. */
function planEnd(training: bool): u64 {
  const end = max<u64>(layOut(stepsEnd()), planningEnd());
  return training ? max<u64>(end, afterwardsEnd()) : end;
}

/** True if a plan of so many training bytes holds the budgets of memory and RAM. */
function holds(bytes: u32, training: bool): bool {
  const c = control();
  if (bytes > c.memoryBudget) return false;
  if (!c.ramBudget) return true;
  // What lives at once is no more than the plan takes, and quicker to know.
  if (<u64>stepsEnd() + liveBytes(false) > c.ramBudget) return false;
  return planEnd(training) <= c.ramBudget;
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
export function planFisher(): i32 {
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
 * the Fisher pass down to it, where there is one. Freezes every layer and returns BUDGET.
 */
export function leastBudgets(): i32 {
  const c = control();
  c.leastBytes = 0xffffffff;
  c.leastRam = 0xffffffff;
  c.leastMacs = Infinity;
  for (let l = 0; l < c.layerCount; ++l) layerAt(l).kind = FROZEN;
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    share(layer, 8);
    // Without a Fisher pass, what comes before training is a forward pass of each sample.
    const from = isThin() ? opCount() : layer.op;
    const training = planTraining();
    if (training > 0) {
      c.leastMacs = min<f64>(c.leastMacs, c.backwardMacs);
      // Of RAM, the least that goes together with the other budgets.
      const counts = c.ramBudget && c.backwardMacs <= c.computeBudget;
      if (counts) c.leastRam = min<u32>(c.leastRam, saturated(max(leastEnd(-1), leastEnd(from))));
      layer.kind = FROZEN;
      c.leastBytes = min<u32>(c.leastBytes, max<u32>(training, planWithin(from)));
    }
    // The loss does not depend on a layer that takes nothing.
    layer.kind = FROZEN;
    layer.count = 0;
  }
  return status.BUDGET;
}

/**
 * Least bytes of linear memory of training what is selected (-1), or of the Fisher pass from operator `from` on, inside
 * the budget of memory.
 */
function leastEnd(from: i32): u64 {
  return min(endInside(from, false), endInside(from, true));
}

function endInside(from: i32, recompute: bool): u64 {
  return emitPlan(from, recompute) <= control().memoryBudget ? planEnd(from < 0) : 0xffffffff;
}

/** The criterion of no scores: thin layers, the last first. */
const THIN: i32 = 5;

/** True where thin layers alone are trained, without a Fisher pass: of depthwise ones the weights, of the others all biases. */
export function isThin(): bool {
  return control().criterion == THIN;
}

/** Trains the first 1/divisor of a layer's channels, at least one, or of a thin one all; returns how many they are. */
export function share(layer: Layer, divisor: i32): i32 {
  const op = opAt(layer.op);
  const thin = isThin();
  layer.kind = thin && op.op != DEPTHWISE ? BIAS : WEIGHTS;
  layer.count = max<i32>(1, op.outC / (thin ? 1 : divisor));
  return layer.count;
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
  countMacs();
  c.backwardMacs = backwardMacs();
  return firstTarget() == opCount() ? 0 : bytes;
}

/** Bytes as the control block holds them: the highest number for more than that. */
export function saturated(bytes: u64): u32 {
  return bytes > 0xffffffff ? 0xffffffff : <u32>bytes;
}
