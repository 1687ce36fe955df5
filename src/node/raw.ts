import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import type { EvaluateConfig, TaskResult } from './evaluate-run.js';
import { fileError } from './files.js';

type Line = TaskResult & { settings: string };

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);
const cell = (data: string, method: string) => JSON.stringify([data, method]);

/** Keys of what makes results comparable: model, tasks, data and the method's own settings. */
export class Settings {
  readonly #keys = new Map<string, string>();

  constructor(config: EvaluateConfig, checksum: string, sizes: readonly number[][]) {
    for (const [d, { name }] of config.data.entries()) {
      for (const { label, options, together } of config.methods) {
        const text = JSON.stringify([checksum, sizes[d], config.episode, options, ...(together ? ['together'] : [])]);
        this.#keys.set(cell(name, label), digest(text));
      }
    }
  }

  /** One key for all methods and data sets. */
  get all(): string {
    return digest([...this.#keys.values()].join());
  }

  /** A result as a line of JSON, without the line's end. */
  line(result: TaskResult): string {
    return JSON.stringify({ ...result, settings: this.#keys.get(cell(result.data, result.method)) });
  }

  /** The results of a line; none for a line of other settings, or cut short. */
  parse(line: string): TaskResult[] {
    let value: Line;
    try {
      value = JSON.parse(line) as Line;
    } catch {
      return [];
    }
    const { settings, ...result } = value;
    return settings !== undefined && settings === this.#keys.get(cell(result.data, result.method)) ? [result] : [];
  }
}

/**
 * `--raw FILE`: every single result as a line of JSON, with a key of all settings that it depends on. A later run with
 * the same settings reads the lines back and runs only what is missing.
 */
export interface RawFile {
  done: TaskResult[];
  append(result: TaskResult): void;
}

/** Opens the file, making it if need be; lines of other settings, and a last line cut short, are passed over. */
export function openRaw(path: string, settings: Settings): RawFile {
  const write = (text: string) => {
    try {
      appendFileSync(path, text);
    } catch (error) {
      throw fileError(path, error, 'write');
    }
  };
  write('');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError(path, error, 'read');
  }
  if (text !== '' && !text.endsWith('\n')) write('\n');
  return {
    done: text.split('\n').flatMap((line) => settings.parse(line)),
    append: (result) => write(`${settings.line(result)}\n`),
  };
}
