import { provideBinary } from '../binary.js';
import type { ModelInfo } from '../inspect.js';
import type { ImportOptions } from '../load.js';
import { checkOptions } from '../options.js';
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
  Progress,
  Sample,
  SelectOptions,
  SelectReport,
} from '../types.js';
import { browser, type Channel, type Host, type WorkerChoice } from './channel.js';
import { fromWire, type Method, type Reply, wholeBuffers } from './protocol.js';

let host = browser;

/** Replaces how threads are started: Node's entry uses its own. */
export function setHost(other: Host): void {
  host = other;
}

export interface WorkerLoadOptions extends LoadOptions, ImportOptions {
  /** The thread's script (`browser/thread.js` of the package), or a worker that runs it, where it isn't found by itself. */
  worker?: WorkerChoice;
}

export interface TransferOptions {
  /** Hands the images' memory over instead of copying it: the caller's arrays are empty afterwards. */
  transfer?: boolean;
}

interface Call {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  progress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/**
 * The TinyTrain of the package in a thread of its own: same names, same results, and what was immediate is a promise.
 * Every instance has its own thread, which `close` ends.
 */
export class TinyTrain {
  /** Set by `load`. */
  model!: ModelInfo;
  binary!: Binary;
  #channel!: Channel;
  #lost: Error | undefined;
  #calls = new Map<number, Call>();
  #next = 1;

  private constructor() {}

  /** Loads a model as TinyTrain of `tinytrain` does: bytes, a URL (in Node also a path) or the name of an embedded one. */
  static async load(
    model: string | URL | Uint8Array | ArrayBuffer,
    { worker, binary, module, ...options }: WorkerLoadOptions = {},
  ): Promise<TinyTrain> {
    // The thread's script stays small: this side has the binaries and knows where the models are.
    const provided = await provideBinary({ binary, module });
    const where = typeof model === 'string' || model instanceof URL ? locate(model, host.base()) : compact(model);
    const tt = new TinyTrain();
    tt.#channel = await host.connect(
      { reply: (reply) => tt.#reply(reply), failed: (error) => tt.#fail(error) },
      worker,
    );
    try {
      Object.assign(tt, await tt.#call('load', [where, { ...options, module: provided.module }]));
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
    return this.#call('apply', [new Uint8Array(patch)]);
  }

  /** Takes every adaptation off: the weights are the file's again, bit for bit. */
  async reset(): Promise<void> {
    return this.#call('reset');
  }

  /** Ends the thread. What still runs is refused. */
  close(): void {
    this.#fail(new TinyTrainError('the worker is closed'));
  }

  async #job<T>(
    method: 'select' | 'adapt',
    support: readonly Sample[],
    options: AdaptOptions & TransferOptions,
  ): Promise<T> {
    if (typeof checkOptions(options).criterion === 'function') {
      throw new TinyTrainError(
        'a criterion of your own cannot run in the worker: name one (tinytrain, fisher, l2, random), or import tinytrain instead of tinytrain/worker',
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
    return this.#call(method, [samples, plain], buffers, { signal, progress: onProgress });
  }

  #call<T>(method: 'load' | Method, args: unknown[] = [], transfer: ArrayBuffer[] = [], extra: Partial<Call> = {}) {
    const id = this.#next++;
    const { signal } = extra;
    const abort = () => this.#channel.post({ abort: id }, []);
    return new Promise<T>((resolve, reject) => {
      if (this.#lost) throw this.#lost;
      try {
        this.#channel.post({ id, method, args }, transfer);
      } catch (error) {
        throw new TinyTrainError(`this cannot be sent to the worker: ${(error as Error).message}`);
      }
      this.#calls.set(id, { ...extra, resolve: resolve as Call['resolve'], reject });
      this.#channel.busy(true);
      signal?.addEventListener('abort', abort);
    }).finally(() => {
      signal?.removeEventListener('abort', abort);
      this.#calls.delete(id);
      if (this.#calls.size === 0 && !this.#lost) this.#channel.busy(false);
    });
  }

  #reply(reply: Reply): void {
    const call = this.#calls.get(reply.id);
    if (!call) return;
    if ('progress' in reply) {
      try {
        call.progress?.(reply.progress);
      } catch (error) {
        // As without a worker: what the caller's function throws ends the job.
        call.progress = undefined;
        const { reject } = call;
        call.resolve = () => reject(error);
        call.reject = call.resolve;
        this.#channel.post({ abort: reply.id }, []);
      }
    } else if ('value' in reply) call.resolve(reply.value);
    else call.reject(reply.aborted && call.signal ? call.signal.reason : fromWire(reply.error));
  }

  #fail(error: Error): void {
    if (this.#lost) return;
    this.#lost = error;
    this.#channel.close();
    for (const call of this.#calls.values()) call.reject(error);
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
