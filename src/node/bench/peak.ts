import { inflate } from '../../binary.js';
import type { Binary } from '../../types.js';

/** Exports of assembly/probe.ts. */
interface Probe {
  width(): number;
  probe(rounds: number, u: number, v: number): number;
}

const PROBES = {
  scalar: () => import('../../wasm/probe.js'),
  simd: () => import('../../wasm/probe-simd.js'),
  relaxed: () => import('../../wasm/probe-relaxed.js'),
};
const ROUNDS = 100_000;
const TRIES = 40;

/**
 * Highest number of multiply-accumulates a second of a binary's kind of code on this machine, in thousand millions: the
 * best of many short tries, as what else runs on the machine can only take from it.
 */
export async function peakGmacs(binary: Binary): Promise<number> {
  const { deflated } = await PROBES[binary]();
  const { instance } = await WebAssembly.instantiate(await inflate(deflated));
  const { width, probe } = instance.exports as unknown as Probe;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES; i++) {
    const begun = performance.now();
    probe(ROUNDS, 0.999, 0.001);
    best = Math.min(best, performance.now() - begun);
  }
  return (width() * ROUNDS) / best / 1e6;
}
