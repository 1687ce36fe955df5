/**
 * Input gradient of a depthwise 3x3 kernel with stride 2 and a padding of 1 (SIMD only). Four values of dx read four of
 * dy; of the nine taps each is used once:
 *
 *     dy   d00 d01       dx   d00 w11                d00 w12 + d01 w10
 *          d10 d11            d00 w21 + d10 w01      d00 w22 + d01 w20 + d10 w02 + d11 w00
 *
 * A tile is two such squares side by side, of four channels: 6 loads of dy, 9 of weights, 18 products, 8 stores. As
 * stores stand between the loads, V8 can't move all of those to the front, where they would need too many registers.
 */
import { Geometry } from './geometry';
import { Lanes } from './math';

/** Whether the layer is such a one, and its channels fill registers. */
export function hasQuads(g: Geometry): bool {
  return (
    (g.inC & 3) == 0 &&
    ((g.kernelH ^ 3) | (g.kernelW ^ 3) | (g.strideH ^ 2) | (g.strideW ^ 2) | (g.padTop ^ 1) | (g.padLeft ^ 1)) == 0
  );
}

/** The first `rows` times `columns` squares (an even number of columns). dx, dy, w as in depthwise.ts. */
export function quads(dx: usize, dy: usize, w: usize, g: Geometry, rows: i32, columns: i32): void {
  const pixel = g.inC << 2;
  const outRow = g.inW * pixel;
  const zero = f32x4.splat(0);
  for (let i = 0; i < rows; i++) {
    let from = dy + i * g.outW * pixel;
    let to = dx + 2 * i * outRow;
    for (let j = 0; j < columns; j += 2) {
      for (let c = 0; c < pixel; c += 16) {
        let s = from + c;
        const d00 = v128.load(s);
        s += pixel;
        const d01 = v128.load(s);
        s += pixel;
        const d02 = v128.load(s);
        s = from + g.outW * pixel + c;
        const d10 = v128.load(s);
        s += pixel;
        const d11 = v128.load(s);
        s += pixel;
        const d12 = v128.load(s);
        const w0 = w + c;
        const w1 = w0 + 3 * pixel;
        const w2 = w1 + 3 * pixel;

        let u = v128.load(w1 + pixel);
        let at = to + c;
        v128.store(at, Lanes.mulAdd<v128>(zero, d00, u));
        at += 2 * pixel;
        v128.store(at, Lanes.mulAdd<v128>(zero, d01, u));

        u = v128.load(w1 + 2 * pixel);
        let v = v128.load(w1);
        at -= pixel;
        v128.store(at, Lanes.mulAdd<v128>(Lanes.mulAdd<v128>(zero, d00, u), d01, v));
        at += 2 * pixel;
        v128.store(at, Lanes.mulAdd<v128>(Lanes.mulAdd<v128>(zero, d01, u), d02, v));

        u = v128.load(w2 + pixel);
        v = v128.load(w0 + pixel);
        at = to + outRow + c;
        v128.store(at, Lanes.mulAdd<v128>(Lanes.mulAdd<v128>(zero, d00, u), d10, v));
        at += 2 * pixel;
        v128.store(at, Lanes.mulAdd<v128>(Lanes.mulAdd<v128>(zero, d01, u), d11, v));

        u = v128.load(w2 + 2 * pixel);
        v = v128.load(w2);
        let a = Lanes.mulAdd<v128>(Lanes.mulAdd<v128>(zero, d00, u), d01, v);
        let b = Lanes.mulAdd<v128>(Lanes.mulAdd<v128>(zero, d01, u), d02, v);
        u = v128.load(w0 + 2 * pixel);
        v = v128.load(w0);
        a = Lanes.mulAdd<v128>(Lanes.mulAdd<v128>(a, d10, u), d11, v);
        b = Lanes.mulAdd<v128>(Lanes.mulAdd<v128>(b, d11, u), d12, v);
        at -= pixel;
        v128.store(at, a);
        at += 2 * pixel;
        v128.store(at, b);
      }
      from += 2 * pixel;
      to += 4 * pixel;
    }
  }
}
