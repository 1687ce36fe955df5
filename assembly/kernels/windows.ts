/** Windows of a convolution as a matrix: copied out of the image, or added back to it. */
import { Geometry } from './geometry';

/** Floats of one kernel row of a window. */
export function row_floats(g: Geometry): i32 {
  return g.kernelW * g.inC;
}

/**
 * The windows of `count` output pixels from `first` on, kernel rows ky0 to ky0 + rows: copied from the image into
 * columns, zeros where they lie in the padding, or (scatter) added from columns to the image.
 * columns [count][rows][kW][I], image [inH][inW][I].
 */
export function windows(
  columns: usize,
  image: usize,
  g: Geometry,
  first: i32,
  count: i32,
  ky0: i32,
  rows: i32,
  scatter: bool,
): void {
  const C = g.inC;
  const whole = row_floats(g);
  const imageRow = g.inW * C;
  const next = (<usize>(rows * whole)) << 2;
  const step = (<usize>(g.strideW * C)) << 2;
  let oy = first / g.outW;
  let ox = first % g.outW;
  while (count > 0) {
    const ix = ox * g.strideW - g.padLeft;
    const left = max(-ix, 0) * C;
    const right = min(g.inW - ix, g.kernelW) * C;
    const run = right - left;
    const n = min(pixels_of_run(g, ix, ox), count);
    let iy = oy * g.strideH - g.padTop + ky0;
    let source = image + ((<usize>(iy * imageRow + ix * C + left)) << 2);
    for (let r: usize = 0; r < next; r += (<usize>whole) << 2) {
      const to = columns + r;
      if (scatter) {
        if (<u32>iy < <u32>g.inH) add_runs(source, step, to + ((<usize>left) << 2), next, run, n);
      } else if (<u32>iy < <u32>g.inH) {
        for (let i = 0; i < left; i++) store<f32>(to + ((<usize>i) << 2), 0);
        copy_runs(to + ((<usize>left) << 2), next, source, step, run, n);
        for (let i = right; i < whole; i++) store<f32>(to + ((<usize>i) << 2), 0);
      } else {
        for (let i = 0; i < n; i++) memory.fill(to + <usize>i * next, 0, (<usize>whole) << 2);
      }
      source += (<usize>imageRow) << 2;
      iy++;
    }
    columns += <usize>n * next;
    count -= n;
    ox += n;
    if (ox == g.outW) {
      ox = 0;
      oy++;
    }
  }
}

/** How many pixels from ox on, whose window begins at ix, have windows between the image's sides; 1 where this one has not. */
export function pixels_of_run(g: Geometry, ix: i32, ox: i32): i32 {
  if (ix < 0 || ix + g.kernelW > g.inW) return 1;
  return min((g.inW - g.kernelW - ix) / g.strideW + 1, g.outW - ox);
}

/** Copies n runs of floats, which are toStep and fromStep bytes apart. Most are too short for a call of memory.copy. */
function copy_runs(to: usize, toStep: usize, from: usize, fromStep: usize, floats: i32, n: i32): void {
  const back = ((<usize>floats) << 2) - 16;
  for (; n > 0; n--) {
    let u = to;
    let v = from;
    let k = floats;
    if (ASC_FEATURE_SIMD && k >= 4) {
      for (; k > 4; k -= 4) {
        v128.store(u, v128.load(v));
        u += 16;
        v += 16;
      }
      // The last four once more, some of them for the second time.
      v128.store(to + back, v128.load(from + back));
    } else if (k >= 32) {
      memory.copy(u, v, (<usize>k) << 2);
    } else {
      for (; k > 0; k--) {
        store<f32>(u, load<f32>(v));
        u += 4;
        v += 4;
      }
    }
    to += toStep;
    from += fromStep;
  }
}

/** Adds them. */
function add_runs(to: usize, toStep: usize, from: usize, fromStep: usize, floats: i32, n: i32): void {
  for (; n > 0; n--) {
    let u = to;
    let v = from;
    let k = floats;
    for (; ASC_FEATURE_SIMD && k >= 4; k -= 4) {
      v128.store(u, f32x4.add(v128.load(u), v128.load(v)));
      u += 16;
      v += 16;
    }
    for (; k > 0; k--) {
      store<f32>(u, load<f32>(u) + load<f32>(v));
      u += 4;
      v += 4;
    }
    to += toStep;
    from += fromStep;
  }
}
