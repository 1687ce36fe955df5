import { Random } from './random.js';

/**
 * Sampling of tasks (episodes) from a labelled data set.
 *
 * `meta` follows Meta-Dataset: Triantafillou et al., "Meta-Dataset: A Dataset of Datasets for Learning to Learn from Few
 * Examples", ICLR 2020, section 3.2 and appendix; constants and rounding as in the authors' code
 * (google-research/meta-dataset, meta_dataset/data/sampling.py, and its gin configuration).
 */

/** Number of classes, a range of it, or Meta-Dataset's range. */
export type Way = number | readonly [low: number, high: number] | 'meta';

export interface EpisodeOptions {
  /** Classes of a task; a range: uniform in [low, min(high, classes)]; `meta`: the range [5, 50]. */
  way: Way;
  /** Support samples a class; `meta`: unbalanced, see `metaShots`. */
  shot: number | 'meta';
  /** Query samples a class; with `meta` shots at most half of the smallest class. */
  query: number;
  seed: number;
}

/** A sample: index of the class, and of the image inside the class. */
export interface SampleIndex {
  class: number;
  image: number;
}

export interface Episode {
  classes: number[];
  support: SampleIndex[];
  query: SampleIndex[];
}

const META_WAYS = [5, 50] as const;
const MAX_SUPPORT = 500;
const MAX_CONTRIBUTION = 100;
const LN2 = Math.LN2;

/** 2^u for |u| <= 1 by its series: + and * alone, because Math.exp differs between engines in the last bit. */
function exp2(u: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 24; k++) {
    term *= (u * LN2) / k;
    sum += term;
  }
  return sum;
}

/** Support samples of each class: sizes loosely follow the data set's, with weights e^α, α uniform in [log 0.5, log 2). */
function metaShots(sizes: number[], query: number, random: Random): number[] {
  const remaining = sizes.map((n) => n - query);
  const beta = random.uniform();
  const wanted = remaining.reduce((sum, n) => sum + Math.floor(beta * Math.min(MAX_CONTRIBUTION, n) + 1), 0);
  const total = Math.min(MAX_SUPPORT, wanted);
  const weights = sizes.map((n) => n * exp2(2 * random.uniform() - 1));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w, i) => Math.min(remaining[i]!, Math.floor((w / sum) * (total - sizes.length)) + 1));
}

/** Fewest and most classes. */
const waysOf = (way: Way) => (way === 'meta' ? META_WAYS : typeof way === 'number' ? ([way, way] as const) : way);

/** Classes with enough images, or an error that says how many there are. */
function eligible(sizes: readonly number[], options: EpisodeOptions): number[] {
  const need = options.shot === 'meta' ? 2 : options.shot + options.query;
  const classes = [...sizes.keys()].filter((c) => sizes[c]! >= need);
  const [ways] = waysOf(options.way);
  if (classes.length < ways) {
    throw new RangeError(
      `way ${typeof options.way === 'object' ? options.way.join('-') : options.way} needs ${ways} classes of at least ${need} images; the data has ${classes.length} of its ${sizes.length} classes`,
    );
  }
  return classes;
}

/**
 * Task number `task` of a data set whose classes have `sizes` images. It depends on the sizes, the options and the number
 * alone: the first 20 of 100 tasks are the tasks of a run of 20, and every method gets the same.
 */
export function sampleEpisode(sizes: readonly number[], options: EpisodeOptions, task: number): Episode {
  const random = new Random(options.seed, task);
  const candidates = eligible(sizes, options);
  const [low, high] = waysOf(options.way);
  const ways = typeof options.way === 'number' ? low : random.between(low, Math.min(high, candidates.length));
  const classes = random.pick(candidates, ways);
  const counts = classes.map((c) => sizes[c]!);
  const query = options.shot === 'meta' ? Math.min(options.query, Math.floor(Math.min(...counts) / 2)) : options.query;
  const shots = options.shot === 'meta' ? metaShots(counts, query, random) : counts.map(() => options.shot as number);
  const episode: Episode = { classes, support: [], query: [] };
  for (const [i, c] of classes.entries()) {
    const shot = shots[i]!;
    const images = random.pick([...Array(sizes[c]!).keys()], shot + query);
    for (const [j, image] of images.entries()) (j < shot ? episode.support : episode.query).push({ class: c, image });
  }
  return episode;
}
