import type { Command } from 'commander';
import { criterionOf } from '../../defaults.js';
import { sampleEpisode } from '../../episodes.js';
import { bytes, count, duration } from '../../format.js';
import { type DataSet, openData } from '../../node/data.js';
import { cellsOf, type EvaluateRow, evaluate, rowsOf } from '../../node/evaluate.js';
import type { EvaluateConfig, MethodSpec, TaskResult } from '../../node/evaluate-run.js';
import { checkWritable, writeAtomic } from '../../node/files.js';
import { openRaw, Settings } from '../../node/raw.js';
import { mergeShards, type Run, type Shard, shardText } from '../../node/shard.js';
import { METHODS, OptionError } from '../../options.js';
import {
  budgetOptions,
  checked,
  iterationOptions,
  jsonOption,
  metaOr,
  modelOptions,
  number,
  type SelectArgs,
  shown,
  taskOptions,
  workersOption,
} from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { table } from '../format.js';
import { loadModel, modelOptions as loadOptions } from '../load.js';
import { type ParsedMethod, parseMethods } from '../methods.js';
import { bar } from '../progress.js';
import { chooseSelection, readSelection } from '../selection.js';

interface EvaluateArgs extends Omit<SelectArgs, 'support' | 'method' | 'selection' | 'saveSelection'> {
  data: string[];
  methods: ParsedMethod[];
  tasks: number;
  way: number | 'meta';
  shot: number | 'meta';
  query: number;
  workers: number;
  iterations: number;
  variants?: number;
  views?: number;
  raw?: string;
  shard?: Shard;
  out?: string;
  merge?: string[];
}

/** `i/n`, counted from 1. */
function parseShard(text: string): Shard {
  const m = /^(\d+)\/(\d+)$/.exec(text);
  const [index, of] = [Number(m?.[1]), Number(m?.[2])];
  if (m && index >= 1 && index <= of && Number.isSafeInteger(of)) return [index, of];
  throw new Error(`shard must be i/n with i from 1 to n, such as 2/3, got '${text}'`);
}

function summary(rows: readonly EvaluateRow[]): string {
  const lines = rows.map((r) => [
    r.data,
    r.method,
    `${r.accuracy.toFixed(1)}%`,
    r.ci95 === null ? '' : `± ${r.ci95.toFixed(1)}`,
    String(r.tasks),
    bytes(r.backwardBytes),
    count(r.backwardMacs),
    duration(r.secondsPerTask * 1000),
  ]);
  const head = ['data', 'method', 'accuracy', '', 'tasks', 'memory', 'MACs', 'a task'];
  return table([head, ...lines], 'llrlrrrr');
}

/** Shown names: the file's own, or the whole path where two would be alike. */
function named(sets: readonly DataSet[]): { path: string; name: string }[] {
  const names = sets.map((set) => set.name);
  return sets.map(({ path, name }) => ({ path, name: names.filter((n) => n === name).length > 1 ? path : name }));
}

function print(context: Context, { model, episode }: Run, results: readonly TaskResult[], json?: boolean): void {
  const rows = rowsOf(results);
  if (json) printJson(context, { model, episode, rows });
  else context.out(summary(rows));
}

async function run(context: Context, args: EvaluateArgs): Promise<void> {
  if (args.out !== undefined) await checkWritable(args.out);
  const { way, shot, query, seed, memory, compute, ram, criterion, temperature, augment, iterations, variants, views } =
    args;
  const episode = { way, shot, query, seed };
  const given = await Promise.all(
    args.methods.map((m) => (m.selectionFile ? readSelection(m.selectionFile) : undefined)),
  );
  const sets: DataSet[] = [];
  for (const path of args.data) sets.push(await openData(path));
  const sizes = sets.map((set) => set.classes.map((c) => c.files.length));
  for (const [i, set] of sets.entries()) {
    try {
      sampleEpisode(sizes[i]!, episode, 0);
    } catch (error) {
      throw new Error(`${set.path}: ${(error as Error).message}`);
    }
  }
  const session = await loadModel(context, args);
  const methods: MethodSpec[] = [];
  for (const [i, { label, options, together }] of args.methods.entries()) {
    const selection = await chooseSelection(options.method!, given[i], session, context.root);
    const own = criterion ?? criterionOf(options.method);
    const common = { memory, compute, ram, criterion: own, temperature, augment, iterations, variants, views };
    methods.push({ label, options: { ...common, ...options, ...(selection && { selection }) }, together });
  }
  const config: EvaluateConfig = {
    engineUrl: context.engineUrl,
    model: args.model,
    modelOptions: loadOptions(args),
    data: named(sets),
    episode,
    methods,
  };
  const settings = new Settings(config, session.model.checksum, sizes);
  const evaluation: Run = {
    model: session.model,
    binary: session.binary,
    episode,
    tasks: args.tasks,
    data: config.data.map(({ name }) => name),
    methods: methods.map(({ label }) => label),
    settings: settings.all,
  };
  const raw = args.raw === undefined ? undefined : openRaw(args.raw, settings);
  const total = cellsOf(evaluation.data, evaluation.methods, args.tasks, args.shard).length;
  let done = 0;
  const progress = bar(context, 'evaluating');
  progress.update(0, total);
  const results = await evaluate(config, {
    tasks: args.tasks,
    workers: args.workers,
    shard: args.shard,
    done: raw?.done,
    signal: context.signal,
    onResult: (result) => {
      raw?.append(result);
      progress.update(++done, total, `${result.data}, ${result.method}`);
    },
  }).finally(progress.stop);
  checkInterrupt(context);
  if (!args.shard) return print(context, evaluation, results, args.json);
  const lines = results.map((result) => settings.line(result));
  const text = shardText(evaluation, args.shard, lines);
  if (args.out === undefined) context.out(text);
  else await writeAtomic(args.out, text);
}

/** Options that may not stand together, and those that must. */
function checkUse(args: EvaluateArgs, command: Command): void {
  if (args.merge) {
    const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli');
    const other = given.find(({ long }) => long !== '--merge' && long !== '--json');
    if (other) throw new OptionError(`--merge takes everything from the shards: leave ${other.long} out`);
    return;
  }
  if (!args.data) throw new OptionError("required option '--data <dir|zip,...>' not specified");
  if (args.out !== undefined && !args.shard) throw new OptionError('--out is where a shard goes: give --shard i/n too');
}

async function merge(context: Context, args: EvaluateArgs): Promise<void> {
  const { run, results } = await mergeShards(args.merge!);
  print(context, run, results, args.json);
}

export function registerEvaluate(program: Command, context: Context): void {
  const command = program
    .command('evaluate')
    .description('accuracy and cost of several methods on the same tasks')
    .option('--data <dir|zip,...>', 'data sets, separated by commas', (text) => text.split(',').filter(Boolean))
    .addOption(
      shown(
        '--methods <a,b,...>',
        `some of ${METHODS.join(', ')}; each with settings if need be: tinytrain:lr=0.003:optimizer=momentum`,
        parseMethods,
        'none,tinytrain',
      ),
    )
    .option('--tasks <n>', 'tasks of each data set', number('tasks'), 20)
    .option('--way <n|meta>', 'classes of a task; meta: as Meta-Dataset', metaOr('way', 2), 5)
    .option('--shot <n|meta>', 'support samples a class; meta: as Meta-Dataset', metaOr('shot', 1), 5)
    .option('--query <n>', 'query samples a class; with meta shots at most this', number('query'), 10)
    .addOption(workersOption())
    .option('--raw <file.jsonl>', 'append every single result; results found there are not run again')
    .option('--shard <i/n>', 'run part i of n, and write its results as lines of JSON', checked(parseShard))
    .option('--out <file.jsonl>', 'where the results of a shard go, instead of stdout')
    .option('--merge <file...>', 'show the results of all shards of a run; runs nothing');
  jsonOption(modelOptions(iterationOptions(taskOptions(budgetOptions(command)))));
  command.action((args: EvaluateArgs) => {
    checkUse(args, command);
    return args.merge ? merge(context, args) : run(context, args);
  });
}
