import { TinyTrain } from 'tinytrain';
import { TinyTrain as InThread } from 'tinytrain/worker';
import { job } from './job.js';

/** What the test calls, by how the package is used. */
globalThis.use = {
  page: (model, options) => job(TinyTrain, model, options),
  thread: (model, options) => job(InThread, model, options),
  ownWorker: (model, options) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./own-worker.js', import.meta.url), { type: 'module' });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage([new URL(model, location.href).href, options]);
    }),
  byUrl: (model) => job(TinyTrain, model, { module: new URL('tinytrain/tinytrain.simd.wasm', import.meta.url) }),
  compiled: async (url) => job(TinyTrain, 'model.ttm', { module: await WebAssembly.compileStreaming(fetch(url)) }),
  model: async (name) => (await TinyTrain.load(name)).model.name,
};
