/** Jobs of the engine: what they need of their host, and what they tell it. */

/** Codes of the jobs (assembly/engine/job.ts). */
export const JOB = { embed: 0, probe: 1, fisher: 2, train: 3, check: 4 } as const;

/** What a job needs of its host, and what it tells it. */
export interface JobHost {
  /** The preprocessed tensor of a sample. */
  sample(index: number): Float32Array;
  /** Called after each iteration with its loss. */
  iteration?(loss: number): void;
  /** The other instances, where they share the samples of the job. */
  crew?: Crew;
}

/** Instances of the engine that share the samples of a job (assembly/engine/share.ts), as one of them sees them. */
export interface Crew {
  /** Which of them this is, and how many there are. */
  readonly index: number;
  readonly count: number;
  /** Hands bytes on to a member, or (-1) to all others. */
  share(to: number, bytes: Uint8Array<ArrayBuffer>): void;
  /** The next bytes of a member; undefined as long as they have not come. */
  gather(from: number): Uint8Array | undefined;
  /** Resolves when something has come, or the signal is aborted. */
  arrival(signal?: AbortSignal): Promise<void>;
}

/** A step of a program as it ran: code and operator as in assembly/engine/program.ts, phase as in episode.ts there. */
export interface TimedStep {
  code: number;
  operator: number;
  phase: number;
  ms: number;
  endsIteration: boolean;
}
