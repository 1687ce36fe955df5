/** A page that uses the package's bundles: what the test calls stands in `globalThis.page`. */

// Every memory that an engine gets, to see whether it grows.
const memories = [];
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const result = await instantiate(...args);
  memories.push((result.instance ?? result).exports.memory);
  return result;
};

const { TinyTrain } = await import('/package/browser/tinytrain.js');
const { TinyTrain: InThread } = await import('/package/browser/worker.js');
const CLASSES = { page: TinyTrain, thread: InThread };

const [{ width, height, support, queries }, pixels] = await Promise.all([
  fetch('/samples.json').then((answer) => answer.json()),
  fetch('/samples.bin').then((answer) => answer.arrayBuffer()),
]);
const bytes = width * height * 3;
const samples = (labels, first) =>
  labels.map((label, i) => ({
    image: { data: new Uint8Array(pixels, (first + i) * bytes, bytes), width, height },
    label,
  }));
const supportSet = samples(support, 0);
const querySet = samples(queries, support.length);

let tt;

/** Milliseconds of the longest time in which the page could not do anything else. */
function watch() {
  let [longest, last, running] = [0, performance.now(), true];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    // A beat every 4 ms: what takes longer is seen, and the processor is left to the training.
    if (running) setTimeout(() => port2.postMessage(0), 4);
  };
  port2.postMessage(0);
  return () => {
    running = false;
    port1.close();
    return longest;
  };
}

function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('patches', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('patches');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

globalThis.page = {
  async load(where, options) {
    tt?.close?.();
    tt = await CLASSES[where].load('default', options);
    return tt.binary;
  },

  /** Adapts; the checksum of the patch, and how long the page stood still. */
  async adapt(options) {
    let progress = 0;
    const stop = watch();
    const report = await tt.adapt(supportSet, { ...options, onProgress: () => progress++ });
    const longest = stop();
    return { patch: report.patch.sha256, loss: report.loss, ms: report.time.totalMs, longest, progress };
  },

  async abort(options) {
    const controller = new AbortController();
    let progress = 0;
    const running = tt.adapt(supportSet, {
      ...options,
      signal: controller.signal,
      onProgress: () => ++progress === 3 && controller.abort(),
    });
    return running.then(
      () => 'done',
      (error) => (error === controller.signal.reason ? error.name : error.message),
    );
  },

  async labels() {
    const labels = [];
    for (const { image } of querySet) labels.push((await tt.classify(image)).label);
    return labels;
  },

  together: () => tt.classifyTogether(querySet.map(({ image }) => image)),

  async save() {
    const patch = await tt.patch();
    const store = (await database()).transaction('patches', 'readwrite').objectStore('patches');
    await done(store.put(patch, 'last'));
    return patch.length;
  },

  async restore() {
    const store = (await database()).transaction('patches').objectStore('patches');
    await tt.apply(await done(store.get('last')));
  },

  /** Adapts so often, each time to a few samples; bytes of all memories of engines. */
  async repeat(times) {
    for (let i = 0; i < times; i++) {
      await tt.adapt(supportSet.slice(3, 7), { iterations: 1, seed: i });
      await tt.classify(querySet[0].image);
      await tt.patch();
    }
    return memories.map((memory) => memory.buffer.byteLength);
  },
};
