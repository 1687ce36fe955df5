import type { Engine } from '../engine.js';
import type { Model } from '../model/model.js';
import type { Range } from './model.js';
import { traceValues } from './trace.js';

/** How the range of a value is taken from what it was on real images. */
export const RANGES = ['percentile', 'mse', 'minmax'] as const;
export type RangeRule = (typeof RANGES)[number];

const BINS = 4096;
/** Share of the numbers that `percentile` leaves outside, at both ends together. */
const OUTSIDE = 1e-4;
/** Ranges that `mse` tries: these shares of the whole one. */
const SHARES = Array.from({ length: 60 }, (_, i) => 1 - i / 80);
const STEPS = 255;

/** The ranges of all values of a float model, open in the engine, over images. */
export function calibrate(
  engine: Engine,
  model: Model,
  images: readonly Float32Array[],
  rule: RangeRule,
  seen: () => void = () => {},
): Range[] {
  const whole = Array.from({ length: model.operators.length + 1 }, (): Range => ({ min: 0, max: 0 }));
  const run = (show: (value: number, numbers: ArrayLike<number>) => void) => {
    for (const image of images) {
      traceValues(engine, model, image, show);
      seen();
    }
  };
  run((value, numbers) => {
    const range = whole[value]!;
    for (let i = 0; i < numbers.length; i++) {
      const x = numbers[i]!;
      if (x < range.min) range.min = x;
      if (x > range.max) range.max = x;
    }
  });
  if (rule === 'minmax') return whole;
  const counts = whole.map(() => new Float64Array(BINS));
  run((value, numbers) => {
    const { min, max } = whole[value]!;
    const bins = counts[value]!;
    const scale = max > min ? BINS / (max - min) : 0;
    for (let i = 0; i < numbers.length; i++) bins[Math.min(((numbers[i]! - min) * scale) | 0, BINS - 1)]!++;
  });
  // The image's numbers are the pixels': their range is what it is.
  return whole.map((range, value) =>
    value === 0 ? range : rule === 'mse' ? leastError(range, counts[value]!) : inner(range, counts[value]!),
  );
}

/** The middle of each bin. */
const place = ({ min, max }: Range, bin: number) => min + ((bin + 0.5) * (max - min)) / BINS;

/** The range without the share of the numbers that is farthest from zero; the end that is zero stays. */
function inner(range: Range, counts: Float64Array): Range {
  const total = counts.reduce((sum, n) => sum + n, 0);
  let left = total * OUTSIDE;
  let [first, last] = [0, BINS - 1];
  while (first < last) {
    const [low, high] = [Math.abs(place(range, first)), Math.abs(place(range, last))];
    const bin = low > high ? first : last;
    left -= counts[bin]!;
    if (left < 0) break;
    if (bin === first) first++;
    else last--;
  }
  const width = (range.max - range.min) / BINS;
  return { min: range.min + first * width, max: range.min + (last + 1) * width };
}

/** The range, narrowed towards zero, whose 8 bits make the least squared error. */
function leastError(range: Range, counts: Float64Array): Range {
  let best = range;
  let least = Number.POSITIVE_INFINITY;
  for (const share of SHARES) {
    const tried = { min: range.min * share, max: range.max * share };
    const rounding = ((tried.max - tried.min) / STEPS) ** 2 / 12;
    let error = 0;
    for (let bin = 0; bin < BINS; bin++) {
      const n = counts[bin]!;
      if (n === 0) continue;
      const x = place(range, bin);
      const beyond = x - Math.min(Math.max(x, tried.min), tried.max);
      error += n * (rounding + beyond * beyond);
    }
    if (error < least) {
      least = error;
      best = tried;
    }
  }
  return best;
}
