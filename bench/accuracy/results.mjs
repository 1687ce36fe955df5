// Raw results of bench:accuracy: docs/accuracy/NETWORK.SAMPLING.jsonl, lines as `tinytrain evaluate --raw` writes them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasAdapters } from './plan.mjs';

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
