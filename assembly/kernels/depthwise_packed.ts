/**
 * Weight gradient of any four channels (SIMD only): their columns of x and dy are packed side by side first, so that
 * each register is full whatever the list of channels, and x with its padding as zeros, so that no position is a
 * special one. A product with a zero changes no sum: packed or not, a channel gets the same bits.
 *
 *        x: c3 . . c6 . c9 c10 . .            packed: c3 c6 c9 c10 | c3 c6 c9 c10 | ...   one register a position
 *
 * One row of the kernel, up to 7 of its taps: as many sums, for a load of dy and one of x for each tap:
 *
 *        a0..a6 += dy[oy, ox] * x[oy * stride + ky, ox * stride + kx .. + 6]
 */
import { addSums, SUMS, sums } from './depthwise_sums';
import { Geometry } from './geometry';
import { Lanes } from './math';

/** Positions that fit the buffer. */
const ROOM: i32 = 2048;
const buffer: usize = ASC_FEATURE_SIMD ? memory.data(32768, 16) : 0;

/** Columns and rows of x that `rows` rows of outputs read, padding included. */
function columns(g: Geometry): i32 {
  return (g.outW - 1) * g.strideW + g.kernelW;
}

function lines(g: Geometry, rows: i32): i32 {
  return (rows - 1) * g.strideH + g.kernelH;
}

/** Whether a band of so many rows of outputs fits the buffer. */
export function packs(g: Geometry, rows: i32): bool {
  return g.kernelH * g.kernelW <= SUMS && columns(g) * lines(g, rows) + g.outW * rows <= ROOM;
}

/**
 * The output rows [oy, oyEnd) of four channels, 0, o1, o2 and o3 bytes from the first; those whose bit is set in
 * `wanted` have a row of dw. dw: [wanted channels][kernelH][kernelW]
 */
export function packed(
  dw: usize,
  dy: usize,
  x: usize,
  g: Geometry,
  o1: i32,
  o2: i32,
  o3: i32,
  wanted: i32,
  oy: i32,
  oyEnd: i32,
): void {
  const rows = oyEnd - oy;
  const pixel = g.inC << 2;
  const width = columns(g);
  const height = lines(g, rows);
  const pitch = width << 4;
  const gradients = buffer + height * pitch;
  pack(gradients, dy + oy * g.outW * pixel, rows * g.outW, pixel, o1, o2, o3);
  const left = min(width, g.padLeft);
  const inside = min(width - left, g.inW);
  let row = buffer;
  for (let i = 0; i < height; i++) {
    const iy = oy * g.strideH - g.padTop + i;
    if (<u32>iy < <u32>g.inH) {
      zeros(row, left);
      pack(row + (left << 4), x + iy * g.inW * pixel, inside, pixel, o1, o2, o3);
      zeros(row + ((left + inside) << 4), width - left - inside);
    } else {
      zeros(row, width);
    }
    row += pitch;
  }

  let to = sums;
  for (let ky = 0; ky < g.kernelH; ky++) {
    let kx = 0;
    while (kx < g.kernelW) {
      const rest = g.kernelW - kx;
      const from = buffer + ky * pitch + (kx << 4);
      if (rest >= 7) {
        Row.taps(7, to, gradients, from, g, pitch, rows);
        kx += 7;
        to += 112;
      } else if (rest >= 5) {
        Row.taps(5, to, gradients, from, g, pitch, rows);
        kx += 5;
        to += 80;
      } else if (rest >= 3) {
        Row.taps(3, to, gradients, from, g, pitch, rows);
        kx += 3;
        to += 48;
      } else {
        Row.taps(1, to, gradients, from, g, pitch, rows);
        kx += 1;
        to += 16;
      }
    }
  }
  addSums(dw, sums, g.kernelH * g.kernelW, wanted);
}

/** n positions of four channels, side by side. */
function pack(to: usize, from: usize, n: i32, pixel: i32, o1: i32, o2: i32, o3: i32): void {
  if (o3 == 12) {
    for (; n > 0; n--) {
      v128.store(to, v128.load(from));
      from += pixel;
      to += 16;
    }
  }
  for (; n > 0; n--) {
    let lanes = v128.load32_zero(from);
    lanes = v128.load32_lane(from + o1, lanes, 1);
    lanes = v128.load32_lane(from + o2, lanes, 2);
    v128.store(to, v128.load32_lane(from + o3, lanes, 3));
    from += pixel;
    to += 16;
  }
}

/** n zeros; memory.fill, a call out of WebAssembly, costs more than the few that there are. */
function zeros(to: usize, n: i32): void {
  for (; n > 0; n--) {
    v128.store(to, f32x4.splat(0));
    to += 16;
  }
}

class Row {
  /** `taps` taps of one row of the kernel, a constant where this is inlined. */
  @inline
  static taps(taps: i32, to: usize, dy: usize, x: usize, g: Geometry, pitch: i32, rows: i32): void {
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let a4 = a0;
    let a5 = a0;
    let a6 = a0;
    const step = g.strideW << 4;
    const down = g.strideH * pitch;
    for (; rows > 0; rows--) {
      let at = x;
      let n = g.outW;
      do {
        const d = v128.load(dy);
        a0 = Lanes.mulAdd<v128>(a0, v128.load(at), d);
        if (taps > 1) a1 = Lanes.mulAdd<v128>(a1, v128.load(at, 16), d);
        if (taps > 1) a2 = Lanes.mulAdd<v128>(a2, v128.load(at, 32), d);
        if (taps > 3) a3 = Lanes.mulAdd<v128>(a3, v128.load(at, 48), d);
        if (taps > 3) a4 = Lanes.mulAdd<v128>(a4, v128.load(at, 64), d);
        if (taps > 5) a5 = Lanes.mulAdd<v128>(a5, v128.load(at, 80), d);
        if (taps > 5) a6 = Lanes.mulAdd<v128>(a6, v128.load(at, 96), d);
        at += step;
        dy += 16;
      } while (--n);
      x += down;
    }
    v128.store(to, a0);
    if (taps > 1) v128.store(to, a1, 16);
    if (taps > 1) v128.store(to, a2, 32);
    if (taps > 3) v128.store(to, a3, 48);
    if (taps > 3) v128.store(to, a4, 64);
    if (taps > 5) v128.store(to, a5, 80);
    if (taps > 5) v128.store(to, a6, 96);
  }
}
