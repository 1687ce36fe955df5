/**
 * The episode: a job as a sequence of passes over the samples, each pass running one program a sample.
 *
 *   CHECK   checksum of a model whose weights are with the host
 *   EMBED   one sample -> features
 *   PROBE   prototypes; every sample plain and mirrored against them
 *   FISHER  prototypes; every pseudo-query forward and back -> Δ (equation 1)
 *   TRAIN   [values of what is trained, if the weights are with the host]
 *           [prefix of every sample and variant, kept by the host]
 *           each iteration: prototypes; pseudo-queries forward, loss and back; support samples back through their
 *           prototypes; update.  At the end: prototypes of the adapted network
 *
 * The loss of a query depends on the prototypes alone, so its way back follows its own forward pass at once, and the
 * gradients of the prototypes are complete before the support samples run again: one sample is in memory at a time,
 * and of the others only the prototypes and their gradients (equation 4, exact).
 */
import { augment, mirror } from '../kernels/augment';
import { prototype_add, prototype_backward_support, prototype_loss, prototype_scores } from '../kernels/prototype';
import { hash32 } from '../kernels/random';
import { dPrototypes, dropValues, keepValues, labelOf, layerAt, shotsOf } from './arena';
import { beginCheck, checkStep } from './check';
import { control } from './control';
import { execute, update } from './execute';
import { finite, finiteNorms } from './finite';
import { AUGMENT_FLIP, AUGMENT_ON, CHECK, clearGradients, EMBED, FISHER, PROBE, prepareJob, TRAIN } from './job';
import { biasOf, modelBase, opAt, preprocessing, valueFloats, weightsOf } from './model';
import { FEATURES, GRADIENTS, PREFIX, programStart, VALUES } from './plan';
import { S_AUGMENT, S_END, S_FEATURES, S_FETCH, S_HEAD, S_SAMPLE, S_STORE, S_TAKE, Step, stepAt } from './program';
import { layOver, needsSlices, requestSlice, rowsOfSlice } from './slices';
import * as status from './status';
import { blockFloats } from './trained';

// Passes. The numbers are the control block's `phase`.
const PROTOTYPES: i32 = 0;
const PROBING: i32 = 1;
const INFORMATION: i32 = 2;
const KEEPING: i32 = 3;
const QUERIES: i32 = 4;
const SUPPORT: i32 = 5;
const FEATURE: i32 = 6;
const TAKING: i32 = 7;
const CHECKING: i32 = 8;
/** No pass; a variable that starts with it needs no start function, as it is a literal. */
const FINISHED: i32 = -1;

/** Streams of the generator, so that no two uses share numbers. */
const STREAM_VARIANT: u32 = 1;
const STREAM_AUGMENT: u32 = 0x10000;

let job: i32 = -1;
let pass: i32 = -1;
let sample: i32 = 0;
let variant: i32 = 0;
let pc: i32 = -1;
/** First output channel of the slice of weights that the step at `pc` runs for. */
let slice: i32 = 0;
/** What the host has brought for the step (or slice) so far. */
let piece: i32 = 0;
/** The host has been asked for the next piece. */
let waiting: bool = false;
let lossSum: f64 = 0;
let beta1: f64 = 1;
let beta2: f64 = 1;

/** Lays out a job and makes it the one that `step` runs. */
export function beginJob(which: i32): i32 {
  endJob();
  // A job that was given up may have been waiting for its host.
  waiting = false;
  piece = 0;
  slice = 0;
  if (which == CHECK) {
    const state = beginCheck();
    if (state != status.DONE) return state;
    job = which;
    pass = CHECKING;
    return status.DONE;
  }
  const state = prepareJob(which);
  if (state != status.DONE) return state;
  const c = control();
  job = which;
  c.iteration = 0;
  c.loss = 0;
  c.probePlain = 0;
  c.probeMirrored = 0;
  beta1 = 1;
  beta2 = 1;
  if (which == TRAIN) clearGradients();
  if (which == EMBED) enter(FEATURE);
  else if (programStart(VALUES) >= 0) enter(TAKING);
  else if (programStart(PREFIX) >= 0) enter(KEEPING);
  else enter(PROTOTYPES);
  return status.DONE;
}

/** Ends the job; a host calls it to give up. */
export function endJob(): void {
  if (job == TRAIN) dropValues();
  job = -1;
  pass = FINISHED;
}

/** Runs at most `budget` steps of the job. Answers as in status.ts. */
export function runSteps(budget: i32): i32 {
  if (job < 0) return status.ORDER;
  if (pass == CHECKING) return check();
  if (waiting) {
    waiting = false;
    ++piece;
  }
  while (pass != FINISHED) {
    const s = stepAt(pc);
    if (s.code == S_END) {
      const answer = nextProgram();
      if (answer != status.DONE) return answer;
      continue;
    }
    if (budget-- <= 0) return status.YIELD;
    const wanted = request(s);
    if (wanted != status.DONE) {
      waiting = true;
      return wanted;
    }
    piece = 0;
    const sliced = needsSlices(s);
    if (sliced) layOver(s, slice);
    run(s);
    if (sliced) {
      slice += rowsOfSlice(opAt(s.op), slice);
      if (slice < opAt(s.op).outC) continue;
      slice = 0;
    }
    ++pc;
  }
  job = -1;
  return status.DONE;
}

/** Takes the slice that the host has brought into the checksum, and asks for the next one. */
function check(): i32 {
  const wanted = checkStep(waiting);
  waiting = wanted == status.SLICE;
  if (!waiting) endJob();
  return wanted;
}

/** What a step needs of the host before it counts as done. */
function request(s: Step): i32 {
  if (needsSlices(s)) return requestSlice(s, slice, piece);
  if (piece > 0) return status.DONE;
  const c = control();
  if (s.code == S_SAMPLE) {
    c.ioPointer = variant == 0 ? s.c : s.a;
    c.ioBytes = (<u32>valueFloats(0)) << 2;
    c.ioIndex = sample;
    return status.SAMPLE;
  }
  if (s.code != S_STORE && s.code != S_FETCH) return status.DONE;
  c.ioPointer = s.a;
  c.ioBytes = (<u32>valueFloats(s.op)) << 2;
  c.ioIndex = (sample * (keptVariants() + 1) + variant) * c.storedValues + s.flag;
  return s.code == S_STORE ? status.STORE : status.FETCH;
}

/** Augmented variants that the host keeps of each sample; without iterations nothing asks for them. */
function keptVariants(): i32 {
  const c = control();
  return c.augment & AUGMENT_ON && c.iterations > 0 ? c.variants : 0;
}

function run(s: Step): void {
  switch (s.code) {
    case S_SAMPLE:
    case S_STORE:
    case S_FETCH:
    case S_TAKE:
      break;
    case S_AUGMENT:
      pseudoQuery(s.c, s.a);
      break;
    case S_FEATURES:
      takeFeatures(s.a);
      break;
    case S_HEAD:
      head(s.c, s.a);
      break;
    default:
      execute(s, slice, <f32>(0.5 / <f64>control().samples));
  }
}

/** The pseudo-query of the current sample and variant; in the probe, its mirror image. */
function pseudoQuery(out: usize, x: usize): void {
  if (variant == 0) return;
  const c = control();
  const h = load<i32>(modelBase(), 40);
  const w = load<i32>(modelBase(), 44);
  const channels = load<i32>(modelBase(), 48);
  if (pass == PROBING) {
    mirror(out, x, h, w, channels);
    return;
  }
  const stream =
    programStart(PREFIX) >= 0 ? sample * (keptVariants() + 1) + variant : (c.iteration + 1) * c.samples + sample;
  const at = preprocessing();
  augment(
    out,
    x,
    h,
    w,
    channels,
    at,
    at + 16,
    c.seed,
    STREAM_AUGMENT + stream,
    true,
    (c.augment & AUGMENT_FLIP) != 0,
    true,
  );
}

/** End of a forward pass without saving. */
function takeFeatures(f: usize): void {
  const c = control();
  const label = labelOf(sample);
  const bytes = (<usize>c.featureCount) << 2;
  if (pass == PROTOTYPES) {
    prototype_add(c.prototypesPointer, f, label, c.featureCount, <f32>(1.0 / <f64>shotsOf(label)));
  } else if (pass == PROBING && variant == 0) {
    memory.copy(c.featuresPointer, f, bytes);
    c.probePlain += <i32>claims(f);
  } else if (pass == PROBING) {
    c.probeMirrored += <i32>claims(f);
  } else {
    memory.copy(c.featuresPointer, f, bytes);
    if (c.ways) prototype_scores(c.scoresPointer, f, c.prototypesPointer, c.ways, c.featureCount);
  }
}

/** True if the class of the current sample is the nearest to f, its own prototype made without it (where it has others). */
function claims(f: usize): bool {
  const c = control();
  const label = labelOf(sample);
  const n = shotsOf(label);
  const own = c.prototypesPointer + label * (c.featureCount << 2);
  if (n > 1) shift(own, c.featuresPointer, -1, n);
  prototype_scores(c.scoresPointer, f, c.prototypesPointer, c.ways, c.featureCount);
  if (n > 1) shift(own, c.featuresPointer, 1, n);
  const mine = load<f32>(c.scoresPointer + (label << 2));
  for (let k = 0; k < c.ways; ++k) if (k != label && load<f32>(c.scoresPointer + (k << 2)) >= mine) return false;
  return true;
}

/** prototype += sign * f / n: takes a sample out of its class's prototype (up to a factor) and puts it back. */
function shift(prototype: usize, f: usize, sign: f32, n: i32): void {
  const weight = sign * <f32>(1.0 / <f64>n);
  for (let i = 0; i < control().featureCount; ++i) {
    const at = prototype + (i << 2);
    store<f32>(at, load<f32>(at) + weight * load<f32>(f + (i << 2)));
  }
}

/** Loss of a query, or the share of a support sample in the gradient of its prototype. */
function head(df: usize, f: usize): void {
  const c = control();
  const label = labelOf(sample);
  if (pass == SUPPORT) {
    prototype_backward_support(df, dPrototypes(), label, c.featureCount, <f32>(1.0 / <f64>shotsOf(label)));
    return;
  }
  const training = pass == QUERIES;
  const scale: f32 = training ? <f32>(1.0 / <f64>c.samples) : 1;
  lossSum += <f64>(
    prototype_loss(
      df,
      dPrototypes(),
      c.scoresPointer,
      f,
      c.prototypesPointer,
      label,
      c.ways,
      c.featureCount,
      c.temperature,
      scale,
      training,
    )
  );
}

/** Begins a pass over the samples. */
function enter(which: i32): void {
  const c = control();
  pass = which;
  sample = 0;
  c.phase = which;
  c.done = 0;
  c.total =
    which == FEATURE || which == TAKING
      ? 1
      : which == KEEPING
        ? c.samples * (keptVariants() + 1)
        : which == PROBING
          ? 2 * c.samples
          : c.samples;
  if (which == PROTOTYPES) memory.fill(c.prototypesPointer, 0, (c.ways * c.featureCount) << 2);
  if (which == QUERIES) {
    memory.fill(dPrototypes(), 0, (c.ways * c.featureCount) << 2);
    lossSum = 0;
  }
  variant = firstVariant();
  pc = programOfPass();
}

/** First step of the program that this pass runs for each sample. */
function programOfPass(): i32 {
  if (pass == TAKING) return programStart(VALUES);
  if (pass == KEEPING) return programStart(PREFIX);
  return programStart(pass == INFORMATION || pass == QUERIES || pass == SUPPORT ? GRADIENTS : FEATURES);
}

/** Variant with which a sample begins in this pass: 0 is the sample itself. */
function firstVariant(): i32 {
  const c = control();
  if ((pass != QUERIES && pass != INFORMATION) || !(c.augment & AUGMENT_ON)) return 0;
  if (programStart(PREFIX) < 0) return 1;
  const draw = hash32(c.seed, STREAM_VARIANT, <u32>(c.iteration * c.samples + sample));
  return 1 + <i32>(draw % <u32>c.variants);
}

/** After a program: the next variant or sample of the pass, or what follows the pass. */
function nextProgram(): i32 {
  const c = control();
  ++c.done;
  const more = pass == KEEPING ? variant < keptVariants() : pass == PROBING && variant < 1;
  if (more) {
    ++variant;
  } else {
    if (++sample >= (pass == FEATURE || pass == TAKING ? 1 : c.samples)) return nextPass();
    variant = firstVariant();
  }
  pc = programOfPass();
  return status.DONE;
}

function nextPass(): i32 {
  const c = control();
  const trains = job == TRAIN && c.iteration < c.iterations && programStart(GRADIENTS) >= 0;
  if (pass == TAKING && programStart(PREFIX) >= 0) enter(KEEPING);
  else if (pass == KEEPING || pass == TAKING) enter(PROTOTYPES);
  else if (pass == PROTOTYPES && job == PROBE) enter(PROBING);
  else if (pass == PROTOTYPES && job == FISHER) enter(INFORMATION);
  else if (pass == PROTOTYPES && trains) enter(QUERIES);
  else if (pass == QUERIES) enter(SUPPORT);
  else if (pass == SUPPORT) return endIteration();
  else if (pass == INFORMATION) {
    pass = FINISHED;
    return sumInformation();
  } else {
    pass = FINISHED;
    if (job != TRAIN) return status.DONE;
    if (!(finiteNorms(c.prototypesPointer, c.ways, c.featureCount) && finiteWeights())) return fail();
    keepValues();
  }
  return status.DONE;
}

function fail(): i32 {
  endJob();
  return status.DIVERGED;
}

/** True if what was trained is finite: a clipped activation may hide that it isn't. */
function finiteWeights(): bool {
  for (let l = 0; l < control().layerCount; ++l) {
    const layer = layerAt(l);
    const op = opAt(layer.op);
    if (!layer.kind) continue;
    if (layer.values) {
      if (!finite(layer.values, blockFloats(layer))) return false;
    } else if (!(finite(biasOf(op), op.biasCount) && finite(weightsOf(op), op.weightCount))) return false;
  }
  return true;
}

function endIteration(): i32 {
  const c = control();
  c.loss = <f32>(lossSum / <f64>c.samples);
  if (c.loss - c.loss != 0) return fail();
  beta1 *= 0.9;
  beta2 *= 0.999;
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    if (layer.kind) update(opAt(layer.op), c.optimizer, c.lr, <f32>(1 - beta1), <f32>(1 - beta2));
  }
  ++c.iteration;
  enter(PROTOTYPES);
  return status.ITERATION;
}

/** Fisher potential of every layer inspected: the sum of Δ over its channels (equation 2). */
function sumInformation(): i32 {
  const c = control();
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    if (!layer.inspected) continue;
    let sum: f64 = 0;
    const channels = opAt(layer.op).outC;
    for (let o = 0; o < channels; ++o) sum += <f64>load<f32>(layer.delta + (o << 2));
    layer.fisher = <f32>sum;
    if (layer.fisher - layer.fisher != 0) return fail();
  }
  return status.DONE;
}
