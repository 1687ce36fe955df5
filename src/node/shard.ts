import type { EpisodeOptions } from '../episodes.js';
import type { Binary } from '../types.js';
import type { Session } from './engine.js';
import { type Cell, cellKey, cellsOf } from './evaluate.js';
import type { TaskResult } from './evaluate-run.js';
import { readBytes } from './files.js';

/** Part `index` of `of`, counted from 1. */
export type Shard = readonly [index: number, of: number];

/** What an evaluation is, as the first line of a shard says it. Shards belong together if all but `shard` is the same. */
export interface Run {
  model: Session['model'];
  binary: Binary;
  episode: EpisodeOptions;
  tasks: number;
  data: string[];
  methods: string[];
  /** Of the settings of every method on every data set. */
  settings: string;
}

interface Head extends Run {
  shard: Shard;
}

/** A shard's file: a line that says of which run it is, then one line a result, as `--raw` writes them. */
export function shardText(run: Run, shard: Shard, lines: readonly string[]): string {
  const head: Head = { shard, ...run };
  return [JSON.stringify(head), ...lines].map((line) => `${line}\n`).join('');
}

interface ShardFile {
  path: string;
  head: Head;
  results: TaskResult[];
}

/** The shards of a file; output of several may have been put into one. */
async function readShards(path: string): Promise<ShardFile[]> {
  const lines = new TextDecoder().decode(await readBytes(path)).split('\n');
  const shards: ShardFile[] = [];
  for (const [i, line] of lines.entries()) {
    if (line === '') continue;
    let value: Partial<Head> & TaskResult;
    try {
      value = Object(JSON.parse(line)) as typeof value;
    } catch {
      throw new Error(`${path}: line ${i + 1} is cut short or not JSON: run this shard again`);
    }
    if (Array.isArray(value.shard) && Array.isArray(value.data) && Array.isArray(value.methods))
      shards.push({ path, head: value as unknown as Head, results: [] });
    else shards.at(-1)?.results.push(value);
  }
  if (shards.length > 0) return shards;
  throw new Error(`${path}: not a shard: give what evaluate --shard wrote`);
}

/** The first field in which two runs differ, in words. */
function difference(a: Head, b: Head): string | undefined {
  const fields = ['model', 'binary', 'episode', 'tasks', 'data', 'methods', 'settings'] as const;
  const field = fields.find((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
  if (field === undefined) return a.shard[1] === b.shard[1] ? undefined : `1 of ${a.shard[1]}, not of ${b.shard[1]}`;
  if (field === 'settings') return "settings of methods or sizes of data sets aren't the same";
  return `${field} ${JSON.stringify(a[field])}, not ${JSON.stringify(b[field])}`;
}

/** Refuses results that are missing, double or not of this shard. */
function checkResults({ path, head, results }: ShardFile): void {
  const name = `shard ${head.shard.join('/')}`;
  const wanted = new Set(cellsOf(head.data, head.methods, head.tasks, head.shard).map(cellKey));
  const seen = new Set<string>();
  for (const result of results) {
    const key = cellKey(result as Cell);
    const cell = `${result.data}, ${result.method}, task ${result.task}`;
    if (!wanted.has(key)) throw new Error(`${path}: has a result (${cell}) that is not of ${name}`);
    if (seen.has(key)) throw new Error(`${path}: has a result (${cell}) twice`);
    seen.add(key);
  }
  if (seen.size < wanted.size) {
    throw new Error(`${path}: has ${seen.size} of the ${wanted.size} results of ${name}: run this shard again`);
  }
}

/** Puts the shards of one run together again; every shard must be there once. */
export async function mergeShards(paths: readonly string[]): Promise<{ run: Run; results: TaskResult[] }> {
  const files: ShardFile[] = [];
  for (const path of paths) files.push(...(await readShards(path)));
  const first = files[0]!;
  const { data, methods, tasks } = first.head;
  const of = first.head.shard[1];
  const byIndex = new Map<number, string>();
  for (const { path, head } of files) {
    const why = difference(head, first.head);
    if (why !== undefined) throw new Error(`${path} is of another run than ${first.path}: ${why}`);
    const [index] = head.shard;
    const other = byIndex.get(index);
    if (other !== undefined)
      throw new Error(`${other} and ${path} are both shard ${index}/${of}: give each shard once`);
    byIndex.set(index, path);
  }
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter((index) => !byIndex.has(index));
  if (missing.length > 0) {
    const names = missing.map((index) => `${index}/${of}`).join(', ');
    throw new Error(`shard ${names} missing: give the files of all ${of} shards`);
  }
  for (const file of files) checkResults(file);
  const found = new Map(files.flatMap(({ results }) => results).map((result) => [cellKey(result as Cell), result]));
  const results = cellsOf(data, methods, tasks).map((cell) => found.get(cellKey(cell))!);
  return { run: first.head, results };
}
