import type { Crew } from '../engine.js';

/** What the samples of one member add to the sums of a round. */
interface Message {
  call: number;
  round: number;
  samples: number[];
  parts: Uint8Array[];
}

/**
 * Instances in threads of their own that share the samples of a job, tied by a port from each to each. All of them run
 * the same calls, and so come to the same rounds; one may be a round ahead, and what it sends is kept.
 */
export class Threads implements Crew {
  readonly index: number;
  readonly count: number;
  readonly #ports: MessagePort[];
  #call = 0;
  #round = 0;
  /** What this member has of the round, and whether it has been sent. */
  #own: Message = { call: 0, round: 0, samples: [], parts: [] };
  #sent = false;
  #parts = new Map<number, Uint8Array>();
  #early: Message[] = [];
  #wake: (() => void) | undefined;

  constructor(index: number, ports: MessagePort[]) {
    this.index = index;
    this.count = ports.length + 1;
    this.#ports = ports;
    for (const port of ports) {
      port.onmessage = ({ data }: { data: Message }) => {
        this.#early.push(data);
        this.#wake?.();
      };
    }
  }

  /** Begins a call, whose number is the same in every member. What others have sent for earlier calls is dropped. */
  begin(call: number): void {
    this.#call = call;
    this.#enter(0);
  }

  share(sample: number, part: Uint8Array): void {
    if (this.#sent) this.#enter(this.#round + 1);
    this.#own.samples.push(sample);
    this.#own.parts.push(part);
  }

  part(sample: number): Uint8Array | undefined {
    if (!this.#sent) {
      for (const port of this.#ports) port.postMessage(this.#own);
      this.#early.push(this.#own);
      this.#sent = true;
    }
    if (this.#early.length) this.#take();
    return this.#parts.get(sample);
  }

  arrival(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wake = undefined;
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal?.addEventListener('abort', wake);
    });
  }

  #enter(round: number): void {
    this.#round = round;
    this.#own = { call: this.#call, round, samples: [], parts: [] };
    this.#sent = false;
    this.#parts.clear();
  }

  /** Sorts what has come: into this round, for later, or away. */
  #take(): void {
    const later: Message[] = [];
    for (const message of this.#early) {
      const rounds = message.call - this.#call || message.round - this.#round;
      if (rounds > 0) later.push(message);
      if (rounds === 0) for (const [i, sample] of message.samples.entries()) this.#parts.set(sample, message.parts[i]!);
    }
    this.#early = later;
  }
}
