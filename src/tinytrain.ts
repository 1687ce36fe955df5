import { chooseBinary, compileBinary } from './binary.js';
import { Engine, JOB } from './engine.js';
import { toTensor } from './image.js';
import { describe, type ModelInfo } from './inspect.js';
import { readModel, type StoredModel } from './model/ttm.js';
import { type CheckedOptions, CRITERIA, checkOptions } from './options.js';
import { EMBEDDED_MODELS, read } from './resources.js';
import { applySelection, methodSelection, reportLayers } from './selection.js';
import { TinyTrainError } from './status.js';
import { type Task, taskOf } from './task.js';
import type {
  AdaptOptions,
  AdaptReport,
  Classification,
  Criterion,
  ImageInput,
  InspectReport,
  LayerFigures,
  LoadOptions,
  Progress,
  Sample,
  SelectOptions,
  SelectReport,
} from './types.js';

const OPTIMIZER_CODE = { sgd: 0, momentum: 1, adam: 2 } as const;
/** Code of a criterion whose scores the host writes. */
const HOST_SCORES = 4;
const AUGMENT = { off: 0, on: 1, flip: 2 } as const;
/** Variants of a sample that are kept when nothing else is asked for. */
const VARIANTS = 8;
/** Share of the samples that may leave their class when mirrored, for mirroring to be allowed. */
const MIRROR_LOSS = 0.05;
/** A job hands the thread back after so many milliseconds, so that a page stays alive. */
const SLICE = 30;
const PHASES: Record<number, Progress['phase']> = { 2: 'fisher', 3: 'prefix' };

/** Options for models that are not `.ttm`: what an ONNX file doesn't say. */
export interface ImportOptions {
  mean?: number[];
  std?: number[];
  features?: string;
}

/**
 * A pre-trained network that can be adapted. One engine, one model; after `adapt` or `apply` it classifies by the
 * prototypes of the task. One job runs at a time.
 */
export class TinyTrain {
  readonly model: ModelInfo;
  readonly binary: 'scalar' | 'simd';
  readonly #engine: Engine;
  readonly #bytes: Uint8Array;
  readonly #stored: StoredModel;
  readonly #layers: InspectReport['layers'];
  /** The patch that the engine's weights hold, and its classes. */
  #patch: Uint8Array | undefined;
  #classes: string[] = [];
  #busy = false;

  private constructor(engine: Engine, bytes: Uint8Array, stored: StoredModel, binary: 'scalar' | 'simd') {
    this.#engine = engine;
    this.#bytes = bytes;
    this.#stored = stored;
    this.binary = binary;
    const { info, layers } = describe(stored);
    this.model = info;
    this.#layers = layers;
    engine.layerName = (layer) => layers[layer]?.name ?? String(layer);
    engine.open(bytes);
  }

  /**
   * Loads a model: bytes of a `.ttm` or `.onnx` file, a URL (in Node also the path of a file), or the name of an
   * embedded model (`default`). The bytes are kept, so that `reset` can restore every weight bit for bit.
   */
  static async load(
    model: string | URL | Uint8Array | ArrayBuffer,
    options: LoadOptions & ImportOptions = {},
  ): Promise<TinyTrain> {
    const binary = await chooseBinary(options.binary);
    const name = typeof model === 'string' || model instanceof URL ? String(model) : '';
    const source =
      model instanceof ArrayBuffer
        ? new Uint8Array(model)
        : model instanceof Uint8Array
          ? model
          : await read(EMBEDDED_MODELS[name] ?? model);
    let bytes = new Uint8Array(source);
    if (!(bytes[0] === 0x54 && bytes[1] === 0x54 && bytes[2] === 0x4d)) {
      const { importOnnx } = await import('./onnx/index.js');
      const base = name
        .split(/[\\/]/)
        .pop()
        ?.replace(/\.onnx$/i, '');
      const { mean, std, features } = options;
      bytes = importOnnx(bytes, { name: base || 'model', mean, std, features }).slice();
    }
    const stored = readModel(bytes);
    return new TinyTrain(await Engine.create(await compileBinary(binary)), bytes, stored, binary);
  }

  /** Layers, shapes, parameters, MACs and memory of the model. */
  inspect(): InspectReport {
    this.#idle();
    const { control } = this.#engine;
    this.#restored(() => {
      this.#engine.open(this.#bytes);
      this.#engine.begin(JOB.embed);
      this.#engine.stop();
      control.set('memoryBudget', 0xffffffff);
      control.set('optimizer', OPTIMIZER_CODE.sgd);
      control.set('variants', 0);
      control.set('augment', AUGMENT.off);
      applySelection(this.#engine, methodSelection('fulltrain', this.#layers), this.#layers);
      this.#engine.cost();
    });
    const inferenceBytes = control.get('inferenceBytes');
    return {
      model: {
        name: this.model.name,
        checksum: this.model.checksum,
        input: this.model.input,
        params: this.model.params,
        macs: this.model.macs,
      },
      features: this.model.features,
      layers: this.#layers,
      totals: {
        layers: this.#layers.length,
        params: this.model.params,
        macs: this.model.macs,
        fullBackwardMacs: control.get('fullMacs'),
      },
      memory: {
        modelBytes: this.#bytes.length,
        inferenceBytes,
        fulltrainBackwardBytes: control.get('backwardBytes'),
      },
      preprocessing: { mean: this.#stored.mean, std: this.#stored.std },
    };
  }

  /** What would be trained for this support set, and what it would cost; nothing is trained. */
  async select(support: readonly Sample[], options: SelectOptions = {}): Promise<SelectReport> {
    const checked = checkOptions(options);
    return this.#exclusive(async () => {
      const task = taskOf(support, (image) => this.#tensor(image));
      return this.#restoredAsync(() => this.#choose(task, checked));
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
      const task = taskOf(support, (image) => this.#tensor(image));
      return this.#restoredAsync(async () => {
        const { time, ...chosen } = await this.#choose(task, checked, options.onProgress);
        const trainBegun = performance.now();
        const loss: number[] = [];
        this.#engine.begin(JOB.train);
        await this.#run(task, checked, options.onProgress, loss);
        const patch = this.#engine.patch(task.classes);
        const { control } = this.#engine;
        const digest = await sha256(patch);
        this.#patch = patch;
        this.#classes = task.classes;
        const now = performance.now();
        return {
          ...chosen,
          memory: { backwardBytes: control.get('backwardBytes'), peakBytes: control.get('peakBytes') },
          iterations: checked.iterations,
          optimizer: checked.optimizer,
          lr: checked.lr,
          temperature: checked.temperature,
          loss,
          time: { fisherMs: time.fisherMs, trainMs: now - trainBegun, totalMs: now - begun },
          patch: { bytes: patch.length, sha256: digest },
        };
      });
    });
  }

  /** The class whose prototype has the highest cosine with the image's features, and all cosines. */
  classify(image: ImageInput): Classification {
    if (!this.#patch) throw new TinyTrainError('nothing to classify with: call adapt, or apply a patch, first');
    this.#forward(image);
    const values = this.#engine.floats('scoresPointer', this.#classes.length);
    let best = 0;
    for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k;
    const scores = Object.fromEntries(this.#classes.map((name, k) => [name, values[k]!]));
    return { label: this.#classes[best]!, scores };
  }

  /** The feature vector of an image under the current weights; spatial features in ONNX's order (channel, row, column). */
  embed(image: ImageInput): Float32Array {
    this.#forward(image);
    const values = this.#engine.floats('featuresPointer', this.model.features);
    const [height, width, channels] = this.#stored.operators.at(-1)!.out;
    if (height * width === 1) return values;
    const area = height * width;
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
    this.#engine.open(this.#bytes);
    try {
      this.#engine.apply(copy);
      this.#classes = classNames(copy);
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

  /** Fisher pass and selection, as far as the method needs them; leaves the selection in the engine. */
  async #choose(task: Task, options: CheckedOptions, onProgress?: AdaptOptions['onProgress']): Promise<SelectReport> {
    const engine = this.#engine;
    const { control } = engine;
    const begun = performance.now();
    engine.open(this.#bytes);
    engine.task(task.labels, task.classes.length);
    const dynamic = options.method === 'tinytrain' && !options.selection;
    control.set('iterations', options.iterations);
    control.set('optimizer', OPTIMIZER_CODE[options.optimizer]);
    control.set('lr', options.lr);
    control.set('temperature', options.temperature);
    control.set('seed', options.seed);
    control.set('variants', options.variants ?? VARIANTS);
    control.set('memoryBudget', dynamic ? options.memory : 0xffffffff);
    const trains = options.selection !== undefined || options.method !== 'none';
    const flip = trains && options.augment === 'auto' && (await this.#mirrors(task, options));
    control.set('augment', options.augment === 'none' ? AUGMENT.off : AUGMENT.on | (flip ? AUGMENT.flip : 0));
    const full = this.#fullBackwardMacs();
    const compute = 'macs' in options.compute ? options.compute.macs : Math.floor(options.compute.share * full);
    control.set('computeBudget', compute);
    if (dynamic) {
      engine.begin(JOB.fisher);
      await this.#run(task, options, onProgress);
      this.#score(options.criterion);
      engine.select();
    } else {
      if (options.method === 'sparseupdate' && !options.selection) {
        throw new TinyTrainError('method sparseupdate needs a selection: give a file with --selection');
      }
      const selection = options.selection ?? methodSelection(options.method as 'none', this.#layers);
      applySelection(engine, selection, this.#layers);
    }
    const fisherMs = performance.now() - begun;
    engine.begin(JOB.train);
    engine.stop();
    const { name, checksum, input, params, macs } = this.model;
    return {
      model: { name, checksum, input, params, macs },
      task: { ways: task.classes.length, samples: task.labels.length, classes: task.classes },
      method: options.selection && options.method !== 'sparseupdate' ? 'selection' : options.method,
      criterion: dynamic ? (typeof options.criterion === 'string' ? options.criterion : 'custom') : 'none',
      seed: options.seed,
      budgets: { memoryBytes: options.memory, backwardMacs: compute },
      layers: reportLayers(engine, this.#layers),
      memory: { backwardBytes: control.get('backwardBytes'), peakBytes: control.get('peakBytes') },
      macs: { forward: macs, backward: control.get('backwardMacs'), fullBackward: full },
      augment: { crop: options.augment !== 'none', flip },
      time: { fisherMs },
      binary: this.binary,
    };
  }

  /** Whether mirrored samples stay in their class, by prototypes made without the sample itself. */
  async #mirrors(task: Task, options: CheckedOptions): Promise<boolean> {
    const { control } = this.#engine;
    this.#engine.begin(JOB.probe);
    await this.#run(task, options);
    return control.get('probeMirrored') >= control.get('probePlain') - MIRROR_LOSS * task.labels.length;
  }

  #score(criterion: CheckedOptions['criterion']): void {
    const { control } = this.#engine;
    control.set('criterion', typeof criterion === 'string' ? CRITERIA.indexOf(criterion) : HOST_SCORES);
    this.#engine.score();
    if (typeof criterion === 'function') this.#customScores(criterion);
  }

  #customScores(criterion: Criterion): void {
    const figures: LayerFigures[] = [];
    for (const layer of this.#layers) {
      const { inspected, delta, fisher } = this.#engine.layer(layer.index, layer.out[2]);
      const { index, name, op, params, macs } = layer;
      if (inspected) figures.push({ index, name, op, params, macs, fisher, delta });
    }
    for (const figure of figures) {
      const score = criterion(figure, figures);
      if (typeof score !== 'number' || Number.isNaN(score)) {
        throw new TinyTrainError(`the criterion gave ${score} for layer '${figure.name}': it must give a number`);
      }
      this.#engine.setScore(figure.index, score);
    }
  }

  /** Steps the job that has begun to its end, in slices, so that the host's thread stays alive. */
  async #run(
    task: Task,
    options: CheckedOptions,
    onProgress?: AdaptOptions['onProgress'],
    loss: number[] = [],
  ): Promise<void> {
    const { control } = this.#engine;
    const host = {
      sample: (index: number) => task.tensors[index]!,
      iteration: (value: number) => {
        loss.push(value);
      },
    };
    options.signal?.throwIfAborted();
    while (!this.#engine.pump(host, SLICE)) {
      onProgress?.({
        phase: PHASES[control.get('phase')] ?? (loss.length || control.get('phase') > 3 ? 'train' : 'fisher'),
        done: control.get('done'),
        total: control.get('total'),
        iteration: loss.length,
        iterations: options.iterations,
        loss: loss.at(-1),
      });
      await new Promise((resume) => setTimeout(resume, 0));
      options.signal?.throwIfAborted();
    }
  }

  #forward(image: ImageInput): void {
    this.#idle();
    const tensor = this.#tensor(image);
    this.#engine.begin(JOB.embed);
    this.#engine.pump({ sample: () => tensor });
  }

  #tensor(image: ImageInput): Float32Array {
    return toTensor(image, this.model.input, this.#stored.mean, this.#stored.std);
  }

  #fullBackwardMacs(): number {
    const first = new Set(this.#stored.operators.filter((op) => op.input === 0).map((op) => op.name));
    return this.#layers.reduce((sum, layer) => sum + layer.macs * (first.has(layer.name) ? 1 : 2), 0);
  }

  /** Puts weights and prototypes of a patch back, or the original weights. */
  #restore(patch: Uint8Array | undefined): void {
    this.#engine.open(this.#bytes);
    if (patch) this.#engine.apply(patch);
    this.#patch = patch;
    this.#classes = patch ? classNames(patch) : [];
  }

  /** Runs something that changes the engine's state, and puts the state back. */
  #restored<T>(run: () => T): T {
    try {
      return run();
    } finally {
      this.#restore(this.#patch);
    }
  }

  /** Likewise; unless `run` has left a patch of its own. */
  async #restoredAsync<T>(run: () => Promise<T>): Promise<T> {
    const before = this.#patch;
    try {
      return await run();
    } finally {
      this.#engine.stop();
      if (this.#patch === before) this.#restore(before);
    }
  }

  async #exclusive<T>(run: () => Promise<T>): Promise<T> {
    this.#idle();
    this.#busy = true;
    try {
      return await run();
    } finally {
      this.#busy = false;
    }
  }

  #idle(): void {
    if (this.#busy) throw new TinyTrainError('an adaptation is running: wait for it, or abort it, first');
  }
}

/** Class names of a patch that the engine has accepted; as in a support set, no two are equal and none is empty. */
function classNames(patch: Uint8Array): string[] {
  const view = new DataView(patch.buffer, patch.byteOffset, patch.length);
  const at = view.getUint32(44, true);
  const text = new TextDecoder().decode(patch.subarray(at, at + view.getUint32(48, true)));
  const names = text.split('\0').slice(0, -1);
  if (new Set(names).size !== names.length || names.includes('')) {
    throw new TinyTrainError('not a usable patch: the names of its classes are not distinct');
  }
  return names;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, '0')).join('');
}
