import type { AdaptOptions, RawImage } from '../../src/types.js';

/** What is adapted to what, and where: see job.mjs and struct job in job.h. */
export interface Job {
  model: Uint8Array;
  support: { image: RawImage; label: string }[];
  queries: { image: RawImage; label: string }[];
  options: AdaptOptions;
  linear?: number;
  engine?: string;
  board?: string;
  wasm?: string;
  peak?: number;
  ram?: number;
  stack?: number;
  flash?: number;
  store?: number;
  seconds?: number;
}

/** What a program prints (job.c), and its exit status. With `status` other than 0 there is a message and nothing else. */
export interface JobResult {
  exit: number;
  status: number;
  message?: string;
  sha256: string;
  patchBytes: number;
  right: number;
  queries: number;
  iterations: number;
  loss: number[];
  restarts: number;
  instructions: Record<'check' | 'probe' | 'fisher' | 'selection' | 'step' | 'adapt' | 'inference' | 'total', number>;
  highWater: Record<'linear' | 'runtimeHeap' | 'stack' | 'static' | 'store', number>;
  given: Record<'linear' | 'heap' | 'stack' | 'store', number>;
  backwardBytes: number;
  flash: Record<'code' | 'wasm' | 'model' | 'samples' | 'total', number>;
}

export function runNode(job: Job): Promise<{
  sha256: string;
  patchBytes: number;
  right: number;
  queries: number;
  loss: number[];
  peakBytes: number;
}>;
export function runJob(job: Job): Promise<JobResult>;
