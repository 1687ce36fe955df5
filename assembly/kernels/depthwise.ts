/**
 * Depthwise convolution: each channel has its own filter. NHWC, so the vector is four neighbouring channels.
 *
 * Forward and input gradient are one loop, `plane`: along a dimension, output i reads the source at
 * base + i * step + t with tap t.
 *
 *   forward:         step = stride, base = -pad
 *   input gradient:  gathered, so that each dx is written once. dx[i] takes dy[o] where i + pad - k = o * stride:
 *                    only taps k = first, first + stride, ... with first = (i + pad) mod stride. All i of one
 *                    remainder are a plane with step = 1, their taps taken from the last to the first: stride 2 is
 *                    four planes, none of which multiplies a zero.
 *
 * The outputs of a plane whose taps are all inside the image, and how they are computed (depthwise_tiles.ts):
 *
 *     s | v v | s     h: lines along the rows, a multiple of 4 outputs; at the top and bottom rows they have
 *   ----+-----+---       fewer taps across
 *     v | h h | v     v: lines along the columns that are left, likewise
 *     v | h h | v     s: what is left then, one by one
 *   ----+-----+---
 *     s | h h | s
 */
import { inTiles, Line, singles } from './depthwise_line';
import { hasQuads, quads } from './depthwise_quads';
import { TILE } from './depthwise_tiles';
import { Geometry } from './geometry';

export { depthwise_adds_once, depthwise_backward_weight } from './depthwise_weight';

/** One dimension of a plane. */
@unmanaged
class Axis {
  /** Outputs, and from one to the next in the image. */
  n: i32;
  outStep: i32;
  /** The output [first] of the image is output 0. */
  first: i32;
  /** Source positions: of tap 0 of output 0, from output to output, how many there are. */
  base: i32;
  step: i32;
  size: i32;
  /** Taps, the weight of tap 0, from tap to tap. */
  taps: i32;
  w: i32;
  wStep: i32;
  /** Outputs with all taps inside: [from, to). */
  from: i32;
  to: i32;

  forward(size: i32, outputs: i32, kernel: i32, stride: i32, pad: i32): void {
    this.first = 0;
    this.outStep = 1;
    this.n = outputs;
    this.base = -pad;
    this.step = stride;
    this.size = size;
    this.taps = kernel;
    this.w = 0;
    this.wStep = 1;
    this.setTiles();
  }

  /** The outputs i of an input gradient with i mod stride = phase. */
  transposed(phase: i32, size: i32, outputs: i32, kernel: i32, stride: i32, pad: i32): void {
    const rest = (phase + pad) % stride;
    this.first = phase;
    this.outStep = stride;
    this.n = (outputs - phase + stride - 1) / stride;
    this.taps = (kernel - rest + stride - 1) / stride;
    this.base = (phase + pad - rest) / stride - this.taps + 1;
    this.step = 1;
    this.size = size;
    this.w = rest + (this.taps - 1) * stride;
    this.wStep = -stride;
    this.setTiles();
  }

  private setTiles(): void {
    const room = this.size - this.taps - this.base;
    this.from = min(this.n, max(0, (this.step - 1 - this.base) / this.step));
    const inside = room < 0 ? 0 : min(this.n, room / this.step + 1) - this.from;
    this.to = this.from + (this.taps ? max(0, inside) : 0);
  }

  /** The first tap of output i inside the image, and the one behind the last. */
  begin(i: i32): i32 {
    return min(this.taps, max(0, -(this.base + i * this.step)));
  }

  end(i: i32): i32 {
    return max(this.begin(i), min(this.taps, this.size - (this.base + i * this.step)));
  }
}

/** Outputs of the planes, from the first row and column on, that are done already (depthwise_quads.ts). */
let doneRows: i32 = 0;
let doneColumns: i32 = 0;

const line = changetype<Line>(memory.data(112, 16));
const axes = memory.data(96, 16);
const axisY = changetype<Axis>(axes);
const axisX = changetype<Axis>(axes + 48);

/**
 * out[oy, ox, c] = activation(bias[c] + Σ_ky,kx x[iy, ix, c] * w[ky, kx, c]),
 * iy = oy * strideH - padTop + ky, ix = ox * strideW - padLeft + kx
 * out: [outH][outW][C], x: [inH][inW][C], w: [kernelH][kernelW][C], bias: [C]
 */
export function depthwise_forward(out: usize, x: usize, w: usize, bias: usize, g: Geometry): void {
  axisY.forward(g.inH, g.outH, g.kernelH, g.strideH, g.padTop);
  axisX.forward(g.inW, g.outW, g.kernelW, g.strideW, g.padLeft);
  plane(out, g.outW, x, w, g, bias, false, g.activation ? 0 : -Infinity, g.activation ? g.limit : Infinity);
}

/**
 * dx[iy, ix, c] = or += Σ dy[oy, ox, c] * w[ky, kx, c] over all taps that read that place.
 * dx: [inH][inW][C], dy: [outH][outW][C], w: [kernelH][kernelW][C]
 */
export function depthwise_backward_input(dx: usize, dy: usize, w: usize, g: Geometry, accumulate: bool): void {
  if (ASC_FEATURE_SIMD && !accumulate && hasQuads(g)) {
    // Those of which all taps are inside in the plane that has most of them, and which belong to lines along rows.
    axisY.transposed(1, g.outH, g.inH, 3, 2, 1);
    axisX.transposed(1, g.outW, g.inW, 3, 2, 1);
    doneRows = axisY.to;
    doneColumns = axisX.to & -TILE;
    quads(dx, dy, w, g, doneRows, doneColumns);
  }
  for (let y = 0; y < g.strideH; y++) {
    axisY.transposed(y, g.outH, g.inH, g.kernelH, g.strideH, g.padTop);
    for (let x = 0; x < g.strideW; x++) {
      axisX.transposed(x, g.outW, g.inW, g.kernelW, g.strideW, g.padLeft);
      plane(dx, g.inW, dy, w, g, accumulate ? dx : 0, accumulate, -Infinity, Infinity);
    }
  }
  if (ASC_FEATURE_SIMD) doneRows = 0;
}

/**
 * All outputs of axisY x axisX. `init`: what sums start from, of the output's shape (`each`) or one for all, or 0.
 * out: [..][width][C], src: [axisY.size][axisX.size][C], w: [kernelH][kernelW][C]
 */
function plane(
  out: usize,
  width: i32,
  src: usize,
  w: usize,
  g: Geometry,
  init: usize,
  each: bool,
  low: f32,
  high: f32,
): void {
  const l = line;
  const y = axisY;
  const x = axisX;
  l.bytes = g.inC << 2;
  const tall = y.to - y.from >= TILE;
  const wide = (x.to - x.from) & -TILE;
  for (let i = 0; i < y.n; i++) {
    const inside = tall && i >= y.from && i < y.to;
    let j = ASC_FEATURE_SIMD && i < doneRows ? doneColumns : 0;
    while (j < x.n) {
      const across = wide && j == x.from;
      const down = inside && !across;
      if (!down || i == y.from) {
        compute(
          l,
          i,
          j,
          down ? y.to - i : across ? wide : 1,
          down,
          out,
          width,
          src,
          w,
          g.kernelW,
          init,
          each,
          low,
          high,
        );
      }
      j += across ? wide : 1;
    }
  }
}

/** Computes the line of n outputs that begins with [i, j] of the plane and goes right, or down. */
function compute(
  l: Line,
  i: i32,
  j: i32,
  n: i32,
  down: bool,
  out: usize,
  width: i32,
  src: usize,
  w: usize,
  kernelW: i32,
  init: usize,
  each: bool,
  low: f32,
  high: f32,
): void {
  const y = axisY;
  const x = axisX;
  const pixel = l.bytes;
  const row = x.size * pixel;
  const tapY = y.begin(i);
  const tapX = x.begin(j);
  const tapsY = y.end(i) - tapY;
  const tapsX = x.end(j) - tapX;
  const wY = y.wStep * kernelW * pixel;
  const wX = x.wStep * pixel;
  const at = ((y.first + i * y.outStep) * width + x.first + j * x.outStep) * pixel;
  l.out = out + at;
  l.outStep = (down ? y.outStep * width : x.outStep) * pixel;
  l.n = n;
  l.init = each ? init + at : init;
  l.initStep = each ? l.outStep : 0;
  l.src = src + (y.base + i * y.step + tapY) * row + (x.base + j * x.step + tapX) * pixel;
  l.step = down ? y.step : x.step;
  l.srcAlong = down ? row : pixel;
  l.srcStep = l.step * l.srcAlong;
  l.srcAcross = down ? pixel : row;
  l.w = w + ((y.w + tapY * y.wStep) * kernelW + x.w + tapX * x.wStep) * pixel;
  l.wAlong = down ? wY : wX;
  l.wAcross = down ? wX : wY;
  l.along = down ? tapsY : tapsX;
  l.across = down ? tapsX : tapsY;
  l.low = low;
  l.high = high;
  if (n > 1 && l.across) inTiles(l);
  else singles(l, 0);
}
