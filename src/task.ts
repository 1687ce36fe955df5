import { TinyTrainError } from './status.js';
import type { ImageInput, Sample } from './types.js';

/** A support set as the engine takes it. */
export interface Task {
  /** Names of the classes, in the order of first appearance. */
  classes: string[];
  /** Class of each sample. */
  labels: number[];
  tensors: Float32Array[];
}

/** Checks a support set and preprocesses its images. */
export function taskOf(support: readonly Sample[], tensor: (image: ImageInput) => Float32Array): Task {
  if (!Array.isArray(support) || support.length === 0) {
    throw new TinyTrainError('the support set is empty: give a list of { image, label }');
  }
  const classes: string[] = [];
  const indices = new Map<string, number>();
  const task: Task = { classes, labels: [], tensors: [] };
  for (const [i, sample] of support.entries()) {
    const label = sample?.label;
    if (typeof label !== 'string' || label === '' || label.includes('\0')) {
      throw new TinyTrainError(`sample ${i} has no usable label: a label is a text that is not empty`);
    }
    let index = indices.get(label);
    if (index === undefined) {
      index = classes.length;
      indices.set(label, index);
      classes.push(label);
    }
    task.labels.push(index);
    try {
      const values = tensor(sample.image);
      // The caller may reuse an array while the adaptation runs.
      task.tensors.push(values === sample.image ? values.slice() : values);
    } catch (error) {
      throw new TinyTrainError(`sample ${i} ('${label}'): ${(error as Error).message}`);
    }
  }
  if (classes.length < 2) {
    throw new TinyTrainError(`all samples have one label ('${classes[0]}'): training needs at least two classes`);
  }
  return task;
}
