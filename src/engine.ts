import { instantiate } from '@assemblyscript/loader';
import { ControlBlock, KIND, LAYER, LAYER_BYTES } from './control.js';
import { JOB, type JobHost, type TimedStep } from './job.js';
import {
  DONE,
  FETCH,
  GATHER,
  ITERATION,
  NEED_MEMORY,
  SAMPLE,
  SHARE,
  SLICE,
  STORE,
  statusError,
  TinyTrainError,
  YIELD,
} from './status.js';

/** What the binaries export (assembly/index.ts). */
interface Exports {
  memory: WebAssembly.Memory;
  __heap_base: WebAssembly.Global;
  control(): number;
  open(arena: number, bytes: number, resident: number): number;
  task(): number;
  begin(job: number): number;
  step(budget: number): number;
  stop(): void;
  score(): void;
  select(): number;
  cost(): number;
  patch_size(nameBytes: number): number;
  patch_write(at: number, names: number, nameBytes: number): void;
  patch_apply(at: number, bytes: number): number;
}

/** What is trained of one layer, as the engine's table holds it. */
export interface LayerState {
  kind: number;
  channels: number[];
  delta: Float32Array;
  fisher: number;
  score: number;
  inspected: boolean;
}

/** Steps run between two looks at the clock, at most; fewer where they take longer than some milliseconds. */
const STEPS = 64;
const LOOK_MS = 2;
const PAGE = 65536;

/**
 * One instance of the WebAssembly engine with one model in its arena. The host's whole part: it enlarges the memory
 * when the engine asks, hands over samples, keeps what the engine wants kept, and turns status codes into errors.
 */
export class Engine {
  readonly control: ControlBlock;
  readonly #exports: Exports;
  readonly #base: number;
  #kept: Uint8Array[] = [];
  #steps = 1;
  #model: Uint8Array = new Uint8Array();
  /** The instance that has to hand something on before the job goes on. */
  #missing: number | undefined;
  layerName: (layer: number) => string = String;
  /** How many samples' budgets of compute one way back may use up. */
  shared = 1;

  private constructor(exports: Exports) {
    this.#exports = exports;
    this.#base = (exports.__heap_base.value + 15) & ~15;
    this.control = new ControlBlock(exports.memory, exports.control());
  }

  static async create(module: WebAssembly.Module): Promise<Engine> {
    const { instance } = await instantiate(module);
    return new Engine(instance.exports as unknown as Exports);
  }

  get memory(): WebAssembly.Memory {
    return this.#exports.memory;
  }

  /** Address where the arena begins. */
  get base(): number {
    return this.#base;
  }

  /**
   * Puts a model into the arena and opens it; every weight is the file's again, and nothing is selected. With `outside`,
   * its weights stay here, and the engine asks for slices of them: the array must not change.
   */
  open(model: Uint8Array, outside = false): void {
    const resident = outside ? headBytes(model) : model.length;
    this.#grow(resident);
    new Uint8Array(this.memory.buffer).set(model.subarray(0, resident), this.#base);
    this.#model = model;
    this.control.set('ramBudget', 0);
    this.#call(() => this.#exports.open(this.#base, model.length, resident));
    this.#kept = [];
    if (!outside) return;
    this.begin(JOB.check);
    this.pump({ sample: () => new Float32Array() });
  }

  /** Declares the task: the class of each sample; so many of the last are queries, the others the support set. */
  task(labels: readonly number[], ways: number, queries = 0): void {
    this.control.set('ways', ways);
    this.control.set('queries', queries);
    this.control.set('samples', labels.length);
    this.#call(() => this.#exports.task());
    new Uint16Array(this.memory.buffer, this.control.get('labelsPointer'), labels.length).set(labels);
  }

  /** Lays out a job; figures of its plan are in the control block afterwards. */
  begin(job: number): void {
    this.#kept = [];
    this.#missing = undefined;
    this.#call(() => this.#exports.begin(job));
  }

  /** Features of a tensor under the present weights; where there are prototypes, their cosines are at `scoresPointer` then. */
  embed(tensor: Float32Array, features: number): Float32Array {
    this.begin(JOB.embed);
    this.pump({ sample: () => tensor });
    return this.floats('featuresPointer', features);
  }

  /** True if the job goes on only when another instance has handed on what it has. */
  get waits(): boolean {
    return this.#missing !== undefined;
  }

  /** Runs the job until it is done (true), or `milliseconds` have passed or it waits for another instance (false). */
  pump(host: JobHost, milliseconds = Number.POSITIVE_INFINITY): boolean {
    let now = performance.now();
    const end = now + milliseconds;
    for (;;) {
      if (this.waits && !this.#gather(host)) return false;
      const begun = now;
      const status = this.#exports.step(this.#steps);
      if (status === DONE) {
        this.#kept = [];
        return true;
      }
      if (status < 0) throw this.#error(status);
      this.#answer(status, host);
      now = performance.now();
      if (now - begun > LOOK_MS) this.#steps = Math.max(1, this.#steps >> 1);
      else if (status === YIELD) this.#steps = Math.min(STEPS, this.#steps * 2);
      if (now >= end && !this.waits) return false;
    }
  }

  /** Runs the job to its end step by step, and tells of each step how long it took. */
  profile(host: JobHost, spent: (step: TimedStep) => void): void {
    const { control } = this;
    for (;;) {
      const begun = performance.now();
      const status = this.#exports.step(1);
      const ms = performance.now() - begun;
      if (status < 0) throw this.#error(status);
      const [code, operator, phase] = [control.get('stepCode'), control.get('stepOperator'), control.get('phase')];
      spent({ code, operator, phase, ms, endsIteration: status === ITERATION });
      if (status === DONE) return;
      this.#answer(status, host);
    }
  }

  #answer(status: number, host: JobHost): void {
    if (status === YIELD) return;
    const { control } = this;
    if (status === ITERATION) {
      host.iteration?.(control.get('loss'));
      return;
    }
    const index = control.get('ioIndex');
    const bytes = new Uint8Array(this.memory.buffer, control.get('ioPointer'), control.get('ioBytes'));
    if (status === GATHER) this.#missing = index;
    else if (status === SHARE) host.crew!.share(index, bytes.slice());
    else if (status === SAMPLE) {
      const tensor = host.sample(index);
      bytes.set(new Uint8Array(tensor.buffer, tensor.byteOffset + control.get('ioOffset'), bytes.length));
    } else if (status === SLICE) bytes.set(this.#model.subarray(index, index + bytes.length));
    else if (status === STORE) this.#kept[index] = bytes.slice();
    else if (status === FETCH) bytes.set(this.#kept[index]!);
    else throw new TinyTrainError(`unknown answer ${status} of the engine`);
  }

  /** Hands over what the engine waits for of another instance; false if it has not come. */
  #gather(host: JobHost): boolean {
    const part = host.crew!.gather(this.#missing!);
    if (!part) return false;
    new Uint8Array(this.memory.buffer).set(part, this.control.get('ioPointer'));
    this.#missing = undefined;
    return true;
  }

  /** Gives the job up. */
  stop(): void {
    this.#kept = [];
    this.#missing = undefined;
    this.#exports.stop();
  }

  score(): void {
    this.#exports.score();
  }

  select(): void {
    this.#call(() => this.#exports.select());
  }

  /** Bytes and MACs of training what is selected, in the control block. */
  cost(): void {
    this.#call(() => this.#exports.cost());
  }

  /** State of a layer with `channels` output channels. */
  layer(index: number, channels: number): LayerState {
    const { buffer } = this.memory;
    const view = new DataView(buffer, this.#layerAt(index), LAYER_BYTES);
    const kind = view.getInt32(LAYER.kind, true);
    const count = kind === KIND.weights ? view.getInt32(LAYER.count, true) : 0;
    return {
      kind,
      channels: Array.from(new Uint16Array(buffer, view.getUint32(LAYER.channels, true), count)),
      delta: new Float32Array(buffer, view.getUint32(LAYER.delta, true), channels).slice(),
      fisher: view.getFloat32(LAYER.fisher, true),
      score: view.getFloat32(LAYER.score, true),
      inspected: view.getInt32(LAYER.inspected, true) === 1,
    };
  }

  setScore(index: number, score: number): void {
    new DataView(this.memory.buffer, this.#layerAt(index), LAYER_BYTES).setFloat32(LAYER.score, score, true);
  }

  /** Writes what is trained of a layer: nothing, its bias, or the channels of the list (rising). */
  setSelection(index: number, choice: 'none' | 'bias' | readonly number[]): void {
    const view = new DataView(this.memory.buffer, this.#layerAt(index), LAYER_BYTES);
    const list = typeof choice === 'string' ? [] : choice;
    view.setInt32(LAYER.kind, choice === 'none' ? KIND.frozen : choice === 'bias' ? KIND.bias : KIND.weights, true);
    view.setInt32(LAYER.count, list.length, true);
    new Uint16Array(this.memory.buffer, view.getUint32(LAYER.channels, true), list.length).set(list);
  }

  #layerAt(index: number): number {
    return this.control.get('layersPointer') + index * LAYER_BYTES;
  }

  /** Floats of the engine's memory, copied. */
  floats(pointer: 'featuresPointer' | 'scoresPointer' | 'prototypesPointer', count: number): Float32Array {
    return new Float32Array(this.memory.buffer, this.control.get(pointer), count).slice();
  }

  /** Replaces the prototypes, [ways][features]. */
  setPrototypes(values: Float32Array): void {
    new Float32Array(this.memory.buffer, this.control.get('prototypesPointer'), values.length).set(values);
  }

  /** The patch of what is trained, with the names of the classes; made where the job's activations were. */
  patch(classes: readonly string[]): Uint8Array {
    const names = namesOf(classes);
    const size = this.#exports.patch_size(names.length);
    const at = this.control.get('freePointer');
    const end = at + size + names.length;
    this.#grow(end - this.#base);
    this.control.set('peakBytes', Math.max(this.control.get('peakBytes'), end));
    new Uint8Array(this.memory.buffer).set(names, at + size);
    this.#exports.patch_write(at, at + size, names.length);
    return new Uint8Array(this.memory.buffer, at, size).slice();
  }

  /** Puts a patch into the model, whose weights must be the file's (`open`). */
  apply(patch: Uint8Array): void {
    this.#call(() => {
      const free = this.control.get('freePointer');
      this.#grow(Math.max(this.control.get('arenaBytes'), free - this.#base + patch.length));
      const at = (this.memory.buffer.byteLength - patch.length) & ~15;
      new Uint8Array(this.memory.buffer).set(patch, at);
      return this.#exports.patch_apply(at, patch.length);
    });
  }

  /** Calls until the memory is large enough; any other status below zero is an error. */
  #call(call: () => number): void {
    let status = call();
    for (let tries = 0; status === NEED_MEMORY && tries < 8; tries++) {
      this.#grow(this.control.get('needBytes'));
      status = call();
    }
    if (status < 0) throw this.#error(status);
  }

  /** Enlarges the memory to an arena of at least `bytes` bytes. */
  #grow(bytes: number): void {
    const { memory } = this;
    const missing = this.#base + bytes - memory.buffer.byteLength;
    if (missing > 0) {
      try {
        memory.grow(Math.ceil(missing / PAGE));
      } catch {
        throw new TinyTrainError(`the run needs ${bytes} bytes of memory, more than this host gives`);
      }
    }
    this.control.set('arenaBytes', memory.buffer.byteLength - this.#base);
  }

  #error(status: number): TinyTrainError {
    const { control } = this;
    return statusError(status, {
      detail: control.get('detail'),
      name: this.layerName,
      leastBytes: control.get('leastBytes'),
      leastMacs: Math.ceil(control.get('leastMacs') / this.shared),
      memoryBudget: control.get('memoryBudget'),
      computeBudget: Math.floor(control.get('computeBudget') / this.shared),
      needBytes: control.get('needBytes'),
      leastRam: control.get('leastRam'),
      ramBudget: control.get('ramBudget'),
    });
  }
}

/** Names of classes as a patch holds them, each with a zero byte behind it. */
export function namesOf(classes: readonly string[]): Uint8Array {
  return new TextEncoder().encode(classes.map((name) => `${name}\0`).join(''));
}

/** Bytes of a model before its weights; all of one that doesn't say so, which the engine will refuse. */
function headBytes(model: Uint8Array): number {
  const offset = new DataView(model.buffer, model.byteOffset, model.byteLength).getUint32(32, true);
  return Math.min(offset, model.length);
}
