import { TinyTrain } from '../tinytrain.js';
import type { AdaptOptions, ImageInput, Progress, Sample, SelectOptions } from '../types.js';
import { Threads } from './crew.js';
import { type Reply, type Request, toWire, wholeBuffers } from './protocol.js';

type Load = Parameters<typeof TinyTrain.load>;
type LoadArguments = [Load[0], NonNullable<Load[1]> & { crew?: { index: number; ports: MessagePort[] } }];

/** The thread's side: one TinyTrain, which does what the page asks. Returns what takes the page's messages. */
export function answer(post: (reply: Reply, transfer: ArrayBuffer[]) => void): (request: Request) => void {
  let tt: TinyTrain;
  let crew: Threads | undefined;
  const running = new Map<number, AbortController>();

  async function call({ id, method, args }: Exclude<Request, { abort: number }>): Promise<unknown> {
    const job = <T extends SelectOptions>(options: T): T & AdaptOptions => ({
      ...options,
      signal: running.get(id)!.signal,
      // Of several threads one speaks for all.
      onProgress: crew && crew.index > 0 ? undefined : (progress: Progress) => post({ id, progress }, []),
    });
    switch (method) {
      case 'ping':
        return;
      case 'load': {
        const [model, { crew: others, ...options }] = args as LoadArguments;
        crew = others && new Threads(others.index, others.ports);
        tt = await TinyTrain.load(model, { ...options, crew } as Load[1]);
        return { model: tt.model, binary: tt.binary };
      }
      case 'select':
      case 'adapt':
        crew?.begin(id);
        return tt[method](args[0] as Sample[], job(args[1] as AdaptOptions));
      case 'classify':
      case 'embed':
        return tt[method](args[0] as ImageInput);
      case 'classifyTogether':
        return tt.classifyTogether(args[0] as ImageInput[]);
      case 'apply':
        return tt.apply(args[0] as Uint8Array);
      default:
        return tt[method]();
    }
  }

  return async (request) => {
    if ('abort' in request) {
      running.get(request.abort)?.abort();
      return;
    }
    const { id } = request;
    const { signal } = running.set(id, new AbortController()).get(id)!;
    try {
      const value = await call(request);
      // What the API returns is the caller's own, so it need not be copied once more.
      post({ id, value }, wholeBuffers(ArrayBuffer.isView(value) ? [value] : Object.values(value ?? {})));
    } catch (error) {
      post({ id, error: toWire(error), aborted: signal.aborted && error === signal.reason }, []);
    } finally {
      running.delete(id);
    }
  };
}
