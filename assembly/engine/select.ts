/** The selector: scores by a criterion (equation 3 and its rivals), then layers and channels under both budgets. */
import { hash32 } from '../kernels/random';
import { dropValues, FROZEN, Layer, layerAt } from './arena';
import { blockBytes, isDrawn } from './blocks';
import { isThin, leastBudgets, planFits, planTraining, share } from './budget';
import { control } from './control';
import { isTarget } from './graph';
import { planSelection, readyToPlan } from './job';
import { DEPTHWISE, isWithHost, macs, opAt, rowLength, scalesOf, weightsOf } from './model';
import { rankingScratch } from './program';
import * as status from './status';

// Criteria: how layers are ordered, and by what channels are.
const TINYTRAIN: i32 = 0;
const FISHER_ONLY: i32 = 1;
const L2: i32 = 2;
const RANDOM: i32 = 3;
// Any other: the host's scores, channels by Δ; or thin layers, without scores (budget.ts, isThin).

const STREAM_LAYERS: u32 = 2;
const STREAM_CHANNELS: u32 = 3;

/** True for a criterion that reads weights which are with the host. */
function isBlind(): bool {
  return control().criterion == L2 && isWithHost();
}

/** Writes the score of every inspected layer. The host may write its own instead. */
export function scoreLayers(): void {
  const c = control();
  if (isBlind()) return;
  let mostParameters: f64 = 0;
  let mostMacs: f64 = 0;
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    if (!layer.inspected) continue;
    mostParameters = max<f64>(mostParameters, parameters(layer));
    mostMacs = max<f64>(mostMacs, macs(opAt(layer.op)));
  }
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    if (!layer.inspected) continue;
    const p = <f64>layer.fisher;
    if (c.criterion == TINYTRAIN) {
      layer.score = <f32>(p / ((parameters(layer) / mostParameters) * (macs(opAt(layer.op)) / mostMacs)));
    } else if (c.criterion == FISHER_ONLY) layer.score = layer.fisher;
    else if (c.criterion == L2) layer.score = weightNorm(layer);
    else if (c.criterion == RANDOM) layer.score = <f32>(hash32(c.seed, STREAM_LAYERS, l) >>> 8);
  }
}

/** |W|: weights and biases. */
function parameters(layer: Layer): f64 {
  const op = opAt(layer.op);
  return <f64>(op.weightCount + op.biasCount);
}

/** Sum over the channels of the L2 norms of their weights. */
function weightNorm(layer: Layer): f32 {
  let sum: f64 = 0;
  for (let o = 0; o < opAt(layer.op).outC; ++o) sum += <f64>channelNorm(layer, o);
  return <f32>sum;
}

/** L2 norm of the weights of output channel o. */
function channelNorm(layer: Layer, o: i32): f32 {
  const op = opAt(layer.op);
  const row = rowLength(op);
  const depthwise = op.op == DEPTHWISE;
  const shift = op.type ? 0 : 2;
  let at = weightsOf(op) + ((depthwise ? o : o * row) << shift);
  const stride = (depthwise ? op.outC : 1) << shift;
  let sum: f64 = 0;
  for (let t = 0; t < row; ++t, at += stride) {
    const w = op.type ? <f64>load<i8>(at) : <f64>load<f32>(at);
    sum += w * w;
  }
  const norm = <f32>Math.sqrt(sum);
  return op.type ? norm * load<f32>(scalesOf(op) + (o << 2)) : norm;
}

/** What channels are ordered by. */
function importance(layer: Layer, l: i32, o: i32): f32 {
  const c = control();
  if (c.criterion == L2) return channelNorm(layer, o);
  if (c.criterion == RANDOM) return <f32>(hash32(c.seed, STREAM_CHANNELS + <u32>l, o) >>> 8);
  return load<f32>(layer.delta + (o << 2));
}

/**
 * Selects layers in order of falling score, each with the largest share of its channels (1, 1/2, 1/4, 1/8; at least
 * one) for which the whole plan holds both budgets; channels by importance, the lower index first among equals. Of thin
 * layers the last first, each as a whole.
 * BUDGET with the least possible figures if nothing can be trained.
 */
export function selectLayers(): i32 {
  const c = control();
  dropValues();
  const state = readyToPlan();
  if (state != status.DONE) return state;
  if (isBlind()) return status.OPTION;
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    layer.kind = FROZEN;
    layer.count = 0;
    layer.gradient = <u32>!(layer.inspected | <i32>isThin());
  }
  for (let l = best(); l >= 0; l = best()) {
    const layer = layerAt(l);
    layer.gradient = 1;
    grow(layer, l);
  }
  c.backwardBytes = planTraining();
  return c.backwardBytes ? status.DONE : leastBudgets();
}

/** The layer with the highest score, or the last thin one, among those not tried yet (`gradient`), or -1. */
function best(): i32 {
  let pick = -1;
  for (let l = 0; l < control().layerCount; ++l) {
    const layer = layerAt(l);
    if (layer.gradient) continue;
    if (pick < 0 || isThin() || layer.score > layerAt(pick).score) pick = l;
  }
  return pick;
}

/** Gives a layer the largest share of its channels that the budgets hold, if any. */
function grow(layer: Layer, l: i32): void {
  const c = control();
  let before = 0;
  for (let divisor = 1; divisor <= 8; divisor <<= 1) {
    const count = share(layer, divisor);
    if (count == before) break;
    before = count;
    planTraining();
    // Of LOMO, no gradient takes more than half, so that a large layer does not keep those before it from being trained.
    if (isDrawn() && blockBytes(layer) * 2 > c.memoryBudget) continue;
    if (planFits() && isTarget(layer.op) && c.backwardMacs <= c.computeBudget) {
      choose(layer, l, count);
      return;
    }
  }
  layer.kind = FROZEN;
  layer.count = 0;
}

/** Writes the list of the `count` most important channels, rising. */
function choose(layer: Layer, l: i32, count: i32): void {
  const channels = opAt(layer.op).outC;
  const values = rankingScratch();
  for (let o = 0; o < channels; ++o) store<f32>(values + (o << 2), importance(layer, l, o));
  // The count-th highest by repeated selection; a taken channel is marked by a value below all others.
  for (let k = 0; k < count; ++k) {
    let pick = 0;
    for (let o = 1; o < channels; ++o) {
      if (load<f32>(values + (o << 2)) > load<f32>(values + (pick << 2))) pick = o;
    }
    store<f32>(values + (pick << 2), -1);
  }
  let at: usize = layer.channels;
  for (let o = 0; o < channels; ++o) {
    if (load<f32>(values + (o << 2)) != -1) continue;
    store<u16>(at, <u16>o);
    at += 2;
  }
}

/** Figures of what the host wrote as selection, or of the selector's: bytes and MACs of its plan. */
export function costOfSelection(): i32 {
  dropValues();
  const state = readyToPlan();
  return state == status.DONE ? planSelection() : state;
}
