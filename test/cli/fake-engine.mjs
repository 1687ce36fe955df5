// A small stand-in for the engine, with the interface of TinyTrain: features are the mean of each channel, training moves
// nothing. Environment: FAKE_SLOW milliseconds an iteration, FAKE_ADAPT an error of adapt, FAKE_MARK a file that adapt
// makes. Plain JavaScript, because worker threads import it too.

import { writeFileSync } from 'node:fs';

const LAYERS = [
  {
    index: 0,
    name: 'stem',
    op: 'conv2d',
    kernel: [3, 3],
    stride: [2, 2],
    in: [8, 8, 3],
    out: [4, 4, 4],
    params: 112,
    macs: 1728,
    type: 'float32',
  },
  {
    index: 1,
    name: 'head',
    op: 'pointwise',
    kernel: [1, 1],
    stride: [1, 1],
    in: [4, 4, 4],
    out: [4, 4, 8],
    params: 40,
    macs: 512,
    type: 'float32',
  },
];

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls of the last session, for tests of what the command line passes on. */
export const calls = [];
/** What a test wants to change: milliseconds an iteration, an error to throw, the margin that the guard finds. */
export const behaviour = { slow: Number(process.env.FAKE_SLOW ?? 0), fail: undefined, margin: 0.3 };

export class TinyTrain {
  static async load(model, options = {}) {
    if (behaviour.fail) throw new Error(behaviour.fail);
    calls.push(['load', model, options]);
    const tt = new TinyTrain();
    tt.binary = 'scalar';
    tt.model = { name: 'fake', checksum: '0badcafe', input: [8, 8, 3], params: 152, macs: 2240, features: 3 };
    return tt;
  }

  inspect() {
    const { name, checksum, input, params, macs, features } = this.model;
    return {
      model: { name, checksum, input, params, macs, type: 'float32' },
      features,
      layers: LAYERS,
      totals: { layers: 2, params, macs, fullBackwardMacs: 3000 },
      memory: { modelBytes: 1024, inferenceBytes: 4096, fulltrainBackwardBytes: 20480 },
      preprocessing: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    };
  }

  information() {
    return {};
  }

  embed(image) {
    if (image instanceof Float32Array) return image.slice(0, 3);
    const sum = new Float32Array(3);
    const bytes = image.data.length / (image.width * image.height);
    for (let i = 0; i < image.data.length; i += bytes) for (let c = 0; c < 3; c++) sum[c] += image.data[i + c] + 1;
    return sum;
  }

  #report(support, options) {
    const { features, ...model } = this.model;
    const classes = [...new Set(support.map((s) => s.label))];
    const none = options.method === 'none';
    const trains = none ? 'nothing' : 'weights';
    return {
      model,
      task: { ways: classes.length, samples: support.length, classes },
      method: options.selection ? 'selection' : (options.method ?? 'tinytrain'),
      criterion: options.criterion ?? 'tinytrain',
      seed: options.seed ?? 0,
      budgets: { memoryBytes: 1 << 20, backwardMacs: 450 },
      layers: LAYERS.map(({ index, name, op, params, macs, out }) => {
        const chosen = index === 1 && !none;
        const selected = chosen ? [0, 2, 5] : [];
        const figures = { fisher: 0.01 * (index + 1), score: index + 0.5, channels: out[2] };
        return { index, name, op, params, macs, ...figures, selected, trains: chosen ? trains : 'nothing' };
      }),
      memory: { backwardBytes: none ? 0 : 3000, peakBytes: 9000 },
      macs: { forward: model.macs, backward: none ? 0 : 400, fullBackward: 3000, draw: none ? 0 : 400, adaptation: 0 },
      draws: ['deeptrain', 'thintrain'].includes(options.method) ? 9 : null,
      augment: { flip: false, crop: options.augment !== 'none' },
      binary: 'scalar',
    };
  }

  #prototypes(support) {
    this.prototypes = {};
    for (const { image, label } of support) {
      const f = this.embed(image);
      this.prototypes[label] = (this.prototypes[label] ?? [0, 0, 0]).map((x, i) => x + f[i]);
    }
  }

  async select(support, options = {}) {
    calls.push(['select', options]);
    return { ...this.#report(support, options), time: { fisherMs: 1 } };
  }

  async adapt(support, options = {}) {
    calls.push(['adapt', options]);
    if (process.env.FAKE_MARK) writeFileSync(process.env.FAKE_MARK, '');
    if (process.env.FAKE_ADAPT) throw new Error(process.env.FAKE_ADAPT);
    const iterations = options.method === 'none' ? 0 : (options.iterations ?? 40);
    const loss = [];
    for (let i = 0; i < iterations; i++) {
      if (behaviour.slow) await wait(behaviour.slow);
      options.signal?.throwIfAborted();
      loss.push(1 / (i + 1));
      options.onProgress?.({ phase: 'train', done: i, total: iterations, iteration: i + 1, iterations, loss: loss[i] });
    }
    this.#prototypes(support);
    return {
      ...this.#report(support, options),
      iterations,
      optimizer: options.optimizer ?? 'momentum',
      lr: options.lr ?? 0.003,
      temperature: options.temperature ?? 10,
      views: options.views ?? 1,
      loss,
      time: { fisherMs: 1, trainMs: 2, totalMs: 3 },
      patch: { bytes: this.patch().length, sha256: 'ab'.repeat(32) },
      guard: options.guard
        ? { before: 0.2, after: behaviour.margin, noise: 0.01, fallback: behaviour.margin < 0.18 }
        : null,
      fallback: options.guard === true && behaviour.margin < 0.18,
    };
  }

  classify(image) {
    const f = this.embed(image);
    const cosine = (p) => p.reduce((s, x, i) => s + x * f[i], 0) / Math.hypot(...p) / Math.hypot(...f);
    const scores = Object.fromEntries(Object.entries(this.prototypes).map(([name, p]) => [name, cosine(p)]));
    const label = Object.keys(scores).reduce((a, b) => (scores[b] > scores[a] ? b : a));
    return { label, scores };
  }

  /** Moves nothing, but says that it was asked. */
  async classifyTogether(images) {
    calls.push(['classifyTogether', images.length]);
    return images.map((image) => this.classify(image));
  }

  /** A .ttd with prototypes and names alone. */
  patch() {
    const names = Object.keys(this.prototypes);
    const text = new TextEncoder().encode(names.map((name) => `${name}\0`).join(''));
    const namesAt = (64 + names.length * 12 + 15) & ~15;
    const bytes = new Uint8Array((namesAt + text.length + 15) & ~15);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode('TTD1'));
    for (const [at, value] of [
      [24, names.length],
      [28, 3],
      [40, 64],
      [44, namesAt],
      [48, text.length],
    ]) {
      view.setUint32(at, value, true);
    }
    names.forEach((name, k) => {
      this.prototypes[name].forEach((x, i) => {
        view.setFloat32(64 + 4 * (k * 3 + i), x, true);
      });
    });
    bytes.set(text, namesAt);
    return bytes;
  }

  apply(patch) {
    if (patch[0] !== 84) throw new Error('not a patch (magic TTD1 expected)');
    const view = new DataView(patch.buffer, patch.byteOffset);
    const at = view.getUint32(44, true);
    const names = new TextDecoder()
      .decode(patch.subarray(at, at + view.getUint32(48, true)))
      .split('\0')
      .slice(0, -1);
    this.prototypes = Object.fromEntries(
      names.map((name, k) => [name, [0, 1, 2].map((i) => view.getFloat32(64 + 4 * (k * 3 + i), true))]),
    );
  }

  reset() {
    this.prototypes = undefined;
  }
}
