import { Worker } from 'node:worker_threads';
import { createRunner, type EvaluateConfig, type Job, type TaskResult } from './evaluate-run.js';

/** A row of `evaluate --json`. */
export interface EvaluateRow {
  data: string;
  method: string;
  /** Mean over the tasks, percent. */
  accuracy: number;
  /** Half of the 95% interval of the mean: 1.96 * standard deviation / sqrt(tasks); null for a single task. */
  ci95: number | null;
  tasks: number;
  /** The highest of all tasks: what a device must have. */
  backwardBytes: number;
  /** Mean over the tasks. */
  backwardMacs: number;
  secondsPerTask: number;
}

export interface EvaluateOptions {
  tasks: number;
  workers: number;
  /** Results of an earlier run; these are not run again. */
  done?: readonly TaskResult[];
  /** Called with each new result, in whatever order they arrive. */
  onResult?: (result: TaskResult) => void;
  signal?: AbortSignal;
}

const key = (data: string, method: string, task: number) => JSON.stringify([data, method, task]);

/** Runs every job on threads of its own, or in this one if one worker is enough; the first error ends all. */
export async function runJobs(
  config: EvaluateConfig,
  jobs: readonly Job[],
  workers: number,
  collect: (results: TaskResult[]) => void,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  if (workers === 1 || jobs.length === 1) {
    const run = await createRunner(config);
    for (const job of jobs) {
      collect(await run(job));
      signal?.throwIfAborted();
    }
    return;
  }
  const threads: Worker[] = [];
  let next = 0;
  let open = jobs.length;
  try {
    await new Promise<void>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      for (let i = 0; i < Math.min(workers, jobs.length); i++) {
        const thread = new Worker(new URL('./evaluate-worker.js', import.meta.url), { workerData: config });
        const give = () => {
          if (next < jobs.length) thread.postMessage(jobs[next++]);
        };
        threads.push(thread);
        thread.on('error', reject);
        thread.on('exit', (code) => reject(new Error(`a worker thread ended with status ${code}`)));
        thread.on('message', (message: { results?: TaskResult[]; error?: string }) => {
          if (message.error !== undefined || !message.results) return reject(new Error(message.error));
          try {
            collect(message.results);
          } catch (error) {
            return reject(error);
          }
          if (--open === 0) resolve();
          else give();
        });
        give();
      }
    });
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

/**
 * Runs the same tasks with every method. The results come back ordered by data set, method and task, and do not depend on
 * the number of workers.
 */
export async function evaluate(config: EvaluateConfig, options: EvaluateOptions): Promise<TaskResult[]> {
  const found = new Map<string, TaskResult>();
  for (const result of options.done ?? []) found.set(key(result.data, result.method, result.task), result);
  const jobs: Job[] = [];
  for (let task = 0; task < options.tasks; task++) {
    for (const [data, { name }] of config.data.entries()) {
      const methods = [...config.methods.keys()].filter((m) => !found.has(key(name, config.methods[m]!.label, task)));
      if (methods.length > 0) jobs.push({ data, task, methods });
    }
  }
  const collect = (results: TaskResult[]) => {
    for (const result of results) {
      found.set(key(result.data, result.method, result.task), result);
      options.onResult?.(result);
    }
  };
  if (jobs.length > 0) await runJobs(config, jobs, options.workers, collect, options.signal);
  const ordered: TaskResult[] = [];
  for (const { name } of config.data) {
    for (const { label } of config.methods) {
      for (let task = 0; task < options.tasks; task++) ordered.push(found.get(key(name, label, task))!);
    }
  }
  return ordered;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function row(data: string, method: string, results: readonly TaskResult[]): EvaluateRow {
  const accuracies = results.map((r) => r.accuracy);
  const accuracy = mean(accuracies);
  const n = results.length;
  const variance = accuracies.reduce((sum, a) => sum + (a - accuracy) ** 2, 0) / (n - 1);
  return {
    data,
    method,
    accuracy,
    ci95: n > 1 ? 1.96 * Math.sqrt(variance / n) : null,
    tasks: n,
    backwardBytes: Math.max(...results.map((r) => r.backwardBytes)),
    backwardMacs: Math.round(mean(results.map((r) => r.backwardMacs))),
    secondsPerTask: mean(results.map((r) => r.seconds)),
  };
}

/** The mean over the data sets, each counting the same. */
function meanRow(rows: readonly EvaluateRow[]): EvaluateRow {
  const known = rows.every((r) => r.ci95 !== null);
  return {
    data: 'mean',
    method: rows[0]!.method,
    accuracy: mean(rows.map((r) => r.accuracy)),
    ci95: known ? Math.sqrt(rows.reduce((sum, r) => sum + r.ci95! ** 2, 0)) / rows.length : null,
    tasks: rows.reduce((sum, r) => sum + r.tasks, 0),
    backwardBytes: Math.max(...rows.map((r) => r.backwardBytes)),
    backwardMacs: Math.round(mean(rows.map((r) => r.backwardMacs))),
    secondsPerTask: mean(rows.map((r) => r.secondsPerTask)),
  };
}

/** One row for each data set and method, and for each method the mean over the data sets where there are several. */
export function rowsOf(results: readonly TaskResult[]): EvaluateRow[] {
  const groups = new Map<string, TaskResult[]>();
  for (const result of results) {
    const at = JSON.stringify([result.data, result.method]);
    groups.set(at, [...(groups.get(at) ?? []), result]);
  }
  const rows = [...groups.values()].map((group) => row(group[0]!.data, group[0]!.method, group));
  if (new Set(rows.map((r) => r.data)).size < 2) return rows;
  const methods = [...new Set(rows.map((r) => r.method))];
  return [...rows, ...methods.map((method) => meanRow(rows.filter((r) => r.method === method)))];
}
