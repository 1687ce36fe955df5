import { toBytes, toTensor } from '../image.js';
import { loadModel } from '../load.js';
import { episodeGradient, episodeRight, openForEpisodes } from '../meta/episode.js';
import { putVector } from '../meta/parameters.js';
import { randomView } from '../meta/view.js';
import { Random } from '../random.js';
import type { Augment, Binary, ImageInput } from '../types.js';
import type { ImageFile } from './classes.js';
import { decodeImage } from './data.js';

/** Everything a thread needs; plain data and shared memory, because it crosses threads. */
export interface EpisodeConfig {
  /** The model's file. */
  file: Uint8Array;
  binary: Binary;
  temperature: number;
  augment: Augment;
  seed: number;
  /** Vectors of weights (meta/parameters.ts) that this side writes between episodes. */
  weights: SharedArrayBuffer;
  averaged: SharedArrayBuffer;
  /** A vector for the gradient of each episode of a step. */
  gradients: SharedArrayBuffer[];
}

/** An episode: images of the support set, then of the queries, with the class of each. */
export interface EpisodeJob {
  /** Number of the episode, for its random views; and where its gradient goes. Without `slot` it is a test. */
  number: number;
  slot?: number;
  ways: number;
  labels: number[];
  queries: number;
  images: ImageFile[];
}

/** Loss of an episode that trains; share of the queries that are right of one that tests. */
export type EpisodeResult = number;

/** Stream of an image's random view. */
const STREAM_VIEW = 1;

/** Loads the model and returns what runs episodes one after the other. */
export async function createEpisodes(config: EpisodeConfig): Promise<(job: EpisodeJob) => Promise<EpisodeResult>> {
  const { loaded, stored } = await loadModel(config.file, { binary: config.binary });
  const { engine, info } = loaded;
  openForEpisodes(engine, config.file, loaded.layers, config.temperature);
  const weights = new Float32Array(config.weights);
  const averaged = new Float32Array(config.averaged);
  const gradients = config.gradients.map((buffer) => new Float32Array(buffer));

  return async ({ number, slot, ways, labels, queries, images }) => {
    const training = slot !== undefined;
    const tensors: Float32Array[] = [];
    // One generator an episode: its images come in one order.
    const random = new Random(config.seed + STREAM_VIEW * 2 ** 32, number);
    for (const { name, bytes } of images) {
      const image = await decodeImage(bytes, name);
      const view: ImageInput = training
        ? randomView(image, info.input, config.augment, random)
        : toBytes(image, info.input);
      tensors.push(toTensor(view, info.input, stored.mean, stored.std));
    }
    putVector(engine, stored, training ? weights : averaged);
    const episode = { ways, labels, queries, tensors };
    if (training) return episodeGradient(engine, stored, episode, gradients[slot]!);
    return (await episodeRight(engine, episode)) / queries;
  };
}
