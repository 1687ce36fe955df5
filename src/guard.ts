/**
 * Whether an adaptation made things worse. Before and after it, views of the samples that training never saw (crops of
 * their own) are compared with prototypes made without the sample itself: a view's margin is its cosine with its own class
 * above the mean of all classes, in units of their spread, so that features which only drew together or apart count the
 * same. Margins that fall by more than noise mean that the adapted features tell the classes apart less well than the
 * original ones. Only +, -, *, / and square roots: every host decides alike.
 */
import type { Engine } from './engine.js';
import { type Crew, JOB } from './job.js';
import { Random } from './random.js';
import { SLICE, turn } from './run.js';
import type { Task } from './task.js';
import type { GuardReport } from './types.js';

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

/** What a view shows: the share of a side, and where it begins, in pixels. */
interface Frame {
  side: number;
  top: number;
  left: number;
}

function frameOf([h, w]: readonly [number, number, number], random: Random): Frame {
  const side = Math.sqrt(LEAST_AREA + (1 - LEAST_AREA) * random.uniform());
  return { side, top: (1 - side) * h * random.uniform(), left: (1 - side) * w * random.uniform() };
}

/** A view of a tensor h x w x c in the tensor's own size, bilinear. */
function crop(tensor: Float32Array, [h, w, c]: readonly [number, number, number], { side, top, left }: Frame) {
  const out = new Float32Array(tensor.length);
  const place = (start: number, i: number, size: number) => {
    const x = Math.min(size - 1, Math.max(0, start + (i + 0.5) * side - 0.5));
    const low = Math.floor(x);
    return [low, Math.min(size - 1, low + 1), x - low] as const;
  };
  for (let y = 0; y < h; y++) {
    const [y0, y1, v] = place(top, y, h);
    for (let x = 0; x < w; x++) {
      const [x0, x1, u] = place(left, x, w);
      for (let k = 0; k < c; k++) {
        const at = (row: number, column: number) => tensor[(row * w + column) * c + k]!;
        const upper = at(y0, x0) + u * (at(y0, x1) - at(y0, x0));
        const lower = at(y1, x0) + u * (at(y1, x1) - at(y1, x0));
        out[(y * w + x) * c + k] = upper + v * (lower - upper);
      }
    }
  }
  return out;
}

function cosine(a: Float64Array, b: Float32Array): number {
  let [product, aa, bb] = [0, 0, 0];
  for (let j = 0; j < b.length; j++) {
    product += a[j]! * b[j]!;
    aa += a[j]! * a[j]!;
    bb += b[j]! * b[j]!;
  }
  return aa > 0 && bb > 0 ? product / (Math.sqrt(aa) * Math.sqrt(bb)) : 0;
}

/** How far a value lies above the mean of all, in standard deviations; 0 where all are equal but for rounding. */
function standing(values: readonly number[], which: number): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) * (x - mean), 0) / values.length;
  const spread = Math.sqrt(variance);
  return spread > LEAST_SPREAD ? (values[which]! - mean) / spread : 0;
}

/** Features of tensors under the weights that the engine holds; a crew shares them, and each member has all. */
async function embedAll(
  engine: Engine,
  features: number,
  count: number,
  tensor: (i: number) => Float32Array,
  run: Run,
) {
  const { signal, crew } = run;
  const [index, members] = [crew?.index ?? 0, crew?.count ?? 1];
  const all = new Float32Array(features * count);
  let begun = performance.now();
  for (let i = index; i < count; i += members) {
    if (performance.now() - begun > SLICE) {
      await turn();
      signal?.throwIfAborted();
      begun = performance.now();
    }
    const sample = tensor(i);
    engine.begin(JOB.embed);
    engine.pump({ sample: () => sample });
    all.set(engine.floats('featuresPointer', features), i * features);
  }
  if (crew) {
    crew.share(-1, new Uint8Array(all.slice().buffer));
    for (let member = 0; member < members; member++) {
      if (member === index) continue;
      let bytes = crew.gather(member);
      for (; !bytes; bytes = crew.gather(member)) {
        await crew.arrival(signal);
        signal?.throwIfAborted();
      }
      const theirs = new Float32Array(bytes.buffer);
      for (let i = member; i < count; i += members) {
        all.set(theirs.subarray(i * features, (i + 1) * features), i * features);
      }
    }
  }
  return Array.from({ length: count }, (_, i) => all.subarray(i * features, (i + 1) * features));
}

/** What embedding needs besides the samples. */
interface Run {
  seed: number;
  signal?: AbortSignal;
  crew?: Crew;
}

/** Mean margin of the views of some samples, under the weights that the engine holds now. */
export async function margins(
  engine: Engine,
  { classes, labels, tensors }: Task,
  input: readonly [number, number, number],
  features: number,
  run: Run,
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
