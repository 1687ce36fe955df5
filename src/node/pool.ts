import { parentPort, Worker } from 'node:worker_threads';

/** Runs jobs, each on the next thread that is free; results don't depend on which. */
export interface Pool<Job, Result> {
  run(job: Job): Promise<Result>;
  /** Ends the threads; what has not been answered never will be. */
  close(): Promise<void>;
}

interface Waiting<Job, Result> {
  job: Job;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

type Answer<Result> = { result: Result } | { error: string };

/** Threads that all run the module `url`, which calls `serve`. If one fails to live, every job fails. */
function threadPool<Job, Result>(url: URL, workerData: unknown, size: number): Pool<Job, Result> {
  const queue: Waiting<Job, Result>[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Waiting<Job, Result>>();
  let failure: unknown;
  const fail = (error: unknown) => {
    failure ??= error;
    for (const { reject } of [...busy.values(), ...queue.splice(0)]) reject(failure);
  };
  const next = () => {
    while (idle.length > 0 && queue.length > 0) {
      const [thread, waiting] = [idle.pop()!, queue.shift()!];
      busy.set(thread, waiting);
      thread.postMessage(waiting.job);
    }
  };
  const threads = Array.from({ length: size }, () => {
    const thread = new Worker(url, { workerData });
    thread.on('error', fail);
    thread.on('exit', (code) => fail(new Error(`a worker thread ended with status ${code}`)));
    thread.on('message', (answer: Answer<Result>) => {
      const { resolve, reject } = busy.get(thread)!;
      busy.delete(thread);
      idle.push(thread);
      if ('error' in answer) reject(new Error(answer.error));
      else resolve(answer.result);
      next();
    });
    idle.push(thread);
    return thread;
  });
  return {
    run: (job) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure);
        queue.push({ job, resolve, reject });
        next();
      }),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}

/** Jobs one after the other in this thread. */
function ownThread<Job, Result>(create: () => Promise<(job: Job) => Promise<Result>>): Pool<Job, Result> {
  const ready = create();
  let last: Promise<unknown> = ready;
  let closed = false;
  return {
    run: (job) => {
      const result = last.then(async () => {
        if (closed) throw new Error('closed');
        return (await ready)(job);
      });
      last = result.catch(() => {});
      return result;
    },
    close: async () => {
      closed = true;
      await last.catch(() => {});
    },
  };
}

/** A pool of `size` threads that run the module `url`; for one, `create` makes what does the same in this thread. */
export function createPool<Job, Result>(
  url: URL,
  workerData: unknown,
  size: number,
  create: () => Promise<(job: Job) => Promise<Result>>,
): Pool<Job, Result> {
  return size === 1 ? ownThread(create) : threadPool(url, workerData, size);
}

/** A thread's part: answers each job with its result, or with the message of what went wrong. */
export function serve<Job, Result>(ready: Promise<(job: Job) => Promise<Result>>): void {
  const port = parentPort!;
  port.on('message', (job: Job) => {
    ready
      .then((run) => run(job))
      .then(
        (result) => port.postMessage({ result } satisfies Answer<Result>),
        (error: unknown) =>
          port.postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies Answer<Result>),
      );
  });
}
