import { provideBinary } from '../binary.js';
import type { ModelInfo } from '../inspect.js';
import type { ImportOptions } from '../load.js';
import { checkOptions, integer, OptionError } from '../options.js';
import { locate } from '../resources.js';
import { TinyTrainError } from '../status.js';
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
} from '../types.js';
import { browser, type Host, type WorkerChoice } from './channel.js';
import { portsBetween } from './crew.js';
import { type Hooks, Line } from './line.js';
import { type Method, wholeBuffers } from './protocol.js';

let host = browser;

/** Replaces how threads are started: Node's entry uses its own. */
export function setHost(other: Host): void {
  host = other;
}

export interface WorkerLoadOptions extends LoadOptions, ImportOptions {
  /** The thread's script (`browser/thread.js` of the package), or a worker that runs it, where it isn't found by itself. */
  worker?: WorkerChoice;
  /**
   * Threads that share the samples of every iteration, each with an engine and the model in its memory. The result is that
   * of one thread, bit for bit; with a limit of all of the memory (`ram`), one thread works. Default: 1.
   */
  workers?: number;
}

export interface TransferOptions {
  /** Hands the images' memory over instead of copying it: the caller's arrays are empty afterwards. */
  transfer?: boolean;
}

/**
 * The TinyTrain of the package in a thread of its own: same names, same results, and what was immediate is a promise.
 * Every instance has its own thread (or several), which `close` ends.
 */
export class TinyTrain {
  /** Set by `load`. */
  model!: ModelInfo;
  binary!: Binary;
  #lines: Line[] = [];
  #next = 1;

  private constructor() {}

  /** Loads a model as TinyTrain of `tinytrain` does: bytes, a URL (in Node also a path) or the name of an embedded one. */
  static async load(
    model: string | URL | Uint8Array | ArrayBuffer,
    { worker, workers = 1, binary, module, ...options }: WorkerLoadOptions = {},
  ): Promise<TinyTrain> {
    // The thread's script stays small: this side has the binaries and knows where the models are.
    const provided = await provideBinary({ binary, module });
    const where = typeof model === 'string' || model instanceof URL ? locate(model, host.base()) : compact(model);
    const tt = new TinyTrain();
    const count = integer('workers', workers, 1, 64);
    if (count > 1 && worker !== undefined && typeof worker === 'object' && !(worker instanceof URL)) {
      throw new OptionError('workers: a ready worker is one; give the URL of the script as `worker`, or leave it out');
    }
    try {
      const opened = await Promise.allSettled(Array.from({ length: count }, () => Line.open(host, worker)));
      tt.#lines = opened.flatMap((line) => (line.status === 'fulfilled' ? [line.value] : []));
      for (const line of opened) if (line.status === 'rejected') throw line.reason;
      const ports = portsBetween(count);
      const loads = tt.#lines.map((line, index) => {
        const crew = count > 1 ? { index, ports: ports[index] } : undefined;
        const args = [where, { ...options, module: provided.module, crew }];
        return line.call<Pick<TinyTrain, 'model' | 'binary'>>(0, 'load', args, ports[index]!, {});
      });
      Object.assign(tt, (await Promise.all(loads))[0]);
    } catch (error) {
      tt.close();
      throw error;
    }
    return tt;
  }

  /** Layers, shapes, parameters, MACs and memory of the model. */
  async inspect(): Promise<InspectReport> {
    return this.#call('inspect');
  }

  /** What would be trained for this support set, and what it would cost; nothing is trained. */
  async select(support: readonly Sample[], options: SelectOptions & TransferOptions = {}): Promise<SelectReport> {
    return this.#job('select', support, options);
  }

  /** Adapts the network to the support set. If it is aborted or fails, what was there before is there again. */
  async adapt(support: readonly Sample[], options: AdaptOptions & TransferOptions = {}): Promise<AdaptReport> {
    return this.#job('adapt', support, options);
  }

  /** Fisher information of the channels of every layer that the last `select` or `adapt` inspected, by layer. */
  async information(): Promise<Record<string, Float32Array>> {
    return this.#call('information');
  }

  /** The class whose prototype has the highest cosine with the image's features, and all cosines. */
  async classify(image: ImageInput, options: TransferOptions = {}): Promise<Classification> {
    const [own, buffers] = pack([image], options);
    return this.#call('classify', own, buffers);
  }

  /** Classifies images of one task at once, by prototypes that move towards them. */
  async classifyTogether(images: readonly ImageInput[], options: TransferOptions = {}): Promise<Classification[]> {
    // What is no list, the thread refuses.
    const [own, buffers] = Array.isArray(images) ? pack(images, options) : [images, []];
    return this.#call('classifyTogether', [own], buffers);
  }

  /** The feature vector of an image under the current weights. */
  async embed(image: ImageInput, options: TransferOptions = {}): Promise<Float32Array> {
    const [own, buffers] = pack([image], options);
    return this.#call('embed', own, buffers);
  }

  /** The patch of the last adaptation (or the one applied). */
  async patch(): Promise<Uint8Array> {
    return this.#call('patch');
  }

  /** Applies a patch to the original weights. A patch that is refused changes nothing. */
  async apply(patch: Uint8Array): Promise<void> {
    return this.#all('apply', [new Uint8Array(patch)]);
  }

  /** Takes every adaptation off: the weights are the file's again, bit for bit. */
  async reset(): Promise<void> {
    return this.#all('reset');
  }

  /** Ends the threads. What still runs is refused. */
  close(): void {
    for (const line of this.#lines) line.fail(new TinyTrainError('the worker is closed'));
  }

  async #job<T>(
    method: 'select' | 'adapt',
    support: readonly Sample[],
    options: AdaptOptions & TransferOptions,
  ): Promise<T> {
    if (typeof checkOptions(options).criterion === 'function') {
      throw new TinyTrainError(
        'a criterion of your own cannot run in the worker: name one (tinytrain, fisher, l2, random, depth), or import tinytrain instead of tinytrain/worker',
      );
    }
    const { signal, onProgress, transfer, ...plain } = options;
    signal?.throwIfAborted();
    const list: readonly Sample[] = Array.isArray(support) ? support : [];
    const [images, buffers] = pack(
      list.map((sample) => sample?.image),
      { transfer },
    );
    const samples = images.map((image, i) => ({ image, label: list[i]?.label }));
    return this.#all(method, [samples, plain], buffers, { signal, progress: onProgress });
  }

  /** Calls the thread that speaks for all. */
  #call<T>(method: Method, args: unknown[] = [], transfer: ArrayBuffer[] = []): Promise<T> {
    return this.#lines[0]!.call(this.#next++, method, args, transfer, {});
  }

  /** Calls every thread; they do the same, and the first one's result is everybody's. If one fails, so do all. */
  async #all<T>(method: Method, args: unknown[] = [], transfer: ArrayBuffer[] = [], hooks: Hooks = {}): Promise<T> {
    const id = this.#next++;
    const ended = new AbortController();
    const { signal, progress } = hooks;
    const abort = () => ended.abort(signal!.reason);
    signal?.addEventListener('abort', abort);
    const last = this.#lines.length - 1;
    const calls = this.#lines.map((line, i) =>
      line.call<T>(id, method, args, i === last ? transfer : [], {
        signal: ended.signal,
        progress: i === 0 ? progress : undefined,
      }),
    );
    try {
      return (await Promise.all(calls))[0]!;
    } catch (error) {
      ended.abort(error);
      await Promise.allSettled(calls);
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }
}

/** Images as they can be sent, and the buffers to hand over. */
function pack(images: readonly ImageInput[], { transfer }: TransferOptions): [ImageInput[], ArrayBuffer[]] {
  const packed = images.map((image) => {
    if (!image || ArrayBuffer.isView(image)) return compact(image);
    const { data, width, height } = image;
    return { data: compact(data), width, height };
  });
  const views = packed.map((image) => (image && 'data' in image ? image.data : image));
  return [packed, transfer ? wholeBuffers(views) : []];
}

/** The same values; a view of a part of a larger buffer would take all of it along. */
function compact<T>(view: T): T {
  if (!ArrayBuffer.isView(view) || view.byteLength === view.buffer.byteLength) return view;
  // Of any typed array; that of Node's Buffer would not copy.
  return Uint8Array.prototype.slice.call(view) as T;
}
