import { SingleBar } from 'cli-progress';
import type { Progress } from '../types.js';
import type { Context } from './context.js';

/** A bar on stderr; nothing where stderr is not a terminal. */
export interface Bar {
  update(done: number, total: number, note?: string): void;
  stop(): void;
}

export function bar(context: Context, label: string): Bar {
  if (!context.terminal) return { update() {}, stop() {} };
  const single = new SingleBar({
    format: `${label} {bar} {value}/{total} {note}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    // Ctrl-C is handled once for the whole program, in main.ts.
    gracefulExit: false,
  } as ConstructorParameters<typeof SingleBar>[0]);
  let running = false;
  return {
    update(done, total, note = '') {
      if (!running) single.start(total, done, { note });
      running = true;
      single.setTotal(total);
      single.update(done, { note });
    },
    stop() {
      if (running) single.stop();
      running = false;
    },
  };
}

const PHASES = { fisher: 'Fisher pass', prefix: 'frozen layers', train: 'training' } as const;

/** The bar of one adaptation. */
export function adaptBar(context: Context): { onProgress: (progress: Progress) => void; stop: () => void } {
  let phase: Progress['phase'] | undefined;
  let current: Bar | undefined;
  return {
    onProgress(p) {
      if (p.phase !== phase) {
        current?.stop();
        phase = p.phase;
        current = bar(context, PHASES[p.phase].padEnd(13));
      }
      const loss = p.loss === undefined ? '' : `loss ${p.loss.toFixed(3)}`;
      if (p.phase === 'train' && p.iterations) current?.update(p.iteration ?? 0, p.iterations, loss);
      else current?.update(p.done, p.total);
    },
    stop: () => current?.stop(),
  };
}
