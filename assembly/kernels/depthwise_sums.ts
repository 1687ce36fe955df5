/**
 * Where the weight gradient's sums go (SIMD only): a register holds one tap of four channels, but a channel's taps lie
 * together in dw. The sums of all taps are kept here, then four by four turned round and added.
 */

/** Taps that there is room for. */
export const SUMS: i32 = 128;

/** Two registers of channels: [2][SUMS] registers. */
export const sums: usize = ASC_FEATURE_SIMD ? memory.data(4096, 16) : 0;

/**
 * Adds the sums of four channels; those whose bit is set in `wanted` have a row of dw. Returns the row behind these.
 * dw: [wanted channels][area], from: [area] registers
 */
export function addSums(dw: usize, from: usize, area: i32, wanted: i32): usize {
  const filter = (<usize>area) << 2;
  let done = 0;
  if (wanted == 15) {
    const dw2 = dw + 2 * filter;
    for (; done + 4 <= area; done += 4) {
      const t0 = v128.load(from);
      const t1 = v128.load(from, 16);
      const t2 = v128.load(from, 32);
      const t3 = v128.load(from, 48);
      const low0 = v128.shuffle<f32>(t0, t1, 0, 4, 1, 5);
      const low1 = v128.shuffle<f32>(t2, t3, 0, 4, 1, 5);
      const high0 = v128.shuffle<f32>(t0, t1, 2, 6, 3, 7);
      const high1 = v128.shuffle<f32>(t2, t3, 2, 6, 3, 7);
      const at = (<usize>done) << 2;
      add(dw + at, v128.shuffle<f64>(low0, low1, 0, 2));
      add(dw + at + filter, v128.shuffle<f64>(low0, low1, 1, 3));
      add(dw2 + at, v128.shuffle<f64>(high0, high1, 0, 2));
      add(dw2 + at + filter, v128.shuffle<f64>(high0, high1, 1, 3));
      from += 64;
    }
  }
  for (let lane = 0; lane < 4; lane++) {
    if (wanted & (1 << lane)) {
      let sum = from + (lane << 2);
      for (let t = done; t < area; t++) {
        const at = dw + ((<usize>t) << 2);
        store<f32>(at, load<f32>(at) + load<f32>(sum));
        sum += 16;
      }
      dw += filter;
    }
  }
  return dw;
}

function add(at: usize, values: v128): void {
  v128.store(at, f32x4.add(v128.load(at), values));
}
