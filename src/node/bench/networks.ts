/** Speed of whole networks: inference and training steps at batch 1, and where their time goes. */
import { choose, type Loaded } from '../../choose.js';
import { JOB, type TimedStep } from '../../job.js';
import type { StoredModel } from '../../model/ttm.js';
import { checkOptions } from '../../options.js';
import { type ProfiledOperator, type ProfileRow, profileRows, type TypicalStep, typicalSteps } from '../../profile.js';
import { Random } from '../../random.js';
import { TinyTrainError } from '../../status.js';
import { taskOf } from '../../task.js';
import type { AdaptOptions, LayerReport, Sample } from '../../types.js';
import { spread } from './timing.js';

export interface NetworkRow {
  name: string;
  /** `inference`, or `training, METHOD`: forward, loss and way back of one query, and the update. */
  step: string;
  batch: 1;
  ms: number;
  gmacs: number;
  /** Of the peak. */
  share: number;
}

/** Phase of the engine in which queries run forward and back (assembly/engine/episode.ts). */
const QUERIES = 4;
const RUNS = 60;
const ITERATIONS = 6;
const WAYS = 5;

/** Pictures of noise: time does not depend on what they show. */
export function noise(input: readonly number[], count: number): Sample[] {
  const random = new Random(1);
  const length = input.reduce((a, b) => a * b, 1);
  return Array.from({ length: count }, (_, i) => ({
    label: `class ${i % WAYS}`,
    image: Float32Array.from({ length }, () => random.uniform() * 2 - 1),
  }));
}

/** Median milliseconds of a forward pass. */
export function timeInference(loaded: Loaded): number {
  const { engine, info } = loaded;
  engine.open(loaded.bytes);
  const images = noise(info.input, 4).map((sample) => sample.image as Float32Array);
  const times: number[] = [];
  for (let i = 0; i < 2 * RUNS; i++) {
    const begun = performance.now();
    engine.begin(JOB.embed);
    engine.pump({ sample: () => images[i % images.length]! });
    times.push(performance.now() - begun);
  }
  return spread(times.slice(RUNS)).median;
}

/** What a profile must know of the operators of a model, with what is selected of each. */
function profiled(stored: StoredModel, layers: readonly LayerReport[], loaded: Loaded): ProfiledOperator[] {
  let layer = 0;
  return stored.operators.map(({ op, weights }) => {
    if (!weights) return { op, pointwise: false, macs: 0, trained: 0 };
    const info = loaded.layers[layer]!;
    const report = layers[layer++]!;
    const trained = report.trains === 'weights' ? report.selected.length / report.channels : 0;
    return { op, pointwise: info.op === 'pointwise', macs: info.macs, trained };
  });
}

/** One method's training, step by step. */
export interface TrainingProfile {
  /** Milliseconds of one query forward and back, and of the update. */
  ms: number;
  /** MACs of the query. */
  macs: number;
  /** Kinds of steps of the queries and the update, over the whole run, each step at the median of its times. */
  rows: ProfileRow[];
}

/** Trains some iterations and times every step; the first iterations, of code that is not optimised yet, don't count. */
export async function profileTraining(
  loaded: Loaded,
  stored: StoredModel,
  options: AdaptOptions,
): Promise<TrainingProfile> {
  const { engine, info } = loaded;
  const samples = noise(info.input, 2 * WAYS);
  const task = taskOf(samples, (image) => image as Float32Array);
  const checked = checkOptions({ augment: 'none', variants: 0, ...options, iterations: 2 * ITERATIONS });
  const report = await choose(loaded, task, checked);
  // The weights must stay what they are, lest training on noise diverges.
  engine.control.set('lr', 1e-12);
  engine.begin(JOB.train);
  const counted: TimedStep[] = [];
  let iteration = 0;
  engine.profile({ sample: (index) => task.tensors[index]! }, (step) => {
    const late = iteration >= ITERATIONS && iteration < 2 * ITERATIONS;
    if (late && (step.phase === QUERIES || step.endsIteration)) counted.push(step);
    if (step.endsIteration) iteration++;
  });
  if (counted.length === 0) throw new TinyTrainError('nothing was trained that could be timed');
  const typical = typicalSteps(counted);
  const sum = (steps: readonly TypicalStep[]) => steps.reduce((ms, step) => ms + step.ms * step.count, 0);
  const updates = sum(typical.filter((step) => step.endsIteration));
  return {
    ms: (sum(typical) - updates) / (ITERATIONS * samples.length) + updates / ITERATIONS,
    macs: report.macs.forward + report.macs.backward,
    rows: profileRows(typical, profiled(stored, report.layers, loaded)),
  };
}
