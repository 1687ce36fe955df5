import type { Engine } from './engine.js';
import type { Crew } from './job.js';
import type { Task } from './task.js';
import type { AdaptOptions, Progress } from './types.js';

/** A job hands the thread back after so many milliseconds, so that a page stays alive. */
export const SLICE = 30;
/** Passes of the engine (assembly/engine/episode.ts) as a caller sees them; the first belong to what comes after. */
const PHASES: Progress['phase'][] = ['fisher', 'fisher', 'fisher', 'prefix', 'train', 'train'];

/** What a run of a job needs of the caller's options. */
export interface RunOptions {
  iterations: number;
  signal?: AbortSignal;
  onProgress?: AdaptOptions['onProgress'];
}

/** Lets others have the thread for a turn: by a message, since browsers make a timer in a row wait four milliseconds. */
export function turn(): Promise<void> {
  return new Promise((resume) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resume();
    };
    port2.postMessage(null);
  });
}

/** Steps the job that has begun to its end, in slices; returns the loss of every iteration. */
export async function runJob(engine: Engine, task: Task, options: RunOptions, crew?: Crew): Promise<number[]> {
  const { control } = engine;
  const { signal, onProgress, iterations } = options;
  const loss: number[] = [];
  const host = {
    sample: (index: number) => task.tensors[index]!,
    iteration: (value: number) => {
      loss.push(value);
    },
    crew,
  };
  signal?.throwIfAborted();
  let told = performance.now();
  while (!engine.pump(host, SLICE)) {
    // Instances that share samples wait several times an iteration, which is no news.
    if (!engine.waits || performance.now() - told >= SLICE) {
      const phase = loss.length ? 'train' : (PHASES[control.get('phase')] ?? 'train');
      const [done, total] = [control.get('done'), control.get('total')];
      onProgress?.({ phase, done, total, iteration: loss.length, iterations, loss: loss.at(-1) });
      told = performance.now();
    }
    await (engine.waits ? crew!.arrival(signal) : turn());
    signal?.throwIfAborted();
  }
  return loss;
}
