import type { Crew } from '../job.js';

/** Something that one member hands on to another, in a call. */
interface Message {
  call: number;
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Instances in threads of their own that share the samples of a job, tied by a port from each to each. All run the same
 * calls, so that what comes from a member comes in the order in which it is asked for.
 */
export class Threads implements Crew {
  readonly index: number;
  readonly count: number;
  /** By member; this one has none. */
  readonly #ports: (MessagePort | undefined)[];
  readonly #inbox: Message[][];
  #call = 0;
  #wake: (() => void) | undefined;

  /** `ports` to the other members, in their order. */
  constructor(index: number, ports: readonly MessagePort[]) {
    this.index = index;
    this.count = ports.length + 1;
    this.#ports = [...ports.slice(0, index), undefined, ...ports.slice(index)];
    this.#inbox = this.#ports.map(() => []);
    for (const [member, port] of this.#ports.entries()) {
      if (!port) continue;
      port.onmessage = ({ data }: { data: Message }) => {
        this.#inbox[member]!.push(data);
        this.#wake?.();
      };
    }
  }

  /** Begins a call, whose number is the same in every member. What is left of earlier calls is dropped. */
  begin(call: number): void {
    this.#call = call;
  }

  share(to: number, bytes: Uint8Array<ArrayBuffer>): void {
    const ports = (to < 0 ? this.#ports : [this.#ports[to]]).filter((port) => port !== undefined);
    const message: Message = { call: this.#call, bytes };
    // The last one to get them may keep them; the others get copies.
    for (const port of ports.slice(0, -1)) port.postMessage(message);
    ports.at(-1)!.postMessage(message, [bytes.buffer]);
  }

  gather(from: number): Uint8Array | undefined {
    const inbox = this.#inbox[from]!;
    while (inbox.length && inbox[0]!.call < this.#call) inbox.shift();
    return inbox[0]?.call === this.#call ? inbox.shift()!.bytes : undefined;
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
}

/** A port from each of `count` threads to each other one: of every thread, its ends. */
export function portsBetween(count: number): MessagePort[][] {
  const ports: MessagePort[][] = Array.from({ length: count }, () => []);
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      const { port1, port2 } = new MessageChannel();
      ports[a]!.push(port1);
      ports[b]!.push(port2);
    }
  }
  return ports;
}
