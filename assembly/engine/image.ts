/**
 * The image of an int8 model: the host writes a sample as floats, piece by piece, and each piece becomes int8 before the
 * next is asked for, so that the whole is never there as floats. Augmentation goes row by row likewise.
 */
import { augment } from '../kernels/augment';
import { quantise_all } from '../kernels/int8';
import { control } from './control';
import { modelBase, preprocessing, scaleOf, valueFloats, zeroOf } from './model';
import { Step } from './program';
import * as status from './status';

/** Most floats of a piece. */
const PIECE: i32 = 2048;

/** Bytes of floats that an int8 image takes on its way: a piece of it, or three rows for augmentation. */
export function imageScratch(): u32 {
  return max<u32>((<u32>min(PIECE, valueFloats(0))) << 2, 12 * load<u32>(modelBase(), 44) * load<u32>(modelBase(), 48));
}

/** Asks for a piece of the sample into `to`, having made the one before int8; DONE if there is no more. */
export function requestImage(s: Step, to: usize, piece: i32): i32 {
  const c = control();
  const whole = valueFloats(0);
  c.ioPointer = <u32>to;
  c.ioOffset = 0;
  c.ioBytes = (<u32>whole) << 2;
  if (!s.d) return piece ? status.DONE : status.SAMPLE;
  const at = piece * PIECE;
  if (piece) quantise_all(to + at - PIECE, s.d, min(PIECE, whole - at + PIECE), scaleOf(0), zeroOf(0));
  c.ioPointer = s.d;
  c.ioOffset = (<u32>at) << 2;
  c.ioBytes = (<u32>min(PIECE, whole - at)) << 2;
  return at < whole ? status.SAMPLE : status.DONE;
}

/** Augments the image of a step with the numbers of a stream, mirrored by chance (flip 1), or mirrors it and no more (2). */
export function augmentImage(s: Step, stream: u32, flip: i32): void {
  const base = modelBase();
  const at = preprocessing();
  augment(
    s.c,
    s.a,
    load<i32>(base, 40),
    load<i32>(base, 44),
    load<i32>(base, 48),
    at,
    at + 16,
    control().seed,
    stream,
    flip < 2,
    flip,
    flip < 2,
    s.d,
    scaleOf(0),
    zeroOf(0),
  );
}
