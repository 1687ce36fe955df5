import { TinyTrainError } from '../status.js';
import type { Reply, Request } from './protocol.js';

/** The line to a thread. */
export interface Channel {
  post(request: Request, transfer: (ArrayBuffer | MessagePort)[]): void;
  /** Whether an answer is awaited: an idle thread doesn't keep a process alive. */
  busy(busy: boolean): void;
  close(): void;
}

/** What the page's side does with what comes. */
export interface Listener {
  reply(reply: Reply): void;
  /** The thread is lost. */
  failed(error: Error): void;
}

/** Where the thread's script is, or the worker that runs it; the package finds its own where nothing is said. */
export type WorkerChoice = URL | string | Worker;

/** What differs between browsers and Node. */
export interface Host {
  connect(listener: Listener, worker?: WorkerChoice): Promise<Channel>;
  /** What relative URLs of models are relative to. */
  base(): string | undefined;
}

/** Hosts with Web Workers. */
export const browser: Host = {
  async connect(listener, worker) {
    if (typeof Worker === 'undefined') {
      throw new TinyTrainError('this host has no Web Workers: import tinytrain instead of tinytrain/worker');
    }
    return attach(await (worker === undefined ? start() : ready(given(worker))), listener);
  },
  base: () => globalThis.document?.baseURI ?? globalThis.location?.href,
};

/** The package's own thread: as a file; or from memory, where a bundler left the file behind or it is of another server. */
async function start(): Promise<Worker> {
  try {
    return await ready(() => new Worker(new URL('./thread.js', import.meta.url), { type: 'module' }));
  } catch {
    const { source } = await import('./inline.js');
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    try {
      return await ready(() => new Worker(url));
    } catch {
      throw new TinyTrainError(
        "the worker cannot be started: serve the package's browser/thread.js from the page's own server and give load its URL as `worker`, or allow 'blob:' in worker-src of the page's policy",
      );
    } finally {
      URL.revokeObjectURL(url);
    }
  }
}

function given(worker: WorkerChoice): () => Worker {
  return () => (worker instanceof Worker ? worker : new Worker(worker, { type: 'module' }));
}

/** A worker that has answered. */
function ready(create: () => Worker): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = create();
    worker.onmessage = () => resolve(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      reject(new TinyTrainError(`the worker cannot be started: ${event.message || 'its script cannot be loaded'}`));
    };
    worker.postMessage({ id: 0, method: 'ping', args: [] } satisfies Request);
  });
}

function attach(worker: Worker, listener: Listener): Channel {
  worker.onmessage = ({ data }) => listener.reply(data);
  worker.onerror = (event) => {
    event.preventDefault();
    listener.failed(new TinyTrainError(`the worker failed: ${event.message}`));
  };
  worker.onmessageerror = () => listener.failed(new TinyTrainError('the worker sent what cannot be read'));
  return {
    post: (request, transfer) => worker.postMessage(request, transfer),
    busy: () => {},
    close: () => worker.terminate(),
  };
}
