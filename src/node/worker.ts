/** The API of `tinytrain/worker` for Node: the thread is one of worker_threads. */
import { type Transferable, Worker } from 'node:worker_threads';
import { TinyTrainError } from '../status.js';
import { setHost } from '../worker/client.js';
import './index.js';

setHost({
  async connect(listener) {
    // Not the flags of the process: some (--input-type) are refused for a file.
    const worker = new Worker(new URL('./thread.js', import.meta.url), { execArgv: [] });
    worker.on('message', (reply) => listener.reply(reply));
    worker.on('error', (error) => listener.failed(error));
    worker.on('exit', (code) => listener.failed(new TinyTrainError(`the worker ended with status ${code}`)));
    return {
      post: (request, transfer) => worker.postMessage(request, transfer as Transferable[]),
      busy: (busy) => (busy ? worker.ref() : worker.unref()),
      close: () => void worker.terminate(),
    };
  },
  base: () => undefined,
});

export * from '../worker/index.js';
