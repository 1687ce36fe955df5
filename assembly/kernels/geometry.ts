/**
 * The sizes of a windowed operator: what every kernel of a layer takes besides its pointers.
 * It is the first block of an operator's record in a .ttm file (docs/formats.md), so that the engine
 * passes a pointer into the model and nothing is copied. Sixteen little-endian words:
 *
 *   0 inH   4 inW   8 inC   12 outH  16 outW  20 outC  24 kernelH 28 kernelW
 *  32 strideH 36 strideW 40 padTop 44 padLeft 48 padBottom 52 padRight 56 activation 60 limit
 *
 * Images are NHWC with N = 1: element (y, x, c) of the input is at ((y * inW + x) * inC + c) * 4.
 * Kernels trust these numbers: the model reader has checked them.
 */
@unmanaged
export class Geometry {
  inH: i32;
  inW: i32;
  inC: i32;
  outH: i32;
  outW: i32;
  outC: i32;
  kernelH: i32;
  kernelW: i32;
  strideH: i32;
  strideW: i32;
  padTop: i32;
  padLeft: i32;
  padBottom: i32;
  padRight: i32;
  /** 0: none; 1: ReLU clipped to [0, limit]. */
  activation: i32;
  /** Upper limit of the activation: 6 for ReLU6, +infinity for ReLU. */
  limit: f32;
}
