import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import type { EvaluateConfig, TaskResult } from './evaluate-run.js';
import { fileError } from './files.js';

/**
 * `--raw FILE`: every single result as a line of JSON, with a key of all settings that it depends on. A later run with
 * the same settings reads the lines back and runs only what is missing.
 */
export interface RawFile {
  done: TaskResult[];
  append(result: TaskResult): void;
}

type Line = TaskResult & { settings: string };

/** What makes results comparable: model, tasks, data and the method's own settings. */
function settingsKey(config: EvaluateConfig, checksum: string, sizes: readonly number[][]) {
  const keys = new Map<string, string>();
  for (const [d, { name }] of config.data.entries()) {
    for (const { label, options } of config.methods) {
      const text = JSON.stringify([checksum, sizes[d], config.episode, options]);
      keys.set(JSON.stringify([name, label]), createHash('sha256').update(text).digest('hex').slice(0, 16));
    }
  }
  return (result: Pick<TaskResult, 'data' | 'method'>) => keys.get(JSON.stringify([result.data, result.method]));
}

/** Opens the file, making it if need be; lines of other settings, and a last line cut short, are passed over. */
export function openRaw(path: string, config: EvaluateConfig, checksum: string, sizes: readonly number[][]): RawFile {
  const keyOf = settingsKey(config, checksum, sizes);
  const done: TaskResult[] = [];
  try {
    appendFileSync(path, '');
    const text = readFileSync(path, 'utf8');
    if (text !== '' && !text.endsWith('\n')) appendFileSync(path, '\n');
    for (const line of text.split('\n')) {
      let value: Line;
      try {
        value = JSON.parse(line) as Line;
      } catch {
        continue;
      }
      const { settings, ...result } = value;
      if (settings !== undefined && settings === keyOf(result)) done.push(result);
    }
  } catch (error) {
    throw fileError(path, error, 'write');
  }
  return {
    done,
    append: (result) => {
      try {
        appendFileSync(path, `${JSON.stringify({ ...result, settings: keyOf(result) })}\n`);
      } catch (error) {
        throw fileError(path, error, 'write');
      }
    },
  };
}
