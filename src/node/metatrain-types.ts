/** What goes into meta-training and what comes out. */
import type { EpisodeOptions } from '../episodes.js';
import type { OptimizerOptions } from '../meta/optimizer.js';
import type { Augment } from '../types.js';
import type { ClassSet } from './classes.js';

/** What the result depends on, beside model and data. */
export interface MetatrainSettings extends EpisodeOptions, Omit<OptimizerOptions, 'steps' | 'warmup'> {
  episodes: number;
  /** Episodes of a step of the optimiser. */
  batch: number;
  /** Share of the steps in which the learning rate rises. */
  warmup: number;
  temperature: number;
  augment: Augment;
  /** Episodes between two validations, tasks of each, and how many without a better one end the training (0: never). */
  every: number;
  tasks: number;
  patience: number;
}

export interface MetatrainOptions {
  settings: MetatrainSettings;
  training: ClassSet;
  /** Other classes, to choose the best weights by; undefined: the last ones are taken. */
  validation?: ClassSet;
  workers: number;
  /** File that holds the state of an unfinished run. */
  checkpoint: string;
  /** Passes over a checkpoint that is there. */
  restart?: boolean;
  /** Seconds between two checkpoints. */
  interval?: number;
  signal?: AbortSignal;
  onProgress?: (progress: MetatrainProgress) => void;
}

/** One validation, of the averaged weights. */
export interface Validation {
  episode: number;
  /** Of the episodes since the last one: mean of loss / log(classes), so that 1 is chance; null before training. */
  loss: number | null;
  /** Mean over the tasks, percent. */
  accuracy: number;
}

export interface MetatrainProgress {
  done: number;
  total: number;
  /** Of the last step, as in a validation. */
  loss?: number;
  /** Set where one has just been made. */
  validation?: Validation;
  best?: Validation;
  /** Tasks of a validation that are done, while it runs. */
  tested?: number;
  /** Set where a checkpoint was found. */
  resumed?: boolean;
  secondsLeft?: number;
}

export interface MetatrainResult {
  /** The model's file with the best weights. */
  file: Uint8Array<ArrayBuffer>;
  checksum: string;
  /** Episodes done, and the one after which the weights were as they are in the file. */
  episodes: number;
  chosen: number;
  stopped: 'end' | 'patience';
  /** Accuracy in percent of each validation task, with the first and with the chosen weights. */
  before: number[];
  after: number[];
  history: Validation[];
  seconds: number;
}
