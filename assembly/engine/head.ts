/** The end of the network: what becomes of a sample's features f - prototypes, the probe, scores, the loss. */
import { axpy } from '../kernels/math';
import { prototype_add, prototype_backward_support, prototype_loss, prototype_scores } from '../kernels/prototype';
import { dPrototypes, labelOf, queryCount, shotsOf } from './arena';
import { isDrawn } from './blocks';
import { Control, control } from './control';
import { headPart, lossIn, prototypeBytes, prototypesPart } from './parts';

function vectorBytes(): usize {
  return (<usize>control().featureCount) << 2;
}

/** Clears the prototypes. */
export function clearPrototypes(): void {
  const c = control();
  memory.fill(c.prototypesPointer, 0, vectorBytes() * c.ways);
}

/** Bytes of the sum of the losses, f64, which lies behind the gradients of the prototypes. */
export const LOSS_BYTES: u32 = 8;

function lossAt(): usize {
  return dPrototypes() + prototypeBytes();
}

/** Mean loss of the queries since `clearPrototypeGradients`. */
export function meanLoss(): f32 {
  return <f32>(load<f64>(lossAt()) / <f64>(isDrawn() ? control().draws : queryCount()));
}

/** Adds the loss of a query to their sum. */
export function addLoss(loss: f32): void {
  store<f64>(lossAt(), load<f64>(lossAt()) + <f64>loss);
}

/** Before the queries: clears the sum of the losses and the gradients of the prototypes, but for what drawn ones gave. */
export function clearPrototypeGradients(): void {
  if (isDrawn() && control().iteration) store<f64>(lossAt(), 0);
  else memory.fill(dPrototypes(), 0, prototypeBytes() + LOSS_BYTES);
}

/** Adds a support sample to the prototype of its class. */
export function addToPrototype(f: usize, sample: i32): void {
  const c = control();
  const label = labelOf(sample);
  prototype_add(c.prototypesPointer, f, label, c.featureCount, <f32>(1.0 / <f64>shotsOf(label)));
}

/** Features of all samples as they are, which the probe keeps; 0: it computes them again, for want of room. */
let known: usize = 0;

/** Gives the features that the probe keeps their place. */
export function layoutFeatures(at: usize): void {
  known = at;
}

/** True if the features of all samples are kept. */
export function keepsFeatures(): bool {
  return known != 0;
}

/** Takes the features of a sample into the prototype of its class. */
export function takeSample(f: usize, sample: i32): void {
  if (known) memory.copy(known + vectorBytes() * sample, f, vectorBytes());
  const head = headPart();
  if (head) memory.copy(head, f, vectorBytes());
  else addToPrototype(f, sample);
}

/** Counts a support sample whose class's prototype claims it, as it is and (after that) mirrored. */
export function probe(f: usize, sample: i32, mirrored: bool): void {
  const c = control();
  if (!mirrored || known) {
    memory.copy(c.featuresPointer, known ? known + vectorBytes() * sample : f, vectorBytes());
    claim(c.featuresPointer, sample, 0);
  }
  if (mirrored) claim(f, sample, 4);
}

/** Counts a sample, as it is (0) or mirrored (4), if its class's prototype claims f. */
function claim(f: usize, sample: i32, which: usize): void {
  const head = headPart();
  const at = (head ? head : changetype<usize>(control()) + offsetof<Control>('probePlain')) + which;
  store<i32>(at, load<i32>(at) + <i32>claims(f, sample));
}

/** Adds what the probe found of a sample, kept in its head. */
export function addClaims(head: usize): void {
  const c = control();
  c.probePlain += load<i32>(head);
  c.probeMirrored += load<i32>(head, 4);
}

/** Features and, with prototypes, their cosines. */
export function takeFeatures(f: usize): void {
  const c = control();
  memory.copy(c.featuresPointer, f, vectorBytes());
  if (c.ways) prototype_scores(c.scoresPointer, f, c.prototypesPointer, c.ways, c.featureCount);
}

/** True if the class of a sample is the nearest to f, its own prototype made without the sample (where it has others). */
function claims(f: usize, sample: i32): bool {
  const c = control();
  const label = labelOf(sample);
  const n = shotsOf(label);
  const own = c.prototypesPointer + <u32>vectorBytes() * label;
  // Up to a factor, which its direction does not depend on.
  memory.copy(dPrototypes(), own, vectorBytes());
  if (n > 1) axpy(own, <f32>(-1.0 / <f64>n), c.featuresPointer, c.featureCount);
  prototype_scores(c.scoresPointer, f, c.prototypesPointer, c.ways, c.featureCount);
  memory.copy(own, dPrototypes(), vectorBytes());
  const mine = load<f32>(c.scoresPointer + (label << 2));
  for (let k = 0; k < c.ways; ++k) if (k != label && load<f32>(c.scoresPointer + (k << 2)) >= mine) return false;
  return true;
}

/**
 * Gradient df of a query's loss; `training`: divided by the number of queries, and the loss and the gradients of the
 * prototypes added up (equation 4), else as the Fisher pass has it (equation 1).
 */
export function queryLoss(df: usize, f: usize, sample: i32, training: bool): void {
  const c = control();
  const scale: f32 = training ? <f32>(1.0 / <f64>queryCount()) : 1;
  const drawn = training && isDrawn();
  // Each query drawn takes the place of an equal part of those before.
  if (drawn) axpy(dPrototypes(), -scale, dPrototypes(), prototypeBytes() >> 2);
  const loss = prototype_loss(
    df,
    prototypesPart(),
    c.scoresPointer,
    f,
    c.prototypesPointer,
    labelOf(sample),
    c.ways,
    c.featureCount,
    c.temperature,
    scale,
    training,
  );
  if (!training) return;
  // And as a support sample.
  if (drawn) supportGradient(df, sample);
  const head = headPart();
  if (head) store<f32>(lossIn(head), loss);
  else addLoss(loss);
}

/** Adds to df the gradient of a support sample's features, through the prototype of its class. */
export function supportGradient(df: usize, sample: i32): void {
  const label = labelOf(sample);
  prototype_backward_support(df, dPrototypes(), label, control().featureCount, <f32>(1.0 / <f64>shotsOf(label)));
}
