/** The online stage up to the selection: what a method would train for a support set, and what that costs. */
import { type Engine, namesOf } from './engine.js';
import type { ModelInfo } from './inspect.js';
import { type Crew, JOB } from './job.js';
import type { CheckedOptions } from './options.js';
import { CRITERIA, computeLimit, DYNAMIC } from './options.js';
import { runJob } from './run.js';
import { applySelection, methodSelection, reportLayers } from './selection.js';
import { TinyTrainError } from './status.js';
import type { Task } from './task.js';
import type { Binary, Criterion, LayerFigures, LayerInfo, SelectReport } from './types.js';

export const OPTIMIZER_CODE = { sgd: 0, momentum: 1, adam: 2, lomo: 3 } as const;
export const AUGMENT_CODE = { off: 0, on: 1, flip: 2 } as const;
/** Codes of criteria in the engine that have no name: scores of the caller's own, written as those of `depth`; thin layers. */
const [HOST_SCORES, THIN] = [4, 5];
/** Share of the samples that may leave their class when mirrored, for mirroring to be allowed. */
const MIRROR_LOSS = 0.05;
export const UNLIMITED = 0xffffffff;

/** An engine with its model, and what the host knows of it. */
export interface Loaded {
  engine: Engine;
  binary: Binary;
  bytes: Uint8Array;
  info: ModelInfo;
  layers: LayerInfo[];
  /** MACs of the full backward pass. */
  fullMacs: number;
  /** The instances that share the samples of a job with this one. */
  crew?: Crew;
}

/**
 * The crew that shares the samples of a task: none for a few samples, and none with a limit of all of the memory, since
 * sharing takes more, nor where each sample is a step.
 */
export function crewFor({ crew }: Loaded, task: Task, options: CheckedOptions): Crew | undefined {
  const shares = options.ram === 0 && options.optimizer !== 'lomo';
  return crew && shares && task.labels.length >= crew.count ? crew : undefined;
}

/**
 * Fisher pass and selection, as far as the method needs them, from the original weights. Leaves the task and the
 * selection in the engine, ready for training.
 */
export async function choose(loaded: Loaded, task: Task, options: CheckedOptions): Promise<SelectReport> {
  const { engine, layers, info } = loaded;
  const { control } = engine;
  const crew = crewFor(loaded, task, options);
  const begun = performance.now();
  // With a limit of all of the memory, the weights stay outside, as in a microcontroller's flash.
  engine.open(loaded.bytes, options.ram > 0);
  engine.task(task.labels, task.classes.length);
  const dynamic = DYNAMIC.includes(options.method) && !options.selection;
  const compute = computeLimit(options.compute, loaded.fullMacs);
  // Ways back of an iteration, one of each pseudo-query and one of each support sample, all of which drawn ones may use up.
  const passes = 2 * task.labels.length;
  const drawn = options.optimizer === 'lomo';
  engine.shared = drawn ? passes : 1;
  control.set('draws', task.labels.length);
  control.set('iterations', options.iterations);
  control.set('optimizer', OPTIMIZER_CODE[options.optimizer]);
  control.set('lr', options.lr);
  control.set('temperature', options.temperature);
  control.set('seed', options.seed);
  control.set('variants', options.variants);
  control.set('memoryBudget', dynamic ? options.memory : UNLIMITED);
  control.set('computeBudget', compute * engine.shared);
  control.set('ramBudget', options.ram);
  control.set('shard', crew?.index ?? 0);
  control.set('shards', crew?.count ?? 0);
  control.set('nameBytes', namesOf(task.classes).length);
  const trains = options.selection !== undefined || options.method !== 'none';
  const crop = options.augment !== 'none';
  control.set('augment', crop ? AUGMENT_CODE.on : AUGMENT_CODE.off);
  const inspects = dynamic && options.method !== 'thintrain';
  const { criterion } = options;
  const code = typeof criterion === 'string' ? CRITERIA.indexOf(criterion) : HOST_SCORES;
  control.set('criterion', inspects ? code : THIN);
  // Whether the budgets allow anything is known before anything runs.
  if (inspects) {
    engine.begin(JOB.fisher);
    engine.stop();
  } else if (dynamic) engine.select();
  const flip = trains && options.augment === 'auto' && (await mirrors(engine, task, options, crew));
  if (flip) control.set('augment', AUGMENT_CODE.on | AUGMENT_CODE.flip);
  if (inspects) {
    engine.begin(JOB.fisher);
    await runJob(engine, task, options, crew);
    score(engine, layers, criterion);
    engine.select();
  }
  if (dynamic) {
    // More than each sample once would be more steps than the rate is for.
    const most = Math.floor((compute * passes) / control.get('backwardMacs'));
    if (drawn) control.set('draws', Math.min(task.labels.length, most));
  } else {
    if (options.method === 'sparseupdate' && !options.selection) {
      throw new TinyTrainError('method sparseupdate needs a selection: give a file with --selection');
    }
    const selection = options.selection ?? methodSelection(options.method as 'none', layers);
    applySelection(engine, selection, layers);
  }
  const fisherMs = performance.now() - begun;
  // Laying the training out says what it takes; nothing runs.
  engine.begin(JOB.train);
  engine.stop();
  const { name, checksum, input, params, macs } = info;
  const [draw, draws] = [control.get('backwardMacs'), control.get('draws')];
  const spent = draw * (drawn ? draws : passes);
  return {
    model: { name, checksum, input, params, macs },
    task: { ways: task.classes.length, samples: task.labels.length, classes: task.classes },
    method: options.selection && options.method !== 'sparseupdate' ? 'selection' : options.method,
    criterion: dynamic ? (typeof criterion === 'string' ? criterion : 'custom') : 'none',
    seed: options.seed,
    budgets: { memoryBytes: options.memory, backwardMacs: compute, ramBytes: options.ram || null },
    layers: reportLayers(engine, layers),
    memory: { backwardBytes: control.get('backwardBytes'), peakBytes: control.get('peakBytes') },
    macs: {
      forward: macs,
      backward: drawn ? spent / passes : draw,
      fullBackward: loaded.fullMacs,
      draw,
      adaptation: spent * options.iterations,
    },
    draws: drawn ? draws : null,
    augment: { flip, crop },
    time: { fisherMs },
    binary: loaded.binary,
  };
}

/** Whether mirrored samples stay in their class, by prototypes made without the sample itself. */
async function mirrors(engine: Engine, task: Task, options: CheckedOptions, crew?: Crew): Promise<boolean> {
  engine.begin(JOB.probe);
  await runJob(engine, task, options, crew);
  const lost = engine.control.get('probePlain') - engine.control.get('probeMirrored');
  return lost <= MIRROR_LOSS * task.labels.length;
}

function score(engine: Engine, layers: readonly LayerInfo[], criterion: CheckedOptions['criterion']): void {
  engine.score();
  const own = criterion === 'depth' ? (layer: LayerFigures) => layer.index : criterion;
  if (typeof own === 'function') customScores(engine, layers, own);
}

function customScores(engine: Engine, layers: readonly LayerInfo[], criterion: Criterion): void {
  const figures: LayerFigures[] = [];
  for (const { index, name, op, params, macs, out } of layers) {
    const { inspected, delta, fisher } = engine.layer(index, out[2]);
    if (inspected) figures.push({ index, name, op, params, macs, fisher, delta });
  }
  for (const figure of figures) {
    const value = criterion(figure, figures);
    if (typeof value !== 'number' || Number.isNaN(value)) {
      throw new TinyTrainError(`the criterion gave ${value} for layer '${figure.name}': it must give a number`);
    }
    engine.setScore(figure.index, value);
  }
}
