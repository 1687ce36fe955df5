import { criterionOf, DEFAULTS, MAX_VIEWS, TRAINING } from './defaults.js';
import type {
  AdaptOptions,
  Augment,
  BinaryChoice,
  Criterion,
  CriterionName,
  LayerChoice,
  Method,
  OptimizerName,
  Selection,
  SelectOptions,
} from './types.js';

export const METHODS: readonly Method[] = [
  'tinytrain',
  'deeptrain',
  'thintrain',
  'none',
  'lastlayer',
  'fulltrain',
  'biasonly',
  'tinytl',
  'sparseupdate',
];
/** Methods that look at the samples and choose inside the budgets. */
export const DYNAMIC: readonly string[] = ['tinytrain', 'deeptrain', 'thintrain'];
export const CRITERIA: readonly CriterionName[] = ['tinytrain', 'fisher', 'l2', 'random', 'depth'];
export const OPTIMIZERS: readonly OptimizerName[] = ['adam', 'momentum', 'sgd', 'lomo'];
export const AUGMENTS: readonly Augment[] = ['auto', 'none', 'noflip'];
export const BINARIES: readonly BinaryChoice[] = ['auto', 'scalar', 'simd', 'relaxed'];

/** An option that can't be what was given; the message says what it can be. */
export class OptionError extends Error {
  override name = 'OptionError';
}

const show = (value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value));

/** One of a list of words. */
export function oneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if ((allowed as readonly unknown[]).includes(value)) return value as T;
  throw new OptionError(`${name} must be one of ${allowed.join(', ')}, got ${show(value)}`);
}

/** An integer from `min` to `max`, given as a number or as text. */
export function integer(name: string, value: unknown, min: number, max = 2 ** 31 - 1): number {
  const n = typeof value === 'string' && /^[+-]?\d+$/.test(value) ? Number(value) : value;
  if (typeof n === 'number' && Number.isInteger(n) && n >= min && n <= max) return n;
  const range = max === 2 ** 31 - 1 ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new OptionError(`${name} must be an integer ${range}, got ${show(value)}`);
}

/** A finite number above 0, in the engine's single precision too; given as a number or as text. */
export function positive(name: string, value: unknown): number {
  const n = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof n === 'number' && Number.isFinite(Math.fround(n)) && Math.fround(n) > 0) return n;
  throw new OptionError(`${name} must be a number above 0, got ${show(value)}`);
}

const UNITS: Record<string, number> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** Bytes of a budget: a number of bytes, or text such as '262144', '256KB', '1MB' (1 KB = 1024 bytes). */
export function parseMemory(value: number | string, name = 'memory'): number {
  const m = /^(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?$/i.exec(String(value).trim());
  const bytes = m ? Math.floor(Number(m[1]) * UNITS[m[2]!.toUpperCase()]!) : 0;
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new OptionError(`${name} must be bytes, or text such as '256KB' or '1MB', got ${show(value)}`);
}

/** A compute budget as given: a share of the full backward pass, or multiply-accumulates. */
export type Compute = { share: number } | { macs: number };

/** A share ('15%', 0.15), or MACs above 1 (2000000, '2M', '500K'; here K, M and G are powers of ten). */
export function parseCompute(value: number | string): Compute {
  const fail = () =>
    new OptionError(
      `compute must be a share of the full backward pass ('15%' or 0.15, at most 1) or MACs above 1 ('2M'), got ${show(value)}`,
    );
  const m = /^(\d*\.?\d+(?:e[+-]?\d+)?)\s*([%KMG]?)$/i.exec(String(value).trim());
  if (!m) throw fail();
  const n = Number(m[1]);
  const unit = m[2]!.toUpperCase();
  if (!(n > 0) || !Number.isFinite(n)) throw fail();
  if (unit === '%') {
    if (n > 100) throw fail();
    return { share: n / 100 };
  }
  if (unit === '' && n <= 1) return { share: n };
  const macs = Math.floor(n * ({ '': 1, K: 1e3, M: 1e6, G: 1e9 }[unit] ?? 1));
  if (macs < 1) throw fail();
  return { macs };
}

/** The compute budget in MACs of one sample's backward pass. */
export function computeLimit(compute: Compute, fullBackwardMacs: number): number {
  return 'macs' in compute ? compute.macs : Math.floor(compute.share * fullBackwardMacs);
}

/** Checks the form `{"layers": {"LAYER": "all" | "bias" | [channel, ...]}}`; other fields are left alone. */
export function parseSelection(value: unknown): Selection {
  const form = 'selection must be {"layers": {"LAYER": "all" | "bias" | [channel, ...]}}';
  const layers = (value as Selection | null)?.layers;
  if (typeof layers !== 'object' || layers === null || Array.isArray(layers)) throw new OptionError(form);
  for (const [name, choice] of Object.entries(layers)) {
    if (choice === 'all' || choice === 'bias') continue;
    if (!Array.isArray(choice) || !choice.every((c) => Number.isInteger(c) && c >= 0)) {
      throw new OptionError(`${form}; layer '${name}' has ${JSON.stringify(choice)?.slice(0, 40)}`);
    }
    if (new Set(choice).size !== choice.length)
      throw new OptionError(`selection: layer '${name}' names a channel twice`);
  }
  return { layers: layers as Record<string, LayerChoice> };
}

/** Options with every default filled in. */
export interface CheckedOptions {
  method: Method;
  criterion: CriterionName | Criterion;
  selection?: Selection;
  /** Bytes. */
  memory: number;
  /** Bytes; 0: no limit. */
  ram: number;
  compute: Compute;
  temperature: number;
  augment: Augment;
  seed: number;
  signal?: AbortSignal;
  iterations: number;
  optimizer: OptimizerName;
  lr: number;
  variants: number;
  views: number;
  guard: boolean;
  onProgress?: AdaptOptions['onProgress'];
}

/** Checks the options of `select` and `adapt` and fills in the defaults. */
export function checkOptions(options: SelectOptions | AdaptOptions = {}): CheckedOptions {
  const o = options as AdaptOptions;
  const method = oneOf('method', o.method ?? DEFAULTS.method, METHODS);
  const criterion = o.criterion ?? criterionOf(method);
  if (method === 'thintrain' && criterion !== 'depth')
    throw new OptionError('method thintrain takes the last layers first: leave criterion out');
  if (o.signal !== undefined && !(o.signal instanceof AbortSignal))
    throw new OptionError('signal must be an AbortSignal');
  if (o.onProgress !== undefined && typeof o.onProgress !== 'function') {
    throw new OptionError('onProgress must be a function');
  }
  if (o.guard !== undefined && typeof o.guard !== 'boolean') throw new OptionError('guard must be true or false');
  const ram = o.ram === undefined ? 0 : parseMemory(o.ram, 'ram');
  if (ram > 0 && criterion === 'l2') {
    throw new OptionError(
      'criterion l2 reads all weights: with ram they are outside of the memory; choose another one',
    );
  }
  return {
    method,
    criterion: typeof criterion === 'function' ? criterion : oneOf('criterion', criterion, CRITERIA),
    selection: o.selection === undefined ? undefined : parseSelection(o.selection),
    memory: parseMemory(o.memory ?? DEFAULTS.memory),
    ram,
    compute: parseCompute(o.compute ?? DEFAULTS.compute),
    temperature: positive('temperature', o.temperature ?? DEFAULTS.temperature),
    augment: oneOf('augment', o.augment ?? DEFAULTS.augment, AUGMENTS),
    seed: integer('seed', o.seed ?? DEFAULTS.seed, 0, 2 ** 32 - 1),
    signal: o.signal,
    iterations: integer('iterations', o.iterations ?? DEFAULTS.iterations, 0, 1_000_000),
    optimizer: oneOf('optimizer', o.optimizer ?? TRAINING[method].optimizer, OPTIMIZERS),
    lr: positive('lr', o.lr ?? TRAINING[method].lr),
    variants: integer('variants', o.variants ?? DEFAULTS.variants, 0, 1000),
    views: integer('views', o.views ?? DEFAULTS.views, 1, MAX_VIEWS),
    guard: o.guard ?? false,
    onProgress: o.onProgress,
  };
}
