/** The page on which memory is watched: tinytrain alone, in a worker. */
import { TinyTrain } from '/package/browser/tinytrain.js';
import { TinyTrain as InThread } from '/package/browser/worker.js';
import { fetchSamples } from './samples.mjs';

// Every memory that an engine of the page's own thread gets.
const memories = [];
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const result = await instantiate(...args);
  memories.push((result.instance ?? result).exports.memory);
  return result;
};

let engine;
let samples;

globalThis.memoryBench = {
  async load({ name, url }, where) {
    engine = await (where === 'page' ? TinyTrain : InThread).load(url, { binary: 'simd' });
    samples = await fetchSamples(name);
  },

  /** Adapts so often, each time with another seed. */
  async adapt(times, options, seed) {
    for (let i = 0; i < times; i++) {
      await engine.adapt(samples, { ...options, seed: seed + i });
      await engine.classify(samples[0].image);
      await engine.patch();
    }
    return memories.map(({ buffer }) => buffer.byteLength);
  },

  /** Bytes of the page with its workers, after a collection; undefined where the browser doesn't tell. */
  async bytes() {
    if (!performance.measureUserAgentSpecificMemory) return undefined;
    return (await performance.measureUserAgentSpecificMemory()).bytes;
  },
};
