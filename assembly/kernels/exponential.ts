/**
 * e^x and log x of single precision, to about two units in the last place: plain f32 arithmetic in one order, so that
 * every machine gets the same bits. The standard library's are twice the size.
 */
const LOG2_E: f32 = 1.44269504;
/** ln 2 as a number of few bits, whose multiples are exact, and what is missing. */
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444e-4;
/** sqrt(1/2), as bits. */
const ROOT_HALF: i32 = 0x3f3504f3;

/** e^x for x up to 88; 0 below -87, where the result would be no normal number; NaN of NaN. */
export function exponential(x: f32): f32 {
  if (x < -87) return 0;
  const n: f32 = nearest(x * LOG2_E);
  // x = n ln 2 + r with |r| at most ln 2 / 2, and e^x = 2^n e^r: Taylor's series, whose next term is below 1.2e-7.
  const r: f32 = x - n * LN2_HIGH - n * LN2_LOW;
  const sixth: f32 = 1.0 / 720;
  const fifth: f32 = 1.0 / 120;
  const fourth: f32 = 1.0 / 24;
  const third: f32 = 1.0 / 6;
  const series: f32 = 1 + r * (1 + r * (<f32>0.5 + r * (third + r * (fourth + r * (fifth + r * sixth)))));
  return series * reinterpret<f32>((<i32>n + 127) << 23);
}

/** log x of a normal number above 0; NaN of NaN. */
export function logarithm(x: f32): f32 {
  const bits = reinterpret<i32>(x);
  // x = m 2^e with m from sqrt(1/2) to sqrt(2), and log m = 2 artanh s.
  const e = (bits - ROOT_HALF) >> 23;
  const m = reinterpret<f32>(bits - (e << 23));
  const s: f32 = (m - 1) / (m + 1);
  const z: f32 = s * s;
  const third: f32 = 1.0 / 3;
  const fifth: f32 = 1.0 / 5;
  const seventh: f32 = 1.0 / 7;
  const n = <f32>e;
  return n * LN2_HIGH + (n * LN2_LOW + 2 * s * (1 + z * (third + z * (fifth + z * seventh)))) + (x - x);
}
