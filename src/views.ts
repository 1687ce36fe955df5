/**
 * Views of a picture: windows of it, each enlarged to the whole. The mean of their features says more than those of one:
 * a small network's features change with where a picture's edges lie, and the mean changes less. Only +, -, * and /:
 * every host has the same bits.
 */
import { type EmbedRun, embedAll } from './embed.js';
import type { Engine } from './engine.js';
import { JOB } from './job.js';
import { TinyTrainError } from './status.js';
import type { Task } from './task.js';

/** What a view shows: the share of a side, and where it begins, in pixels. */
export interface Frame {
  side: number;
  top: number;
  left: number;
}

/**
 * The windows: side, and how much of what they leave lies above and left of them, as shares. First the middle, which
 * brings most of the gain alone, then the corners, opposite ones together.
 */
const WINDOWS: readonly (readonly [side: number, top: number, left: number])[] = [
  [0.8, 0.5, 0.5],
  [0.88, 0, 0],
  [0.88, 1, 1],
  [0.88, 0, 1],
  [0.88, 1, 0],
];
/** The most views of a picture: the whole and every window. */
export const MAX_VIEWS = 1 + WINDOWS.length;

/** Height, width and channels of a tensor. */
export type Input = readonly [number, number, number];

/** A window of a tensor h x w x c in the tensor's own size, bilinear. */
export function crop(tensor: Float32Array, [h, w, c]: Input, { side, top, left }: Frame): Float32Array {
  const out = new Float32Array(tensor.length);
  const place = (start: number, i: number, size: number) => {
    const x = Math.min(size - 1, Math.max(0, start + (i + 0.5) * side - 0.5));
    const low = Math.floor(x);
    return [low, Math.min(size - 1, low + 1), x - low] as const;
  };
  for (let y = 0; y < h; y++) {
    const [y0, y1, v] = place(top, y, h);
    for (let x = 0; x < w; x++) {
      const [x0, x1, u] = place(left, x, w);
      for (let k = 0; k < c; k++) {
        const at = (row: number, column: number) => tensor[(row * w + column) * c + k]!;
        const upper = at(y0, x0) + u * (at(y0, x1) - at(y0, x0));
        const lower = at(y1, x0) + u * (at(y1, x1) - at(y1, x0));
        out[(y * w + x) * c + k] = upper + v * (lower - upper);
      }
    }
  }
  return out;
}

/** View `index` of a tensor: 0 is the tensor itself, the others show a window of it. */
export function viewOf(tensor: Float32Array, input: Input, index: number): Float32Array {
  if (index === 0) return tensor;
  const [side, top, left] = WINDOWS[index - 1]!;
  const rest = 1 - side;
  return crop(tensor, input, { side, top: rest * top * input[0], left: rest * left * input[1] });
}

/** Cosine of two vectors; 0 where one has no direction. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, aa, bb] = [0, 0, 0];
  for (let j = 0; j < b.length; j++) {
    product += a[j]! * b[j]!;
    aa += a[j]! * a[j]!;
    bb += b[j]! * b[j]!;
  }
  return aa > 0 && bb > 0 ? product / (Math.sqrt(aa) * Math.sqrt(bb)) : 0;
}

/**
 * Makes the prototypes that the engine holds, which are class means of the samples themselves, class means of `views` views
 * of each sample, under the weights that it holds. Throws where one has no finite norm.
 */
export async function addViewsToPrototypes(
  engine: Engine,
  { classes, labels, tensors }: Task,
  input: Input,
  features: number,
  views: number,
  run: EmbedRun,
): Promise<void> {
  const shots = classes.map((_, k) => labels.filter((label) => label === k).length);
  const sums = Float64Array.from(engine.floats('prototypesPointer', classes.length * features));
  for (let view = 1; view < views; view++) {
    const seen = await embedAll(engine, features, tensors.length, (i) => viewOf(tensors[i]!, input, view), run);
    for (const [i, f] of seen.entries()) {
      const at = labels[i]! * features;
      for (let j = 0; j < features; j++) sums[at + j]! += f[j]! / shots[labels[i]!]!;
    }
  }
  const means = Float32Array.from(sums, (sum) => sum / views);
  // The engine refuses a patch whose prototypes have no finite norm in its single precision.
  const squares = classes.map((_, k) => {
    return means.subarray(k * features, (k + 1) * features).reduce((sum, x) => Math.fround(sum + x * x), 0);
  });
  if (!squares.every(Number.isFinite)) {
    throw new TinyTrainError('training diverged: the features of a view are too large; lower the learning rate (--lr)');
  }
  engine.setPrototypes(means);
}

/** Mean features of `views` views of a tensor, but for a factor. */
export function featuresOfViews(
  engine: Engine,
  tensor: Float32Array,
  input: Input,
  features: number,
  views: number,
): Float64Array {
  const sum = new Float64Array(features);
  for (let view = 0; view < views; view++) {
    const sample = viewOf(tensor, input, view);
    engine.begin(JOB.embed);
    engine.pump({ sample: () => sample });
    for (const [j, x] of engine.floats('featuresPointer', features).entries()) sum[j]! += x;
  }
  return sum;
}
