import type {
  AdaptReport,
  Classification,
  InspectReport,
  Progress,
  RawImage,
  Sample,
  SelectReport,
} from 'tinytrain/worker';
import { TinyTrain } from 'tinytrain/worker';
import type { Budgets } from './state.js';

export interface ModelOptions {
  mean?: number[];
  std?: number[];
}

/** One network; its jobs run one after the other. */
class Lane {
  #network: TinyTrain | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Puts another network in its place, once the jobs before have ended. */
  replace(network: TinyTrain): Promise<void> {
    const replaced = this.#last.then(() => {
      this.#network?.close();
      this.#network = network;
    });
    this.#last = replaced;
    return replaced;
  }

  run<T>(job: (network: TinyTrain) => T | Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (!this.#network) throw new Error('no model is loaded');
      return job(this.#network);
    });
    this.#last = result.catch(() => {});
    return result;
  }
}

/** What the same picture is to the network before and after adapting; null where there is no answer (yet). */
export interface Verdict {
  before: Classification | null;
  after: Classification | null;
}

/**
 * The model twice, each in a thread of its own: as it came, with prototypes alone, and as it is adapted. So both can be
 * asked at any moment.
 */
export class Networks {
  readonly #before = new Lane();
  readonly #after = new Lane();
  #selecting: AbortController | undefined;
  #training = false;
  #beforeReady = false;
  #afterReady = false;
  info!: InspectReport;
  readonly #thread: string;

  /** `thread` is the URL of the script that threads run. */
  constructor(thread: string) {
    this.#thread = thread;
  }

  /** Replaces the model; one that is refused changes nothing. */
  async load(bytes: Uint8Array, options: ModelOptions = {}): Promise<void> {
    this.#selecting?.abort();
    const worker = this.#thread;
    // One after the other: what the first refuses, the second needs not try.
    const after = await TinyTrain.load(bytes, { ...options, worker });
    const before = await TinyTrain.load(bytes, { ...options, worker });
    const info = await after.inspect();
    const channels = info.model.input[2];
    if (![1, 3, 4].includes(channels)) {
      before.close();
      after.close();
      throw new Error(`the network takes ${channels} channels: pictures have 1, 3 or 4`);
    }
    await Promise.all([this.#before.replace(before), this.#after.replace(after)]);
    this.#beforeReady = this.#afterReady = false;
    this.info = info;
  }

  /** Prototypes of the network as it came; with no samples, there are none. */
  async prototypes(support: Sample[]): Promise<boolean> {
    this.#beforeReady = false;
    if (support.length === 0) return false;
    await this.#before.run(async (network) => {
      await network.adapt(support, { method: 'none' });
      this.#beforeReady = true;
    });
    return true;
  }

  /** What would be trained; a later call puts an earlier one to an end (it gives undefined). */
  async select(
    support: Sample[],
    budgets: Budgets,
  ): Promise<{ plan: SelectReport; information: Record<string, Float32Array> } | undefined> {
    this.#selecting?.abort();
    const controller = new AbortController();
    this.#selecting = controller;
    const { signal } = controller;
    try {
      return await this.#after.run(async (network) => {
        signal.throwIfAborted();
        const plan = await network.select(support, { ...budgets, signal });
        return { plan, information: await network.information() };
      });
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  /** Adapts; the patch that comes out is in force. */
  async adapt(
    support: Sample[],
    budgets: Budgets,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<{ report: AdaptReport; patch: Uint8Array }> {
    this.#selecting?.abort();
    return this.#after.run(async (network) => {
      this.#training = true;
      try {
        const report = await network.adapt(support, { ...budgets, onProgress, signal });
        this.#afterReady = true;
        return { report, patch: await network.patch() };
      } finally {
        this.#training = false;
      }
    });
  }

  async apply(patch: Uint8Array): Promise<void> {
    await this.#after.run(async (network) => {
      await network.apply(patch);
      this.#afterReady = true;
    });
  }

  async reset(): Promise<void> {
    await this.#after.run(async (network) => {
      this.#afterReady = false;
      await network.reset();
    });
  }

  /** Asks both networks; the one that is being trained is not asked. */
  async classify(image: RawImage): Promise<Verdict> {
    // Asked when the network's turn has come: what is before in its queue may have taken the patch off.
    const ask = (lane: Lane, ready: () => boolean) =>
      lane.run(async (network) => (ready() ? network.classify(image) : null));
    const [before, after] = await Promise.all([
      ask(this.#before, () => this.#beforeReady),
      this.#training ? null : ask(this.#after, () => this.#afterReady),
    ]);
    return { before, after };
  }
}

/** Probabilities of the classes: softmax over temperature times cosine, as in training. */
export function confidence({ scores }: Classification, temperature = 10): Record<string, number> {
  const names = Object.keys(scores);
  const peak = Math.max(...Object.values(scores));
  const weights = names.map((name) => Math.exp(temperature * (scores[name]! - peak)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return Object.fromEntries(names.map((name, i) => [name, weights[i]! / sum]));
}
