// Raw results of bench:accuracy: docs/accuracy/NETWORK.SAMPLING.jsonl, lines as `tinytrain evaluate --raw` writes them;
// and the settings that they speak for, chosen for each domain by what was reached on the others.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DOMAINS, hasAdapters, labelOf, MAX_TRIALS, methodOf, TUNED } from './plan.mjs';

/** Tasks of each domain on which settings are tried. */
export const TUNING_TASKS = 2;

export const rawPath = (folder, network, sampling) => join(folder, `${network}.${sampling}.jsonl`);

/**
 * Results of a file by data set, method and task; of several models with this name, those of the last, and of the last one
 * with adapters.
 */
export class Results {
  #found = new Map();

  constructor(results) {
    const last = new Map(results.map(({ method, checksum }) => [hasAdapters(method), checksum]));
    for (const result of results) if (result.checksum === last.get(hasAdapters(result.method))) this.add(result);
  }

  static read(path) {
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    return new Results(lines.flatMap(parse));
  }

  add(result) {
    this.#found.set(`${result.data} ${result.method} ${result.task}`, result);
  }

  get(data, method, task) {
    return this.#found.get(`${data} ${method} ${task}`);
  }

  get size() {
    return this.#found.size;
  }

  /** One more than the highest number of a task. */
  get tasks() {
    return Math.max(0, ...[...this.#found.values()].map((result) => result.task + 1));
  }
}

/** A line's result; nothing for a line cut short. */
function parse(line) {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

const tuningTasks = [...Array(TUNING_TASKS).keys()];

/** Mean accuracy of a trial over the tuning tasks of some domains; undefined if one is missing. */
export function reached(results, method, trial, domains) {
  let sum = 0;
  for (const domain of domains) {
    for (const task of tuningTasks) {
      const result = results.get(domain, labelOf(method, trial), task);
      if (!result) return undefined;
      sum += result.accuracy;
    }
  }
  return sum / (domains.length * TUNING_TASKS);
}

/**
 * Methods that are being tuned: whose first trial is complete, and second begun. A network may be without one, and a new one has
 * none for a while; the first trial alone says nothing, as the rows of a table that was never tuned are the same runs.
 */
export function triedMethods(results) {
  const begun = (method) =>
    DOMAINS.some((domain) => tuningTasks.some((task) => results.get(domain, labelOf(method, 1), task)));
  return TUNED.filter((method) => reached(results, method, 0, DOMAINS) !== undefined && begun(method));
}

/** How many trials are complete for every method alike; 0 where nothing was tuned. */
export function trialsDone(results, methods = triedMethods(results)) {
  if (methods.length === 0) return 0;
  for (let n = 0; n < MAX_TRIALS; n++) {
    if (methods.some((method) => reached(results, method, n, DOMAINS) === undefined)) return n;
  }
  return MAX_TRIALS;
}

/** The trial of a row's method that was best on the other domains; its first where nothing was tuned. */
export function chooseTrial(results, row, domain, trials) {
  const method = methodOf(row);
  if (!TUNED.includes(method)) return 0;
  const others = DOMAINS.filter((other) => other !== domain);
  let best = 0;
  for (let trial = 1; trial < trials; trial++) {
    if (reached(results, method, trial, others) > reached(results, method, best, others)) best = trial;
  }
  return best;
}
