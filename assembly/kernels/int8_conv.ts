/**
 * Dense int8 layers, forward, by one product each (int8_gemm.ts; conv2d.ts has the floats). Where a kernel is wider than a
 * pixel, lines of the image are copied with their padding, as many as fit at a time, and windows are runs of them:
 *
 *     . . . . . . .    line of padding           the windows of two pixels of the output, 3x3 with stride 2:
 *     . a b c d e .    line 0                      . . .     . . .
 *     . f g h i j .    line 1                      . a b     b c d
 *                                                  . f g     g h i
 *
 * Padding is the zero point, which adds nothing. With SIMD, numbers become x - zero in 16 bits as they are copied: those of
 * other layers are copied, too.
 */
import { Geometry } from './geometry';
import { Quantised } from './int8';
import { int8_gemm, int8_gemm_scratch, Rows } from './int8_gemm';
import { row_floats } from './windows';

/** Bytes copied at a time, if it is enough for a line of the output, or for sixteen pixels. */
const STRIP_BYTES: i32 = ASC_FEATURE_SIMD ? 16384 : 4096;
const STRIP_PIXELS: i32 = 16;
/** Bytes of a number. */
const SIZE: i32 = ASC_FEATURE_SIMD ? 2 : 1;

/** Numbers of a line with its padding. */
function line_of(g: Geometry): i32 {
  return ((g.outW - 1) * g.strideW + g.kernelW) * g.inC;
}

/** Lines of the image that n lines of the output read. */
function lines_of(g: Geometry, n: i32): i32 {
  return (n - 1) * g.strideH + g.kernelH;
}

/** Lines of the output done at a time. */
function strip_lines(g: Geometry): i32 {
  const fit = STRIP_BYTES / (line_of(g) * SIZE) - g.kernelH;
  return min(max(fit / g.strideH, 0) + 1, g.outH);
}

/** Pixels done at a time where a pixel is a run: whole tiles. */
function strip_pixels(g: Geometry, depth: i32): i32 {
  return min(max(STRIP_BYTES / (depth * SIZE), STRIP_PIXELS) & ~3, (g.outH * g.outW + 3) & ~3);
}

/** Bytes of scratch of a layer with `depth` weights a channel; `windowed`: it is neither pointwise nor fully connected. */
export function int8_dense_scratch(g: Geometry, depth: i32, windowed: bool): i32 {
  if (!windowed)
    return int8_gemm_scratch(1, depth) + (ASC_FEATURE_SIMD ? strip_pixels(g, depth) * depth * SIZE + 16 : 0);
  // Behind the last line are the pixels that fill a tile.
  const numbers = lines_of(g, strip_lines(g)) * line_of(g) + (ASC_FEATURE_SIMD ? 3 * g.strideW * g.inC : 0);
  return int8_gemm_scratch(g.kernelH, row_floats(g)) + numbers * SIZE + 16;
}

const rows = changetype<Rows>(memory.data(32, 16));

/**
 * A layer, or `count` of its channels from `first` on (then it isn't windowed). x i8 [inH][inW][I], w i8 [count][depth],
 * depth being [kH][kW][I], out i8 [outH][outW][O], scratch as above.
 */
// biome-ignore format: one matrix a line
export function int8_dense(
  out: usize, x: usize, w: usize, b: usize, scales: usize, scratch: usize,
  g: Geometry, q: Quantised, depth: i32, first: i32, count: i32, windowed: bool,
): void {
  const r = rows;
  const all = windowed ? g.outH : g.outH * g.outW;
  let strip = all;
  r.lines = 1;
  r.runs = 1;
  r.run = depth;
  r.nextPixel = depth * SIZE;
  r.outC = g.outC;
  if (windowed) {
    strip = strip_lines(g);
    r.pixels = g.outW;
    r.runs = g.kernelH;
    r.run = row_floats(g);
    r.nextRun = line_of(g) * SIZE;
    r.nextLine = r.nextRun * g.strideH;
    r.nextPixel = g.strideW * g.inC * SIZE;
  } else if (ASC_FEATURE_SIMD) strip = strip_pixels(g, depth);
  const copied = scratch + <usize>int8_gemm_scratch(r.runs, r.run);
  out += <usize>first;
  for (let p = 0; p < all; p += strip) {
    const n = min(strip, all - p);
    if (windowed) {
      r.lines = n;
      lines(copied, x, g, p * g.strideH - g.padTop, lines_of(g, n), q.xZero);
    } else {
      r.pixels = n;
      if (ASC_FEATURE_SIMD) copy(copied, x + <usize>(p * depth), n * depth, q.xZero);
    }
    int8_gemm(out, count, windowed || ASC_FEATURE_SIMD ? copied : x, r, w, b, scales, q, scratch);
    out += n * (windowed ? g.outW : 1) * g.outC;
  }
}

/** Copies n numbers, in steps of 8: behind them may be anything. */
function copy(to: usize, from: usize, n: i32, zero: i32): void {
  if (ASC_FEATURE_SIMD) {
    const zeros = i16x8.splat(<i16>zero);
    for (; n > 0; n -= 8) {
      v128.store(to, i16x8.sub(v128.load_ext<i8>(from), zeros));
      to += 16;
      from += 8;
    }
  } else memory.copy(to, from, n);
}

/** Writes n numbers of padding. */
function pad(to: usize, n: i32, zero: i32): void {
  memory.fill(to, ASC_FEATURE_SIMD ? 0 : <u8>zero, n * SIZE);
}

/** Copies n lines of the image, with their padding, from line iy on, which may be outside of it. */
function lines(to: usize, x: usize, g: Geometry, iy: i32, n: i32, zero: i32): void {
  const whole = line_of(g);
  const left = g.padLeft * g.inC;
  const inside = min(whole - left, g.inW * g.inC);
  for (; n > 0; n--) {
    if (<u32>iy < <u32>g.inH) {
      copy(to + left * SIZE, x + <usize>(iy * g.inW * g.inC), inside, zero);
      pad(to, left, zero);
      pad(to + (left + inside) * SIZE, whole - left - inside, zero);
    } else pad(to, whole, zero);
    to += whole * SIZE;
    iy++;
  }
}
