import type { Engine } from '../node/engine.js';

/** What a command needs of the world around it; tests give their own. */
export interface Context {
  /** Writes to stdout: results alone. */
  out(text: string): void;
  /** Writes to stderr: errors and progress. */
  err(text: string): void;
  /** Whether stderr is a terminal, where a progress bar makes sense. */
  terminal: boolean;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  /** URL of the module that exports `TinyTrain`; worker threads import it too. */
  engineUrl: string;
  engine(): Promise<Engine>;
  importOnnx(): Promise<ImportOnnx>;
  /** The package's folder, with `demo/` and `selections/`. */
  root: URL;
}

export type ImportOnnx = (
  bytes: Uint8Array,
  options: { name: string; mean?: number[]; std?: number[]; features?: string },
) => Uint8Array;

/** One JSON document on stdout. */
export function printJson(context: Context, value: unknown): void {
  context.out(`${JSON.stringify(value)}\n`);
}

/** Ends a command that was interrupted before anything is written. */
export function checkInterrupt(context: Context): void {
  context.signal.throwIfAborted();
}
