/**
 * A counter-based random generator: no state, every number is a function of (seed, stream, counter), so that a run
 * repeats in any order and on any machine. (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.)
 * `seed` is the caller's, a `stream` is one use of randomness (a sample of an iteration, say), `counter` the place
 * in it.
 */

/**
 * A permutation of the 32-bit integers in which each bit of x flips each bit of the result with probability near 1/2:
 * two rounds of xor-shift and multiplication, constants of Chris Wellons' search for the least bias
 * (hash-prospector, "16 21f0aaad 15 735a2d97 15", bias 0.107).
 */
function mix(x: u32): u32 {
  x = (x ^ (x >>> 16)) * 0x21f0aaad;
  x = (x ^ (x >>> 15)) * 0x735a2d97;
  return x ^ (x >>> 15);
}

/**
 * 32 random bits. One round of mixing for each argument, each of which is a permutation: two counters of one stream
 * never give the same bits. The constant (the golden ratio's fraction) keeps 0, 0, 0 from the fixed point of `mix`.
 */
export function hash32(seed: u32, stream: u32, counter: u32): u32 {
  return mix((mix((mix(seed + 0x9e3779b9) ^ stream) + 0x9e3779b9) ^ counter) + 0x9e3779b9);
}

/** A number uniform in [0, 1): the upper 24 bits of the hash, a multiple of 2^-24. */
export function uniform(seed: u32, stream: u32, counter: u32): f32 {
  return <f32>(hash32(seed, stream, counter) >>> 8) * (1.0 / 16777216.0);
}
