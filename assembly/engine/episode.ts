/**
 * The episode: a job as a sequence of passes over the samples, each pass running one program a sample.
 *
 *   CHECK   checksum of a model whose weights are with the host
 *   EMBED   one sample -> features
 *   PROBE   prototypes; every sample plain and mirrored against them
 *   FISHER  prototypes; every pseudo-query forward and back -> Δ (equation 1)
 *   TRAIN   [prefix of every sample and variant, kept by the host]
 *           gradients cleared; values of what is trained, if the weights are with the host
 *           each iteration: prototypes; pseudo-queries forward, loss and back; support samples back through their
 *           prototypes; update.  At the end: prototypes of the adapted network
 *           With LOMO: prototypes; drawn pseudo-queries forward and back, each updating the layers on its way
 *
 * The loss of a query depends on the prototypes alone, so its way back follows its own forward pass at once, and the
 * gradients of the prototypes are complete before the support samples run again: one sample is in memory at a time,
 * and of the others only the prototypes and their gradients (equation 4, exact).
 */
import { hash32 } from '../kernels/random';
import { dropValues, keepValues, labelOf, layerAt, queryCount, shotsOf } from './arena';
import { blocksBytes, isDrawn } from './blocks';
import { AUGMENT_FLIP, AUGMENT_ON } from './budget';
import { beginCheck, checkStep } from './check';
import { control } from './control';
import { execute, update } from './execute';
import { finiteNorms, finiteValues } from './finite';
import {
  clearPrototypeGradients,
  clearPrototypes,
  keepsFeatures,
  meanLoss,
  probe,
  queryLoss,
  supportGradient,
  takeFeatures,
  takeSample,
} from './head';
import { augmentImage, requestImage } from './image';
import { sumInformation } from './information';
import { CHECK, EMBED, FISHER, PROBE, prepareJob, TRAIN } from './job';
import { isInt8, opAt } from './model';
import {
  CHECKING,
  FEATURE,
  FINISHED,
  INFORMATION,
  KEEPING,
  PROBING,
  PROTOTYPES,
  QUERIES,
  SUPPORT,
  TAKING,
} from './passes';
import { FEATURES, GRADIENTS, PREFIX, programStart, storedBytes, VALUES } from './plan';
import {
  S_AUGMENT,
  S_CLEAR,
  S_END,
  S_FEATURES,
  S_FETCH,
  S_HEAD,
  S_SAMPLE,
  S_STORE,
  S_TAKE,
  S_UPDATE,
  Step,
  stepAt,
} from './program';
import { exchangeSums, firstSample, sampleAfter, samplesOfShard } from './share';
import { layOver, needsSlices, rowsOfSlice, takeSlice } from './slices';
import * as status from './status';

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
/** A probe has just ended: its prototypes are those of the Fisher pass, unless that goes through int8 layers in floats. */
let probed: bool = false;
let beta1: f64 = 1;
let beta2: f64 = 1;

/** Lays out a job and makes it the one that `step` runs. */
export function beginJob(which: i32): i32 {
  const known = probed;
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
  if (state != status.DONE) {
    probed = known;
    return state;
  }
  const c = control();
  job = which;
  c.iteration = 0;
  c.loss = 0;
  c.probePlain = 0;
  c.probeMirrored = 0;
  beta1 = 1;
  beta2 = 1;
  if (which == EMBED) enter(FEATURE);
  else if (known && which == FISHER && !isInt8()) enter(INFORMATION);
  else enter(programStart(PREFIX) >= 0 ? KEEPING : firstOfTraining());
  return status.DONE;
}

/** Ends the job; a host calls it to give up. */
export function endJob(): void {
  if (job == TRAIN) dropValues();
  probed = false;
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
    if (budget-- <= 0) return status.YIELD;
    const s = stepAt(pc);
    control().stepCode = s.code;
    control().stepOperator = s.op;
    const ends = s.code == S_END;
    const wanted = ends ? exchangeSums(pass, sample, variant, piece) : request(s);
    if (wanted != status.DONE) {
      waiting = true;
      return wanted;
    }
    piece = 0;
    if (ends) {
      const answer = nextProgram();
      if (answer != status.DONE) return answer;
      continue;
    }
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
  const c = control();
  if (needsSlices(s)) return takeSlice(s, slice, piece);
  if (s.code == S_SAMPLE) {
    c.ioIndex = sample;
    return requestImage(s, variant == 0 ? s.c : s.a, piece);
  }
  if (piece > 0) return status.DONE;
  if (s.code != S_STORE && s.code != S_FETCH) return status.DONE;
  c.ioPointer = s.a;
  c.ioBytes = storedBytes(s.op);
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
    case S_CLEAR:
      memory.fill(s.c, 0, <usize>blocksBytes());
      break;
    case S_AUGMENT:
      pseudoQuery(s);
      break;
    case S_FEATURES:
      endFeatures(s.a);
      break;
    case S_HEAD:
      if (pass == SUPPORT) {
        memory.fill(s.c, 0, (<usize>control().featureCount) << 2);
        supportGradient(s.c, sample);
      } else queryLoss(s.c, s.a, sample, pass == QUERIES);
      break;
    case S_UPDATE:
      updateDrawn(s);
      break;
    default:
      execute(s, slice, <f32>(0.5 / <f64>queryCount()));
  }
}

/** The pseudo-query of the current sample and variant; in the probe, its mirror image. */
function pseudoQuery(s: Step): void {
  if (variant == 0) return;
  const c = control();
  const stream = programStart(PREFIX) >= 0 ? sample * (keptVariants() + 1) + variant : c.samples + turn();
  augmentImage(s, STREAM_AUGMENT + stream, pass == PROBING ? 2 : <i32>((c.augment & AUGMENT_FLIP) >> 1));
}

/** Number of the current pseudo-query among all of the job. */
function turn(): u32 {
  const c = control();
  return isDrawn() ? c.iteration * c.draws + c.done : c.iteration * c.samples + sample;
}

/**
 * The sample of the current turn: one class after the other, of each class one sample after the other, so that no few
 * updates in a row pull towards the same class. -1 after the last one of the iteration.
 */
function drawSample(): i32 {
  const c = control();
  if (c.done >= c.draws) return -1;
  const label = <i32>(turn() % <u32>c.ways);
  let which = <i32>((turn() / <u32>c.ways) % <u32>shotsOf(label));
  let s = 0;
  while (labelOf(s) != label || which-- > 0) ++s;
  return s;
}

/** Updates a layer with the gradient of a drawn sample; the rate falls to 0 at the end of the job. */
function updateDrawn(s: Step): void {
  const c = control();
  const t = <f32>turn();
  const left: f32 = 1 - t / (<f32>c.iterations * <f32>c.draws);
  update(opAt(s.op), c.lr * left, min<f32>(0.9, t / (t + 1)), 0);
}

/** True in a pass whose samples are drawn. */
function draws(): bool {
  return pass == QUERIES && isDrawn();
}

/** End of a forward pass without saving. */
function endFeatures(f: usize): void {
  if (pass == PROTOTYPES) takeSample(f, sample);
  else if (pass == PROBING) probe(f, sample, variant != 0);
  else takeFeatures(f);
}

/** Begins a pass over the samples. */
function enter(which: i32): void {
  const c = control();
  pass = which;
  c.phase = which;
  c.done = 0;
  sample = which >= FEATURE ? 0 : firstSample(which);
  c.total = which >= FEATURE ? 1 : samplesOfShard();
  if (draws()) {
    sample = drawSample();
    c.total = c.draws;
  }
  if (which == KEEPING) c.total *= keptVariants() + 1;
  if (which == PROBING) c.total <<= <i32>!keepsFeatures();
  if (which == PROTOTYPES) clearPrototypes();
  if (which == QUERIES) clearPrototypeGradients();
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
  if (pass == PROBING) return <i32>keepsFeatures();
  if ((pass != QUERIES && pass != INFORMATION) || !(c.augment & AUGMENT_ON)) return 0;
  if (programStart(PREFIX) < 0) return 1;
  const draw = hash32(c.seed, STREAM_VARIANT, turn());
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
    if (pass >= FEATURE) return nextPass();
    sample = draws() ? drawSample() : sampleAfter(sample);
    if (sample < 0) return nextPass();
    variant = firstVariant();
  }
  pc = programOfPass();
  return status.DONE;
}

/** What comes after the prefix has been kept. */
function firstOfTraining(): i32 {
  return programStart(VALUES) >= 0 ? TAKING : PROTOTYPES;
}

function nextPass(): i32 {
  const c = control();
  const trains = job == TRAIN && c.iteration < c.iterations && programStart(GRADIENTS) >= 0;
  if (pass == SUPPORT || draws()) return endIteration();
  let next = FINISHED;
  if (pass == KEEPING) next = firstOfTraining();
  else if (pass == TAKING) next = PROTOTYPES;
  else if (pass == QUERIES) next = SUPPORT;
  else if (pass == PROTOTYPES)
    next = job == PROBE ? PROBING : job == FISHER ? INFORMATION : trains ? QUERIES : FINISHED;
  if (next != FINISHED) {
    enter(next);
    return status.DONE;
  }
  probed = pass == PROBING;
  pass = FINISHED;
  if (job == FISHER && !sumInformation()) return fail();
  if (job != TRAIN) return status.DONE;
  if (!(finiteNorms(c.prototypesPointer, c.ways, c.featureCount) && finiteValues())) return fail();
  keepValues();
  return status.DONE;
}

function fail(): i32 {
  endJob();
  return status.DIVERGED;
}

function endIteration(): i32 {
  const c = control();
  c.loss = meanLoss();
  if (c.loss - c.loss != 0) return fail();
  beta1 *= 0.9;
  beta2 *= 0.999;
  for (let l = 0; l < c.layerCount && !isDrawn(); ++l) {
    const layer = layerAt(l);
    if (layer.kind) update(opAt(layer.op), c.lr, <f32>(1 - beta1), <f32>(1 - beta2));
  }
  ++c.iteration;
  enter(PROTOTYPES);
  return status.ITERATION;
}
