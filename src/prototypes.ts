/** Prototypes of several views of the samples; who adapts with one view doesn't load it. */
import { type EmbedRun, embedAll } from './embed.js';
import type { Engine } from './engine.js';
import { TinyTrainError } from './status.js';
import type { Task } from './task.js';
import { type Input, viewOf } from './views.js';

/**
 * Makes the prototypes that the engine holds, which are class means of the samples themselves, class means of `views` views
 * of each sample, under the weights that it holds. Throws where one has no finite norm.
 */
export async function addViewsToPrototypes(
  engine: Pick<Engine, 'embed' | 'floats' | 'setPrototypes'>,
  { classes, labels, tensors }: Task,
  input: Input,
  features: number,
  views: number,
  run: EmbedRun,
): Promise<void> {
  const shots = classes.map((_, k) => labels.filter((label) => label === k).length);
  const sums = Float64Array.from(engine.floats('prototypesPointer', classes.length * features));
  for (let view = 1; view < views; view++) {
    const seen = await embedAll(engine, features, tensors.length, (i) => viewOf(tensors[i]!, input, view), run);
    for (const [i, f] of seen.entries()) {
      const at = labels[i]! * features;
      for (let j = 0; j < features; j++) sums[at + j]! += f[j]! / shots[labels[i]!]!;
    }
  }
  const means = Float32Array.from(sums, (sum) => sum / views);
  // The engine refuses a patch whose prototypes have no finite norm in its single precision.
  const squares = classes.map((_, k) => {
    return means.subarray(k * features, (k + 1) * features).reduce((sum, x) => Math.fround(sum + x * x), 0);
  });
  if (!squares.every(Number.isFinite)) {
    throw new TinyTrainError('training diverged: the features of a view are too large; lower the learning rate (--lr)');
  }
  engine.setPrototypes(means);
}
