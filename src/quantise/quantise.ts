import { provideBinary } from '../binary.js';
import { Engine } from '../engine.js';
import { toTensor } from '../image.js';
import { layersOf, type Model, quantisationOf } from '../model/model.js';
import { readModel } from '../model/read.js';
import { writeModel } from '../model/write.js';
import { oneOf } from '../options.js';
import { TinyTrainError } from '../status.js';
import type { LoadOptions, Sample } from '../types.js';
import { quantiseModel } from './model.js';
import { calibrate, RANGES, type RangeRule } from './ranges.js';
import { traceValues } from './trace.js';

/** Images on which the values of both networks are compared. */
const COMPARED = 8;

export interface QuantizeOptions extends Pick<LoadOptions, 'binary' | 'module'> {
  /** How ranges are taken: without the farthest of the values, with the least squared error, or whole. */
  range?: RangeRule;
  /** Called after each pass over an image. */
  onProgress?(done: number, total: number): void;
}

/** What 8 bits make of one layer's output. */
export interface QuantizedLayer {
  name: string;
  /** Root of the squared error's share of the squared values, on the way from the image: 0 is none. */
  error: number;
  /** What this layer adds to the error of its input. */
  added: number;
}

export interface QuantizeReport {
  model: string;
  range: RangeRule;
  images: number;
  classes: number;
  /** Percent of the images whose class's prototype, made without them, is the nearest. */
  accuracy: { before: number; after: number };
  bytes: { before: number; after: number };
  /** In the order of the model. */
  layers: QuantizedLayer[];
}

/**
 * Makes an int8 network of a float one (the bytes of a `.ttm` file), with the ranges that its values have on labelled
 * images. What is trained later still is trained in floats.
 */
export async function quantize(
  bytes: Uint8Array,
  samples: readonly Sample[],
  options: QuantizeOptions = {},
): Promise<{ bytes: Uint8Array; report: QuantizeReport }> {
  const range = options.range ?? 'mse';
  oneOf('range', range, RANGES);
  const model = readModel(bytes);
  if (model.operators.some((operator) => operator.int8)) {
    throw new TinyTrainError(`model ${model.name} is int8 already: give the float network that it was made of`);
  }
  const labels = [...new Set(samples.map((sample) => sample.label))];
  if (samples.length < 2 || labels.length < 2) {
    throw new TinyTrainError(`${samples.length} images of ${labels.length} classes: at least 2 classes are needed`);
  }
  const images = samples.map(({ image }) => toTensor(image, model.input, model.mean, model.std));
  const { module } = await provideBinary(options);
  const before = await Engine.create(module);
  before.open(bytes);
  const total = images.length * (range === 'minmax' ? 2 : 3);
  let done = 0;
  const seen = () => options.onProgress?.(++done, total);
  const small = quantiseModel(model, calibrate(before, model, images, range, seen));
  const file = writeModel(small);
  const after = await Engine.create(module);
  after.open(file);
  const features: [Float32Array[], Float32Array[]] = [[], []];
  const errors = model.operators.map(() => ({ square: 0, all: 0 }));
  for (const [i, image] of images.entries()) {
    const values: Float32Array[] = [];
    traceValues(before, model, image, (_, numbers) => values.push(Float32Array.from(numbers)));
    features[0].push(values.at(-1)!);
    traceValues(after, small, image, (value, numbers) => {
      if (value === 0 || (i >= COMPARED && value < values.length - 1)) return;
      const { scale, zero } = quantisationOf(small, value)!;
      const floats = Float32Array.from(numbers, (q) => (q - zero) * scale);
      const error = errors[value - 1]!;
      for (const [k, x] of values[value]!.entries()) {
        error.square += (x - floats[k]!) ** 2;
        error.all += x * x;
      }
      if (value === values.length - 1) features[1].push(floats);
    });
    seen();
  }
  const [accurate, still] = features.map((of) =>
    accuracy(
      of,
      samples.map((sample) => labels.indexOf(sample.label)),
      labels.length,
    ),
  );
  return {
    bytes: file,
    report: {
      ...{ model: model.name, range, images: samples.length, classes: labels.length },
      accuracy: { before: accurate!, after: still! },
      bytes: { before: bytes.length, after: file.length },
      layers: layerErrors(
        model,
        errors.map(({ square, all }) => (all > 0 ? Math.sqrt(square / all) : 0)),
      ),
    },
  };
}

function layerErrors(model: Model, errors: number[]): QuantizedLayer[] {
  const names = new Set(layersOf(model).map((operator) => operator.name));
  return model.operators
    .map(({ name, input }, i) => {
      const before = input === 0 ? 0 : errors[input - 1]!;
      return { name, error: errors[i]!, added: Math.max(0, errors[i]! - before) };
    })
    .filter((layer) => names.has(layer.name));
}

/** Percent of the vectors that are nearest, by cosine, to the mean of their class without them. */
function accuracy(features: readonly Float32Array[], labels: readonly number[], ways: number): number {
  const length = features[0]!.length;
  const sums = Array.from({ length: ways }, () => new Float64Array(length));
  for (const [i, f] of features.entries()) for (let k = 0; k < length; k++) sums[labels[i]!]![k]! += f[k]!;
  let right = 0;
  for (const [i, f] of features.entries()) {
    const cosines = sums.map((sum, way) => {
      let [dot, square] = [0, 0];
      for (let k = 0; k < length; k++) {
        const x = sum[k]! - (way === labels[i] ? f[k]! : 0);
        dot += x * f[k]!;
        square += x * x;
      }
      return square > 0 ? dot / Math.sqrt(square) : Number.NEGATIVE_INFINITY;
    });
    if (cosines.indexOf(Math.max(...cosines)) === labels[i]) right++;
  }
  return (100 * right) / features.length;
}
