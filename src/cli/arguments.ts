import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULTS, MAX_VIEWS, TRAINING } from '../defaults.js';
import {
  AUGMENTS,
  BINARIES,
  CRITERIA,
  integer,
  METHODS,
  OPTIMIZERS,
  parseCompute,
  parseMemory,
  positive,
} from '../options.js';
import type { Augment, CriterionName, Method, OptimizerName } from '../types.js';
import { table } from './format.js';
import type { ModelArgs } from './load.js';

/** Turns an error of a check into a usage error of commander's, with exit status 2. */
export function checked<T>(check: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return check(text);
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message);
    }
  };
}

export const wholeNumber = (name: string, min: number, max?: number) =>
  checked((text) => integer(name, text, min, max));
export const positiveNumber = (name: string) => checked((text) => positive(name, text));
export const number = (name: string) => wholeNumber(name, 1);

/** `meta` or an integer of at least `min`. */
export const metaOr = (name: string, min: number) =>
  checked((text): number | 'meta' => {
    if (text === 'meta') return 'meta';
    try {
      return integer(name, text, min);
    } catch {
      throw new Error(`${name} must be meta or an integer of at least ${min}, got '${text}'`);
    }
  });

/** `r,g,b`: one value for each channel of the input. */
const channels = (name: string, fits: (x: number) => boolean, rule: string) =>
  checked((text) => {
    const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
    if (values.length <= 4 && values.every((x) => Number.isFinite(x) && fits(x))) return values;
    throw new Error(`${name} must be r,g,b (or one grey value), ${rule}, got '${text}'`);
  });

/** Text that must pass a check, but is kept as it is. */
const keep = (check: (text: string) => unknown) =>
  checked((text) => {
    check(text);
    return text;
  });

const choice = (flags: string, text: string, values: readonly string[], fallback?: string) => {
  const option = new Option(flags, text).choices(values);
  return fallback === undefined ? option : option.default(fallback);
};

/** An option whose default is shown as it would be written. */
export const shown = (flags: string, text: string, parse: (text: string) => unknown, fallback: string) =>
  new Option(flags, text).argParser(checked(parse)).default(parse(fallback), fallback);

/** `--workers` of the commands that take all the machine they can have. */
export const workersOption = () =>
  new Option('--workers <n>', 'threads')
    .argParser(wholeNumber('workers', 1, 1024))
    .default(Math.max(1, availableParallelism() - 1), 'one less than the processor has');

/** What each method trains. */
const METHOD_TEXT: Record<Method, string> = {
  tinytrain: 'layers and channels chosen for the samples by Fisher information',
  deeptrain: 'all layers that the memory reaches, for few samples at a time',
  thintrain: 'as deeptrain; depthwise weights and biases alone, a small patch',
  none: 'nothing: prototypes of the network as it is',
  lastlayer: 'the last layer',
  fulltrain: 'everything, whatever it takes',
  biasonly: 'all biases, whatever it takes',
  tinytl: 'all biases, the last layer and the adapters (import --adapters)',
  sparseupdate: 'what was found offline for the network, or --selection',
};

/** Preprocessing and output of an ONNX file, which says neither. */
export function onnxOptions(command: Command): Command {
  return command
    .option(
      '--mean <r,g,b>',
      'of an ONNX model: mean of each channel, pixels from 0 to 1 (default 0.5)',
      channels('mean', (x) => Math.abs(x) <= 1, 'on the scale where a pixel is 0 to 1'),
    )
    .option(
      '--std <r,g,b>',
      'of an ONNX model: standard deviation, likewise (default 0.5)',
      channels('std', (x) => x > 0, 'each above 0'),
    )
    .option('--features <tensor>', 'of an ONNX model: the tensor that is the feature vector');
}

export function binaryOption(command: Command): Command {
  return command.addOption(
    choice(
      '--binary <kind>',
      'which WebAssembly binary runs; what relaxed gives differs between machines',
      BINARIES,
      'auto',
    ),
  );
}

/** `--model` and what goes with it. */
export function modelOptions(command: Command): Command {
  command.option('--model <model>', 'a .ttm or .onnx file, or the name of an embedded model', 'default');
  return onnxOptions(binaryOption(command));
}

export function jsonOption(command: Command): Command {
  return command.option('--json', 'print one JSON document and nothing else');
}

export function budgetOptions(command: Command): Command {
  return command
    .option('--memory <size>', 'limit of backward memory: bytes, 256KB, 1MB', keep(parseMemory), DEFAULTS.memory)
    .option(
      '--compute <limit>',
      'limit of backward MACs: a share such as 15%, or 2M',
      keep(parseCompute),
      DEFAULTS.compute,
    )
    .option(
      '--ram <size>',
      'limit of everything in linear memory, weights outside of it: 320KB',
      keep((text) => parseMemory(text, 'ram')),
    );
}

/** Options that `adapt`, `select` and `evaluate` share beside method and budgets. */
export function taskOptions(command: Command): Command {
  return command
    .addOption(choice('--criterion <name>', 'what scores the layers (tinytrain; of deeptrain: depth)', CRITERIA))
    .option('--temperature <t>', 'of the cosine in the loss', positiveNumber('temperature'), DEFAULTS.temperature)
    .addOption(choice('--augment <how>', 'of the pseudo-queries', AUGMENTS, DEFAULTS.augment))
    .option('--seed <n>', 'of everything random', wholeNumber('seed', 0, 2 ** 32 - 1), DEFAULTS.seed);
}

/** Options of `select`, which `adapt` has too. */
export function selectOptions(command: Command): Command {
  command
    .requiredOption('--support <dir|zip>', 'the labelled samples: one folder of images a class')
    .addOption(choice('--method <name>', 'what is trained, see below', METHODS, DEFAULTS.method))
    .option('--selection <file.json>', 'train exactly this: {"layers": {"LAYER": "all" | "bias" | [channel, ...]}}')
    .option('--save-selection <file.json>', 'write what was chosen in the same form')
    .addHelpText(
      'after',
      `\nWhat a method trains:\n${table(
        Object.entries(METHOD_TEXT).map(([name, text]) => ['', name, text]),
        'lll',
      ).trimEnd()}`,
    );
  return jsonOption(modelOptions(taskOptions(budgetOptions(command))));
}

export function iterationOptions(command: Command): Command {
  return command
    .option('--iterations <n>', 'of training', wholeNumber('iterations', 0, 1_000_000), DEFAULTS.iterations)
    .option(
      '--variants <n>',
      'augmented variants of a sample that are kept; 0 keeps none',
      wholeNumber('variants', 0, 1000),
    )
    .option(
      '--views <n>',
      `views of a picture whose mean is classified, 1 (default) to ${MAX_VIEWS}: as many forward passes`,
      wholeNumber('views', 1, MAX_VIEWS),
    );
}

/** Options that `adapt` adds. */
export function trainingOptions(command: Command): Command {
  const each = (Object.keys(TRAINING) as Method[]).filter((m) => m !== 'none');
  const optimizers = `default: ${each.map((m) => `${m} ${TRAINING[m].optimizer}`).join(', ')}`;
  return iterationOptions(command)
    .addOption(choice('--optimizer <name>', optimizers, OPTIMIZERS))
    .option('--lr <x>', `default: ${each.map((m) => `${m} ${TRAINING[m].lr}`).join(', ')}`, positiveNumber('lr'))
    .option('--workers <n>', 'threads that share the samples of an iteration', wholeNumber('workers', 1, 64), 1)
    .option('--no-guard', 'keep an adaptation even if it makes things worse on held-back views of the samples')
    .option('--save <out.ttd>', 'write the patch')
    .option('--report <out.html>', 'write a report with pictures');
}

export interface SelectArgs extends ModelArgs {
  support: string;
  method: Method;
  criterion?: CriterionName;
  selection?: string;
  saveSelection?: string;
  memory: string;
  compute: string;
  ram?: string;
  temperature: number;
  augment: Augment;
  seed: number;
  json?: boolean;
}

export interface AdaptArgs extends SelectArgs {
  iterations: number;
  variants?: number;
  views?: number;
  optimizer?: OptimizerName;
  lr?: number;
  workers: number;
  guard: boolean;
  save?: string;
  report?: string;
}
