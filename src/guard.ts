/**
 * Whether an adaptation made things worse. Before and after it, views of the samples that training never saw (crops of
 * their own) are compared with prototypes made without the sample itself: a view's margin is its cosine with its own class
 * above the mean of all classes, in units of their spread, so that features which only drew together or apart count the
 * same. Margins that fall by more than noise mean that the adapted features tell the classes apart less well than the
 * original ones. Only +, -, *, / and square roots: every host decides alike.
 */
import { type EmbedRun, embedAll } from './embed.js';
import type { Engine } from './engine.js';
import { Random } from './random.js';
import type { Task } from './task.js';
import type { GuardReport } from './types.js';
import { cosine, crop, type Frame, type Input } from './views.js';

/** Views of a sample, and the most samples that are looked at. */
const VIEWS = 2;
const MOST = 50;
/** Least share of the area that a view shows. */
const LEAST_AREA = 0.5;
/** How many standard errors the mean margin must fall. Training on the samples lifts it, so that any fall says much. */
const NOISE = 1;
/** A spread of cosines below this is rounding: the engine's scores are single precision. */
const LEAST_SPREAD = 1e-6;
/** Keeps the guard's random numbers apart from those of tasks. */
const STREAM = 0x67756172;

function frameOf([h, w]: Input, random: Random): Frame {
  const side = Math.sqrt(LEAST_AREA + (1 - LEAST_AREA) * random.uniform());
  return { side, top: (1 - side) * h * random.uniform(), left: (1 - side) * w * random.uniform() };
}

/** How far a value lies above the mean of all, in standard deviations; 0 where all are equal but for rounding. */
function standing(values: readonly number[], which: number): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) * (x - mean), 0) / values.length;
  const spread = Math.sqrt(variance);
  return spread > LEAST_SPREAD ? (values[which]! - mean) / spread : 0;
}

/** Mean margin of the views of some samples, under the weights that the engine holds now. */
export async function margins(
  engine: Engine,
  { classes, labels, tensors }: Task,
  input: Input,
  features: number,
  run: EmbedRun & { seed: number },
): Promise<number[]> {
  const plain = await embedAll(engine, features, tensors.length, (i) => tensors[i]!, run);
  const sums = classes.map(() => new Float64Array(features));
  const counts = classes.map(() => 0);
  for (const [i, f] of plain.entries()) {
    const label = labels[i]!;
    sums[label] = sums[label]!.map((x, j) => x + f[j]!);
    counts[label]!++;
  }
  const random = new Random(run.seed, STREAM);
  const picked = random.pick([...labels.keys()], Math.min(MOST, labels.length));
  const views = picked.flatMap((i) => Array.from({ length: VIEWS }, () => ({ i, frame: frameOf(input, random) })));
  const view = (v: number) => crop(tensors[views[v]!.i]!, input, views[v]!.frame);
  const seen = await embedAll(engine, features, views.length, view, run);
  return picked.map((i, p) => {
    const own = labels[i]!;
    // The only sample of its class has to stand for it.
    const rest = counts[own]! > 1 ? sums[own]!.map((x, j) => x - plain[i]![j]!) : sums[own]!;
    let sum = 0;
    for (let v = 0; v < VIEWS; v++) {
      const f = seen[p * VIEWS + v]!;
      sum += standing(
        sums.map((prototype, k) => cosine(k === own ? rest : prototype, f)),
        own,
      );
    }
    return sum / VIEWS;
  });
}

/** Compares the margins of the same samples before and after an adaptation. */
export function compare(before: readonly number[], after: readonly number[]): GuardReport {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const change = after.map((x, i) => x - before[i]!);
  const middle = mean(change);
  const variance = change.reduce((sum, x) => sum + (x - middle) * (x - middle), 0) / (change.length - 1);
  const noise = Math.sqrt(variance / change.length);
  return { before: mean(before), after: mean(after), noise, fallback: middle < -NOISE * noise };
}
