/**
 * Views of a picture: windows of it, each enlarged to the whole. The mean of their features says more than those of one:
 * a small network's features change with where a picture's edges lie, and the mean changes less. Only +, -, *, /
 * and square roots: every host has the same bits.
 */
import type { Engine } from './engine.js';

/** What a view shows: the share of a side, and where it begins, in pixels. */
export interface Frame {
  side: number;
  top: number;
  left: number;
}

/**
 * The windows: side, and how much of what they leave lies above and left of them, as shares. First the middle, which
 * brings most of the gain alone, then the corners, opposite ones together. MAX_VIEWS (defaults.ts) counts them and the whole.
 */
const WINDOWS: readonly (readonly [side: number, top: number, left: number])[] = [
  [0.8, 0.5, 0.5],
  [0.88, 0, 0],
  [0.88, 1, 1],
  [0.88, 0, 1],
  [0.88, 1, 0],
];
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
    for (const [j, x] of engine.embed(viewOf(tensor, input, view), features).entries()) sum[j]! += x;
  }
  return sum;
}
