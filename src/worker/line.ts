import { TinyTrainError } from '../status.js';
import type { Progress } from '../types.js';
import type { Channel, Host, WorkerChoice } from './channel.js';
import { fromWire, type Method, type Reply } from './protocol.js';

/** What a call wants to hear besides its result. */
export interface Hooks {
  progress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

interface Call extends Hooks {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The line to one thread: calls go out, results come back. */
export class Line {
  #channel!: Channel;
  #lost: Error | undefined;
  #calls = new Map<number, Call>();

  private constructor() {}

  static async open(host: Host, worker?: WorkerChoice): Promise<Line> {
    const line = new Line();
    line.#channel = await host.connect(
      { reply: (reply) => line.#reply(reply), failed: (error) => line.fail(error) },
      worker,
    );
    return line;
  }

  /** Calls a method of the thread's TinyTrain. `id` is the caller's, and no other call's that is under way. */
  call<T>(
    id: number,
    method: 'load' | Method,
    args: unknown[],
    transfer: (ArrayBuffer | MessagePort)[],
    hooks: Hooks,
  ): Promise<T> {
    const { signal } = hooks;
    const abort = () => this.#channel.post({ abort: id }, []);
    return new Promise<T>((resolve, reject) => {
      if (this.#lost) throw this.#lost;
      try {
        this.#channel.post({ id, method, args }, transfer);
      } catch (error) {
        throw new TinyTrainError(`this cannot be sent to the worker: ${(error as Error).message}`);
      }
      this.#calls.set(id, { ...hooks, resolve: resolve as Call['resolve'], reject });
      this.#channel.busy(true);
      signal?.addEventListener('abort', abort);
      if (signal?.aborted) abort();
    }).finally(() => {
      signal?.removeEventListener('abort', abort);
      this.#calls.delete(id);
      if (this.#calls.size === 0 && !this.#lost) this.#channel.busy(false);
    });
  }

  #reply(reply: Reply): void {
    const call = this.#calls.get(reply.id);
    if (!call) return;
    if ('progress' in reply) {
      try {
        call.progress?.(reply.progress);
      } catch (error) {
        // As without a worker: what the caller's function throws ends the job.
        call.progress = undefined;
        const { reject } = call;
        call.resolve = () => reject(error);
        call.reject = call.resolve;
        this.#channel.post({ abort: reply.id }, []);
      }
    } else if ('value' in reply) call.resolve(reply.value);
    else call.reject(reply.aborted && call.signal ? call.signal.reason : fromWire(reply.error));
  }

  /** Ends the thread. What still runs is refused. */
  fail(error: Error): void {
    if (this.#lost) return;
    this.#lost = error;
    this.#channel.close();
    for (const call of this.#calls.values()) call.reject(error);
  }
}
