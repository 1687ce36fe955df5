/** The end of the network: what becomes of a sample's features f - prototypes, the probe, scores, the loss. */
import { prototype_add, prototype_backward_support, prototype_loss, prototype_scores } from '../kernels/prototype';
import { dPrototypes, labelOf, queryCount, shotsOf } from './arena';
import { control } from './control';
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
  return <f32>(load<f64>(lossAt()) / <f64>queryCount());
}

/** Adds the loss of a query to their sum. */
export function addLoss(loss: f32): void {
  store<f64>(lossAt(), load<f64>(lossAt()) + <f64>loss);
}

/** Before the queries: clears the gradients of the prototypes and the sum of the losses. */
export function clearPrototypeGradients(): void {
  memory.fill(dPrototypes(), 0, prototypeBytes() + LOSS_BYTES);
}

/** Adds a support sample to the prototype of its class. */
export function addToPrototype(f: usize, sample: i32): void {
  const c = control();
  const label = labelOf(sample);
  prototype_add(c.prototypesPointer, f, label, c.featureCount, <f32>(1.0 / <f64>shotsOf(label)));
}

/** Counts a support sample whose class's prototype claims it, as it is or (after that) mirrored. */
export function probe(f: usize, sample: i32, mirrored: bool): void {
  const c = control();
  if (mirrored) {
    c.probeMirrored += <i32>claims(f, sample);
    return;
  }
  memory.copy(c.featuresPointer, f, vectorBytes());
  c.probePlain += <i32>claims(f, sample);
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

/**
 * Gradient df of a query's loss; `training`: divided by the number of queries, and the loss and the gradients of the
 * prototypes added up (equation 4), else as the Fisher pass has it (equation 1).
 */
export function queryLoss(df: usize, f: usize, sample: i32, training: bool): void {
  const c = control();
  const scale: f32 = training ? <f32>(1.0 / <f64>queryCount()) : 1;
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
  const head = headPart();
  if (head) store<f32>(lossIn(head), loss);
  else addLoss(loss);
}

/** Gradient of a support sample's features through the prototype of its class. */
export function supportGradient(df: usize, sample: i32): void {
  const label = labelOf(sample);
  prototype_backward_support(df, dPrototypes(), label, control().featureCount, <f32>(1.0 / <f64>shotsOf(label)));
}
