/**
 * What lies where in the arena. The host hands over one block; the engine divides it from below:
 *
 *   | model | layers | Δ | channel lists | labels | prototypes, their gradients, scores, features | values | job ...
 *   ^ base  ^ tables, sized by the model   ^ task, sized by ways and samples                      ^ taskEnd ^ jobStart
 *
 * The model is the whole file, or its head where the weights are with the host; then the values that have been trained
 * are kept behind the task. Behind them each job lays out its program, its gradients and optimiser state, and its
 * activations (program.ts).
 */
import { Control, control } from './control';
import { modelBase, Op, opAt, opCount, residentBytes, valueFloats } from './model';
import * as status from './status';
import { blockFloats } from './trained';

/** What is trained of a layer. */
export const FROZEN: i32 = 0;
export const BIAS: i32 = 1;
export const WEIGHTS: i32 = 2;

/** State of one layer (operator with weights); the host reads it and may write `kind`, `count` and `score`. */
@unmanaged
export class Layer {
  /** 0: index of its operator. */
  op: i32;
  /** 4: FROZEN, BIAS or WEIGHTS. */
  kind: i32;
  /** 8: number of selected output channels. */
  count: i32;
  /** 12: address of the list of selected channels, u16, rising; room for all. */
  channels: u32;
  /** 16: address of Δ, f32 a channel. */
  delta: u32;
  /** 20: Fisher potential P. */
  fisher: f32;
  /** 24: score s. */
  score: f32;
  /** 28: 1 if the Fisher pass looked at it. */
  inspected: i32;
  /**
   * 32: address of its gradients ([count] biases, then [count][rowLength] weights) while a training job is prepared; while
   * layers are selected, 1 if there is nothing to try with it any more.
   */
  gradient: u32;
  /** 36: address of the trained values, in the same order, of a model whose weights are with the host; else 0. */
  values: u32;
  /** 40: floats of its gradient. */
  floats: i32;
  /** 44: one more than the buffer of its weights as floats, if the plan keeps them; below 0: they are there (slices.ts). */
  floatsOf: i32;
  /** 48: address of the optimiser's states while it trains (blocks.ts). */
  states: u32;
}

const LAYER_BYTES: u32 = 52;

let layers: usize = 0;
let taskEnd: usize = 0;
let free: usize = 0;
let taskBase: usize = 0;
let dPrototypesAt: usize = 0;

export function align16(n: usize): usize {
  return (n + 15) & ~15;
}

export function layerAt(i: i32): Layer {
  return changetype<Layer>(layers + <usize>i * LAYER_BYTES);
}

/** Layer of an operator that has weights. */
export function layerOf(op: Op): Layer {
  return layerAt(op.layer);
}

/** First byte behind the task and the values kept, where a job's program begins. */
export function jobStart(): usize {
  return free;
}

function setJobStart(at: usize): void {
  free = at;
  control().freePointer = <u32>at;
}

/** Moves the trained values of every layer behind the task, where they stay until something else is trained. */
export function keepValues(): void {
  let at = taskEnd;
  for (let l = 0; l < control().layerCount; ++l) {
    const layer = layerAt(l);
    if (!layer.values) continue;
    const bytes = (<usize>blockFloats(layer)) << 2;
    memory.copy(at, layer.values, bytes);
    layer.values = <u32>at;
    at += bytes;
  }
  setJobStart(align16(at));
}

/** Forgets trained values: the weights count as the host has them. */
export function dropValues(): void {
  for (let l = 0; l < control().layerCount; ++l) layerAt(l).values = 0;
  setJobStart(taskEnd);
}

export function dPrototypes(): usize {
  return dPrototypesAt;
}

/** Asks the host for an arena that ends at `end`. */
export function needUpTo(end: u64): i32 {
  const bytes = end - modelBase();
  control().needBytes = bytes > 0xffff0000 ? 0xffffffff : <u32>bytes;
  return bytes > control().arenaBytes ? status.NEED_MEMORY : status.DONE;
}

/** Forgets the tables, so that nothing walks them without a model. */
export function clearTables(): void {
  const c = control();
  c.layerCount = 0;
  c.opCount = 0;
  c.featureCount = 0;
  c.ways = 0;
  c.samples = 0;
  laidOutWays = -1;
}

/** Lays out the tables of the open model; every layer is frozen afterwards. */
export function layoutTables(): i32 {
  const c = control();
  let channels: u32 = 0;
  let count = 0;
  for (let i = 0; i < opCount(); ++i) {
    const op = opAt(i);
    if (op.layer >= 0) {
      channels += op.outC;
      ++count;
    }
  }
  layers = align16(modelBase() + residentBytes());
  let delta = align16(layers + count * LAYER_BYTES);
  let list = align16(delta + (channels << 2));
  taskBase = align16(list + (channels << 1));
  const state = needUpTo(taskBase);
  if (state != status.DONE) return state;
  memory.fill(layers, 0, taskBase - layers);
  for (let i = 0; i < opCount(); ++i) {
    const op = opAt(i);
    if (op.layer < 0) continue;
    const layer = layerOf(op);
    layer.op = i;
    layer.channels = <u32>list;
    layer.delta = <u32>delta;
    list += op.outC << 1;
    delta += op.outC << 2;
  }
  c.layersPointer = <u32>layers;
  c.layerCount = count;
  c.opCount = opCount();
  c.featureCount = valueFloats(opCount());
  c.checksum = load<u32>(modelBase(), 12);
  c.ways = 0;
  c.samples = 0;
  c.peakBytes = 0;
  return layoutTask();
}

/** Lays out labels, prototypes and the vectors of the head for `ways` and `samples` of the control block. */
export function layoutTask(): i32 {
  const c = control();
  laidOutWays = -1;
  if (c.ways < 0 || c.ways > 0xffff || c.samples < 0 || c.samples > 0xffffff) return status.OPTION;
  const vector = (<u64>c.featureCount) << 2;
  const labels = taskBase;
  const counts: u64 = (<u64>labels + ((<u64>c.samples) << 1) + 15) & ~15;
  const prototypes = (counts + ((<u64>c.ways) << 2) + 15) & ~15;
  const gradients = (prototypes + vector * c.ways + 15) & ~15;
  // Eight bytes more for the sum of the losses (head.ts).
  const scores = (gradients + vector * c.ways + 8 + 15) & ~15;
  const features = (scores + ((<u64>c.ways) << 2) + 15) & ~15;
  const end = (features + vector + 15) & ~15;
  const state = needUpTo(end);
  if (state != status.DONE) return state;
  c.labelsPointer = <u32>labels;
  countsAt = <usize>counts;
  c.prototypesPointer = <u32>prototypes;
  dPrototypesAt = <usize>gradients;
  c.scoresPointer = <u32>scores;
  c.featuresPointer = <u32>features;
  taskEnd = <usize>end;
  dropValues();
  laidOutWays = c.ways;
  laidOutSamples = c.samples;
  memory.fill(labels, 0, taskEnd - labels);
  return status.DONE;
}

let countsAt: usize = 0;
/** What the task's block has room for; -1: there is none. */
let laidOutWays: i32 = -1;
let laidOutSamples: i32 = 0;

/** True if `ways` and `samples` of the control block are those that the task was laid out for. */
export function isTaskLaidOut(): bool {
  const c = control();
  return c.ways == laidOutWays && c.samples == laidOutSamples;
}

export function labelOf(sample: i32): i32 {
  return load<u16>(control().labelsPointer + (sample << 1));
}

/** Samples of a class. */
export function shotsOf(label: i32): i32 {
  return load<i32>(countsAt + (label << 2));
}

/** Samples of the support set, which come before the queries. */
export function supportCount(): i32 {
  return control().samples - control().queries;
}

/** Queries: real ones, or a pseudo-query of every sample. */
export function queryCount(): i32 {
  const c = control();
  return c.queries ? c.queries : c.samples;
}

/** Checks the labels that the host wrote and counts the support samples of every class. */
export function checkTask(): i32 {
  const c: Control = control();
  if (c.ways < 2 || c.samples < 2) return status.TASK_WAYS;
  if (<u32>c.queries >= <u32>c.samples) return status.OPTION;
  memory.fill(countsAt, 0, c.ways << 2);
  for (let s = 0; s < c.samples; ++s) {
    const label = labelOf(s);
    c.detail = s;
    if (label >= c.ways) return status.TASK_LABEL;
    const at = countsAt + (label << 2);
    if (s < supportCount()) store<i32>(at, load<i32>(at) + 1);
  }
  for (let k = 0; k < c.ways; ++k) {
    c.detail = k;
    if (!shotsOf(k)) return status.TASK_EMPTY_CLASS;
  }
  c.detail = -1;
  return status.DONE;
}
