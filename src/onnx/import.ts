import { modelProblem } from '../model/check.js';
import type { Model } from '../model/model.js';
import { translateFeatures } from './classifier.js';
import { OnnxError, shown } from './error.js';
import { foldSteps } from './fold.js';
import { indexGraph } from './graph.js';
import { preprocessing } from './preprocessing.js';
import { readOnnx } from './proto.js';

export interface ImportOptions {
  /** Name of the model; default the name of the graph. */
  name?: string;
  /**
   * Mean and standard deviation of the pixels that the network was trained with, one value or one a channel: value =
   * (pixel / 255 - mean) / std. If any is above 1.5, they are taken for those of pixels from 0 to 255. Default 0.5 and
   * 0.5, pixels from -1 to 1.
   */
  mean?: number[];
  std?: number[];
  /** Tensor that is the feature vector; default the input of the classifier, or the output where there is none. */
  features?: string;
}

/** The network of an ONNX file as plain data: see `importOnnx`. */
export function importModel(bytes: Uint8Array, options: ImportOptions = {}): Model {
  const graph = indexGraph(readOnnx(bytes));
  const { steps, result } = translateFeatures(graph, options.features);
  const input = steps.find((step) => step.op === 'input');
  if (!input) throw new OnnxError('the network has no image as input');
  if (steps.every((step) => step.op === 'input')) {
    const features = options.features ?? graph.outputs[0]!;
    throw new OnnxError(`nothing is computed between the image and ${shown(features)}: the network has no operators`);
  }
  const operators = foldSteps(steps, result.step);
  const name = options.name ?? (graph.name || 'model');
  const image = operators.some((operator) => operator.int8 && operator.input === 0) ? { image: input.int8 } : {};
  const pixels = preprocessing(input.out[2], options.mean, options.std);
  const model = { name, input: input.out, ...pixels, ...image, operators };
  const problem = modelProblem(model);
  if (problem) throw new OnnxError(problem);
  return model;
}
