/** One episode on the engine: its gradient while training, its accuracy while testing. */
import { AUGMENT_CODE, OPTIMIZER_CODE, UNLIMITED } from '../choose.js';
import type { Engine } from '../engine.js';
import { JOB } from '../job.js';
import type { StoredModel } from '../model/ttm.js';
import { turn } from '../run.js';
import { applySelection, methodSelection } from '../selection.js';
import type { LayerInfo } from '../types.js';
import { takeGradient } from './parameters.js';

/** An episode as the engine takes it: the support set, then the queries; class of each, and tensors. */
export interface EpisodeTensors {
  ways: number;
  labels: readonly number[];
  /** So many of the last samples are queries. */
  queries: number;
  tensors: readonly Float32Array[];
}

/** A step that is too small to move a weight: only the velocity is of use. */
const NO_STEP = 1e-30;
/** The thread is handed back after so many milliseconds. */
const SLICE = 30;

/** Opens the model for episodes: every channel of every layer is trained. */
export function openForEpisodes(engine: Engine, file: Uint8Array, layers: readonly LayerInfo[], temperature: number) {
  engine.open(file);
  const { control } = engine;
  control.set('optimizer', OPTIMIZER_CODE.momentum);
  control.set('lr', NO_STEP);
  control.set('temperature', temperature);
  control.set('augment', AUGMENT_CODE.off);
  control.set('variants', 0);
  control.set('seed', 0);
  control.set('memoryBudget', UNLIMITED);
  applySelection(engine, methodSelection('fulltrain', layers), layers);
}

/** The loss of an episode, the mean over its queries; its gradient with respect to every weight goes to `gradient`. */
export async function episodeGradient(
  engine: Engine,
  model: StoredModel,
  { ways, labels, queries, tensors }: EpisodeTensors,
  gradient: Float32Array,
): Promise<number> {
  engine.task(labels, ways, queries);
  engine.control.set('iterations', 1);
  engine.begin(JOB.train);
  let loss: number | undefined;
  const host = {
    sample: (index: number) => tensors[index]!,
    iteration: (value: number) => {
      loss = value;
    },
  };
  for (let next = performance.now() + SLICE; loss === undefined; ) {
    // Handed back after every look at the clock, so that it stops at the iteration's end.
    engine.pump(host, 0);
    if (performance.now() < next) continue;
    await turn();
    next = performance.now() + SLICE;
  }
  takeGradient(engine, model, gradient);
  engine.stop();
  return loss;
}

/** Queries of an episode that get the class of their nearest prototype right. */
export async function episodeRight(
  engine: Engine,
  { ways, labels, queries, tensors }: EpisodeTensors,
): Promise<number> {
  const support = labels.length - queries;
  engine.task(labels.slice(0, support), ways);
  engine.control.set('iterations', 0);
  engine.begin(JOB.train);
  while (!engine.pump({ sample: (index) => tensors[index]! }, SLICE)) await turn();
  let right = 0;
  for (let i = support; i < labels.length; i++) {
    engine.begin(JOB.embed);
    while (!engine.pump({ sample: () => tensors[i]! }, SLICE)) await turn();
    const scores = engine.floats('scoresPointer', ways);
    const best = scores.indexOf(Math.max(...scores));
    if (best === labels[i]) right++;
  }
  return right;
}
