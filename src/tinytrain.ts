import { choose, crewFor, type Loaded } from './choose.js';
import { toTensor } from './image.js';
import { inspect, type ModelInfo } from './inspect.js';
import { JOB } from './job.js';
import { type ImportOptions, loadModel } from './load.js';
import type { StoredModel } from './model/ttm.js';
import { type CheckedOptions, checkOptions } from './options.js';
import { classNames, sha256, viewsOf, withViews } from './patchfile.js';
import { runJob } from './run.js';
import { TinyTrainError } from './status.js';
import { type Task, taskOf } from './task.js';
import type {
  AdaptOptions,
  AdaptReport,
  Binary,
  Classification,
  ImageInput,
  InspectReport,
  LoadOptions,
  Sample,
  SelectOptions,
  SelectReport,
} from './types.js';
import { cosine, featuresOfViews } from './views.js';

/**
 * A pre-trained network that can be adapted. One engine, one model; after `adapt` or `apply` it classifies by the
 * prototypes of the task. One job runs at a time.
 */
export class TinyTrain {
  readonly model: ModelInfo;
  readonly binary: Binary;
  readonly #loaded: Loaded;
  readonly #stored: StoredModel;
  /** The patch that the engine's weights hold, and its classes. */
  #patch: Uint8Array | undefined;
  #classes: string[] = [];
  /** By how many views of a picture it classifies. */
  #views = 1;
  #delta: Record<string, Float32Array> = {};
  #busy = false;

  private constructor(loaded: Loaded, stored: StoredModel) {
    this.#loaded = loaded;
    this.#stored = stored;
    this.model = loaded.info;
    this.binary = loaded.binary;
    loaded.engine.layerName = (layer) => loaded.layers[layer]?.name ?? String(layer);
    loaded.engine.open(loaded.bytes);
  }

  /**
   * Loads a model: bytes of a `.ttm` or `.onnx` file, a URL (in Node also the path of a file), or the name of an
   * embedded model (`default`). The bytes are kept, so that `reset` can restore every weight bit for bit.
   */
  static async load(
    model: string | URL | Uint8Array | ArrayBuffer,
    options: LoadOptions & ImportOptions = {},
  ): Promise<TinyTrain> {
    const { loaded, stored } = await loadModel(model, options);
    return new TinyTrain(loaded, stored);
  }

  /** Layers, shapes, parameters, MACs and memory of the model. */
  inspect(): InspectReport {
    this.#idle();
    try {
      return inspect(this.#loaded, this.#stored);
    } finally {
      this.#restore(this.#patch);
    }
  }

  /** What would be trained for this support set, and what it would cost; nothing is trained. */
  async select(support: readonly Sample[], options: SelectOptions = {}): Promise<SelectReport> {
    const checked = checkOptions(options);
    return this.#exclusive(async () => {
      const report = await choose(this.#loaded, this.#task(support), checked);
      this.#keepInformation();
      return report;
    });
  }

  /**
   * Adapts the network to the support set and keeps the result for `classify`; starts from the original weights, not
   * from those of an earlier adaptation. If it is aborted or fails, what was there before is there again.
   */
  async adapt(support: readonly Sample[], options: AdaptOptions = {}): Promise<AdaptReport> {
    const checked = checkOptions(options);
    return this.#exclusive(async () => {
      const begun = performance.now();
      const task = this.#task(support);
      const { time, ...chosen } = await choose(this.#loaded, task, checked);
      this.#keepInformation();
      const { engine } = this.#loaded;
      const crew = crewFor(this.#loaded, task, checked);
      const trains = checked.iterations > 0 && chosen.layers.some((layer) => layer.trains !== 'nothing');
      const guarded = trains && checked.guard;
      // Only who asks for the guard loads it.
      const { compare, margins } = guarded ? await import('./guard.js') : {};
      const look = () => margins!(engine, task, this.model.input, this.model.features, { ...checked, crew });
      const before = guarded ? await look() : [];
      const trainBegun = performance.now();
      const { loss, patch: own } = await this.#train(task, checked);
      let patch = own;
      const trained = performance.now();
      const peakBytes = engine.control.get('peakBytes');
      const guard = guarded ? compare!(before, await look()) : null;
      const fallback = guard?.fallback === true;
      if (fallback) patch = await this.#unadapted(task, checked);
      this.#patch = patch;
      this.#classes = task.classes;
      this.#views = checked.views;
      const { iterations, optimizer, lr, temperature, views } = checked;
      return {
        ...chosen,
        ...(fallback && {
          layers: chosen.layers.map((layer) => ({ ...layer, selected: [], trains: 'nothing' as const })),
        }),
        memory: { ...chosen.memory, peakBytes },
        iterations,
        optimizer,
        lr,
        temperature,
        views,
        loss,
        time: { fisherMs: time.fisherMs, trainMs: trained - trainBegun, totalMs: performance.now() - begun },
        patch: { bytes: patch.length, sha256: await sha256(patch) },
        guard,
        fallback,
      };
    });
  }

  /** Fisher information Δ of the channels of every layer that the last `select` or `adapt` inspected, by layer. */
  information(): Record<string, Float32Array> {
    return Object.fromEntries(Object.entries(this.#delta).map(([name, delta]) => [name, delta.slice()]));
  }

  /** The class whose prototype has the highest cosine with the image's features, and all cosines. */
  classify(image: ImageInput): Classification {
    const ways = this.#ways();
    this.#idle();
    if (this.#views > 1) {
      const features = this.#features(image);
      return this.#named(Float32Array.from(this.#prototypes(), (prototype) => cosine(features, prototype)));
    }
    this.#forward(image);
    return this.#named(this.#loaded.engine.floats('scoresPointer', ways));
  }

  /**
   * Classifies images of one task at once, for which the prototypes move towards the images that they claim
   * (src/together.ts): more accurate where there are many, but the answer to each depends on all. The prototypes that are
   * kept stay what they are. The images must not change until the promise is fulfilled.
   */
  async classifyTogether(images: readonly ImageInput[]): Promise<Classification[]> {
    this.#ways();
    if (!Array.isArray(images)) throw new TinyTrainError('classifyTogether takes a list of images');
    return this.#exclusive(async () => {
      const { scoresOfAll } = await import('./together.js');
      const scores = await scoresOfAll(images.length, (i) => this.#features(images[i]), this.#prototypes());
      return scores.map((cosines) => this.#named(cosines));
    });
  }

  /** The feature vector of an image under the current weights; spatial features in ONNX's order (channel, row, column). */
  embed(image: ImageInput): Float32Array {
    const values = this.#forward(image);
    const [height, width, channels] = this.#stored.operators.at(-1)!.out;
    const area = height * width;
    if (area === 1) return values;
    return values.map((_, i) => values[(i % area) * channels + Math.floor(i / area)]!);
  }

  /** The patch of the last adaptation (or the one applied). */
  patch(): Uint8Array {
    if (!this.#patch) throw new TinyTrainError('there is no patch: call adapt first');
    return this.#patch.slice();
  }

  /** Applies a patch to the original weights. A patch that is refused changes nothing. */
  apply(patch: Uint8Array): void {
    this.#idle();
    const copy = new Uint8Array(patch);
    const before = this.#patch;
    this.#loaded.engine.open(this.#loaded.bytes);
    try {
      this.#loaded.engine.apply(copy);
      // Both may refuse it.
      const [classes, views] = [classNames(copy), viewsOf(copy)];
      this.#classes = classes;
      this.#views = views;
    } catch (error) {
      this.#restore(before);
      throw error;
    }
    this.#patch = copy;
  }

  /** Takes every adaptation off: the weights are the file's again, bit for bit. */
  reset(): void {
    this.#idle();
    this.#restore(undefined);
  }

  #task(support: readonly Sample[]) {
    return taskOf(support, (image) => this.#tensor(image));
  }

  #tensor(image: ImageInput): Float32Array {
    return toTensor(image, this.model.input, this.#stored.mean, this.#stored.std);
  }

  /** The patch of prototypes alone, from the original weights; it is what the engine holds then. */
  async #unadapted(task: Task, options: CheckedOptions): Promise<Uint8Array> {
    const none = { ...options, method: 'none' as const, selection: undefined, onProgress: undefined };
    await choose(this.#loaded, task, none);
    return (await this.#train(task, none)).patch;
  }

  /** Trains what is selected: the patch, with prototypes of the adapted network, and the loss of every iteration. */
  async #train(task: Task, options: CheckedOptions): Promise<{ patch: Uint8Array; loss: number[] }> {
    const { engine } = this.#loaded;
    const { views, signal } = options;
    const crew = crewFor(this.#loaded, task, options);
    engine.begin(JOB.train);
    const loss = await runJob(engine, task, options, crew);
    if (views > 1) {
      // Only who asks for more views loads what makes their prototypes.
      const { addViewsToPrototypes } = await import('./prototypes.js');
      const { input, features } = this.model;
      await addViewsToPrototypes(engine, task, input, features, views, { signal, crew });
    }
    return { patch: withViews(engine.patch(task.classes), views), loss };
  }

  /** Number of classes; an error where there are none. */
  #ways(): number {
    if (!this.#patch) throw new TinyTrainError('nothing to classify with: call adapt, or apply a patch, first');
    return this.#classes.length;
  }

  #prototypes(): Float32Array[] {
    const { features } = this.model;
    const all = this.#loaded.engine.floats('prototypesPointer', this.#classes.length * features);
    return this.#classes.map((_, k) => all.subarray(k * features, (k + 1) * features));
  }

  /** Features of an image by as many views as the patch says, but for a factor. */
  #features(image: ImageInput): Float64Array {
    const { input, features } = this.model;
    return featuresOfViews(this.#loaded.engine, this.#tensor(image), input, features, this.#views);
  }

  /** Cosines with the prototypes by the names of the classes, and the name of the highest. */
  #named(cosines: Float32Array): Classification {
    let best = 0;
    for (let k = 1; k < cosines.length; k++) if (cosines[k]! > cosines[best]!) best = k;
    const scores = Object.fromEntries(this.#classes.map((name, k) => [name, cosines[k]!]));
    return { label: this.#classes[best]!, scores };
  }

  /** Features of an image, as the engine has them. */
  #forward(image: ImageInput): Float32Array {
    this.#idle();
    return this.#loaded.engine.embed(this.#tensor(image), this.model.features);
  }

  #keepInformation(): void {
    const { engine, layers } = this.#loaded;
    const states = layers.map((layer) => ({ name: layer.name, ...engine.layer(layer.index, layer.out[2]) }));
    this.#delta = Object.fromEntries(states.filter((s) => s.inspected).map((s) => [s.name, s.delta]));
  }

  /** Puts weights and prototypes of a patch back, or the original weights. */
  #restore(patch: Uint8Array | undefined): void {
    this.#loaded.engine.open(this.#loaded.bytes);
    if (patch) this.#loaded.engine.apply(patch);
    this.#patch = patch;
    this.#classes = patch ? classNames(patch) : [];
    this.#views = patch ? viewsOf(patch) : 1;
  }

  /** Runs a job alone; unless it leaves a patch of its own, what was there before is put back. */
  async #exclusive<T>(run: () => Promise<T>): Promise<T> {
    this.#idle();
    this.#busy = true;
    const before = this.#patch;
    try {
      return await run();
    } finally {
      this.#busy = false;
      this.#loaded.engine.stop();
      if (this.#patch === before) this.#restore(before);
    }
  }

  #idle(): void {
    if (this.#busy) throw new TinyTrainError('an adaptation is running: wait for it, or abort it, first');
  }
}
