/**
 * Depthwise convolution: each channel has its own filter. NHWC, so the vector is four neighbouring channels.
 *
 * Forward and input gradient are one loop, `correlate`. Along a dimension, output j of a run reads source
 * j * step + base + t * direction at its tap t:
 *
 *   forward:         step = stride, direction = +1, base = -pad, taps 0 to kernel - 1
 *   input gradient:  gathered, so that each dx is written once. dx[i] takes dy[o] where i + pad - k = o * stride:
 *                    only taps k = first, first + stride, ... with first = (i + pad) mod stride. All i of one
 *                    remainder form a run with step = 1, direction = -1: stride 2 is four runs, none of which
 *                    multiplies a zero.
 *
 * Along a row, outputs that use every tap are handed to depthwise_tiles.ts together; the others, at the borders, one by
 * one, each with its own range of taps.
 */
import { outputs } from './depthwise_tiles';
import { Geometry } from './geometry';

export { depthwise_backward_weight } from './depthwise_weight';

/**
 * out[oy, ox, c] = activation(bias[c] + Σ_ky,kx x[iy, ix, c] * w[ky, kx, c]),
 * iy = oy * strideH - padTop + ky, ix = ox * strideW - padLeft + kx
 * out: [outH][outW][C], x: [inH][inW][C], w: [kernelH][kernelW][C], bias: [C]
 */
export function depthwise_forward(out: usize, x: usize, w: usize, bias: usize, g: Geometry): void {
  correlate(out, x, w, bias, g, false);
}

/**
 * dx[iy, ix, c] = or += Σ dy[oy, ox, c] * w[ky, kx, c] over all taps that read that place.
 * dx: [inH][inW][C], dy: [outH][outW][C], w: [kernelH][kernelW][C]
 */
export function depthwise_backward_input(dx: usize, dy: usize, w: usize, g: Geometry, accumulate: bool): void {
  correlate(dx, dy, w, accumulate ? dx : 0, g, true);
}

/**
 * Both directions, see above. `init`: bias (forward), the old values or 0 (transposed).
 * forward:    out: [outH][outW][C], src: [inH][inW][C]
 * transposed: out: [inH][inW][C],   src: [outH][outW][C]
 */
function correlate(out: usize, src: usize, w: usize, init: usize, g: Geometry, transposed: bool): void {
  const pixel = g.inC << 2;
  const outH = transposed ? g.inH : g.outH;
  const outW = transposed ? g.inW : g.outW;
  const srcH = transposed ? g.outH : g.inH;
  const srcW = transposed ? g.outW : g.inW;
  const runsH = transposed ? g.strideH : 1;
  const runsW = transposed ? g.strideW : 1;
  const stepH = transposed ? 1 : g.strideH;
  const stepW = transposed ? 1 : g.strideW;
  const direction = transposed ? -1 : 1;
  const low: f32 = !transposed && g.activation ? 0 : -Infinity;
  const high: f32 = !transposed && g.activation ? g.limit : Infinity;
  const outStep = runsW * pixel;
  const initStep = transposed ? outStep : 0;
  const srcRow = direction * srcW * pixel;
  const srcTap = direction * pixel;
  const wRow = runsH * g.kernelW * pixel;
  const wTap = runsW * pixel;

  for (let oy = 0; oy < outH; oy++) {
    const firstY = transposed ? (oy + g.padTop) % runsH : 0;
    const tapsH = (g.kernelH - firstY + runsH - 1) / runsH;
    const sy = transposed ? (oy + g.padTop - firstY) / runsH : oy * stepH - g.padTop;
    const y0 = transposed ? max(0, sy - srcH + 1) : max(0, -sy);
    const yEnd = transposed ? min(tapsH, sy + 1) : min(tapsH, srcH - sy);
    for (let run = 0; run < runsW; run++) {
      const firstX = transposed ? (run + g.padLeft) % runsW : 0;
      const tapsW = (g.kernelW - firstX + runsW - 1) / runsW;
      const base = transposed ? (run + g.padLeft - firstX) / runsW : -g.padLeft;
      // The last source position at which all taps are inside, and the first.
      const firstFull = transposed ? tapsW - 1 : 0;
      const lastFull = transposed ? srcW - 1 : srcW - tapsW;
      let sx = base;
      let ox = run;
      while (ox < outW) {
        const x0 = transposed ? max(0, sx - srcW + 1) : max(0, -sx);
        const xEnd = transposed ? min(tapsW, sx + 1) : min(tapsW, srcW - sx);
        let n = 1;
        if (sx >= firstFull && sx <= lastFull) n = min((lastFull - sx) / stepW, (outW - 1 - ox) / runsW) + 1;
        const at = (oy * outW + ox) * pixel;
        const initAt = transposed ? at : 0;
        outputs(
          out + at,
          outStep,
          init ? init + initAt : 0,
          initStep,
          src + ((sy + y0 * direction) * srcW + sx + x0 * direction) * pixel,
          stepW * pixel,
          w + ((firstY + y0 * runsH) * g.kernelW + firstX + x0 * runsW) * pixel,
          n,
          yEnd - y0,
          xEnd - x0,
          srcRow,
          srcTap,
          wRow,
          wTap,
          pixel,
          low,
          high,
        );
        sx += n * stepW;
        ox += n * runsW;
      }
    }
  }
}
