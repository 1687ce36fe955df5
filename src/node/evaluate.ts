import { createRunner, type EvaluateConfig, type Job, type TaskResult } from './evaluate-run.js';
import { createPool } from './pool.js';
import type { Shard } from './shard.js';

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
  /** Only this part of the tasks. */
  shard?: Shard;
}

/** One method on one task of one data set. */
export interface Cell {
  data: string;
  method: string;
  task: number;
}

export const cellKey = ({ data, method, task }: Cell) => JSON.stringify([data, method, task]);

/** All cells of an evaluation, or those of one shard, by data set, method and task. A task's methods stay together. */
export function cellsOf(data: readonly string[], methods: readonly string[], tasks: number, shard?: Shard): Cell[] {
  const cells: Cell[] = [];
  for (const [d, name] of data.entries()) {
    for (const method of methods) {
      for (let task = 0; task < tasks; task++) {
        const job = task * data.length + d;
        if (!shard || job % shard[1] === shard[0] - 1) cells.push({ data: name, method, task });
      }
    }
  }
  return cells;
}

/** Runs every job on threads of its own, or in this one if one worker is enough; the first error ends all. */
export async function runJobs(
  config: EvaluateConfig,
  jobs: readonly Job[],
  workers: number,
  collect: (results: TaskResult[]) => void,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const thread = new URL('./evaluate-worker.js', import.meta.url);
  const size = Math.min(workers, jobs.length);
  const pool = createPool<Job, TaskResult[]>(thread, config, size, () => createRunner(config));
  try {
    await new Promise<void>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      Promise.all(jobs.map(async (job) => collect(await pool.run(job)))).then(() => resolve(), reject);
    });
  } finally {
    await pool.close();
  }
}

/** What is left to do of some cells: one job a task, the first tasks first. */
function jobsOf(config: EvaluateConfig, cells: readonly Cell[]): Job[] {
  const [data, methods] = [config.data.map(({ name }) => name), config.methods.map(({ label }) => label)];
  const jobs = new Map<number, Job>();
  for (const cell of cells) {
    const [d, m] = [data.indexOf(cell.data), methods.indexOf(cell.method)];
    const at = cell.task * data.length + d;
    const job = jobs.get(at) ?? { data: d, task: cell.task, methods: [] };
    jobs.set(at, { ...job, methods: [...job.methods, m] });
  }
  return [...jobs.keys()].sort((a, b) => a - b).map((at) => jobs.get(at)!);
}

/**
 * Runs the same tasks with every method, or one shard of it. The results come back ordered by data set, method and task,
 * and do not depend on the number of workers.
 */
export async function evaluate(config: EvaluateConfig, options: EvaluateOptions): Promise<TaskResult[]> {
  const data = config.data.map(({ name }) => name);
  const methods = config.methods.map(({ label }) => label);
  const cells = cellsOf(data, methods, options.tasks, options.shard);
  const found = new Map((options.done ?? []).map((result) => [cellKey(result), result]));
  const jobs = jobsOf(
    config,
    cells.filter((cell) => !found.has(cellKey(cell))),
  );
  const collect = (results: TaskResult[]) => {
    for (const result of results) {
      found.set(cellKey(result), result);
      options.onResult?.(result);
    }
  };
  if (jobs.length > 0) await runJobs(config, jobs, options.workers, collect, options.signal);
  return cells.map((cell) => found.get(cellKey(cell))!);
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
