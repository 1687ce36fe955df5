/**
 * A model of tinytrain as tfjs runs it: the same operators, weights and layout (NHWC), a batch at a time.
 *
 * There are two forms of a layer that is trained. `plain` is what anyone would write: the operators of tfjs with their own
 * gradients. `composed` is for a backend that lacks the gradients of convolutions: what trains is written so that its
 * gradients are made of forward operators alone.
 */
import * as tf from '@tensorflow/tfjs-core';

/** A graph on the backend that is set while it is made. */
export class Graph {
  /** `trained`: the names of the layers that will be trained. */
  constructor(model, trained, form) {
    this.model = model;
    this.form = form;
    /** Position of the first operator that is trained: what comes before it is frozen. */
    this.first = model.operators.findIndex(({ name }) => trained.includes(name));
    this.trained = model.operators.map(({ name }) => trained.includes(name));
    this.parameters = model.operators.map((operator) => (operator.weights ? parametersOf(operator) : undefined));
  }

  /** Runs operators `from` to `to` (not with it) on the values made so far; parameters of an operator by its position. */
  run(values, from, to, parameters = this.parameters) {
    const made = [...values];
    for (let i = from; i < to; i++) {
      const operator = this.model.operators[i];
      const composed = this.trained[i] && this.form === 'composed';
      made[i + 1] = apply(operator, made[operator.input], made[operator.second], parameters[i], composed);
    }
    return made;
  }

  /** The values that the trained part reads, for a batch of images; the others of the list are empty. */
  prefix(images) {
    const { operators } = this.model;
    const read = new Set(operators.slice(this.first).flatMap(({ input, second }) => [input, second ?? input]));
    const values = tf.tidy(() => {
      const made = this.run([images], 0, this.first);
      // A tidy lets go of what it doesn't return.
      return Object.fromEntries(made.flatMap((value, i) => (read.has(i) ? [[i, i ? value : value.clone()]] : [])));
    });
    return Array.from({ length: this.first + 1 }, (_, i) => values[i]);
  }

  /** Feature vectors, a row an image, in the order of ONNX (channel, row, column), from values of `prefix`. */
  features(values, parameters) {
    const last = this.run(values, this.first, this.model.operators.length, parameters).at(-1);
    return last.transpose([0, 3, 1, 2]).reshape([last.shape[0], -1]);
  }

  dispose() {
    tf.dispose(this.parameters);
  }
}

/** Weights as tfjs wants them, and biases. */
function parametersOf({ op, weights, bias, kernel, in: from, out: to }) {
  const [height, width] = kernel;
  const filter = tf.tidy(() => {
    if (op === 'depthwise') return tf.tensor(weights, [height, width, from[2], 1]);
    if (op === 'convolution') return tf.tensor(weights, [to[2], height, width, from[2]]).transpose([1, 2, 3, 0]);
    throw new Error(`the bench has no ${op} operator`);
  });
  return { filter, bias: tf.tensor1d(bias) };
}

function apply(operator, x, second, parameters, composed) {
  const { op, stride, padding, limit, kernel } = operator;
  const activation = activationOf(limit);
  if (op === 'addition') return activate(x.add(second), activation);
  if (op === 'globalAveragePooling') return activate(x.mean([1, 2], true), activation);
  if (op !== 'convolution' && op !== 'depthwise') throw new Error(`the bench has no ${op} operator`);
  const { filter, bias } = parameters;
  if (!composed) {
    const run = op === 'depthwise' ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
    return run({ x, filter, bias, strides: stride, pad: padOf(padding), activation });
  }
  if (stride.some((n) => n !== 1)) throw new Error(`${operator.name}: the composed form has no strides`);
  if (op === 'depthwise') return activate(depthwise(x, filter, padding).add(bias), activation);
  if (kernel.some((n) => n !== 1))
    throw new Error(`${operator.name}: the composed form has pointwise convolutions only`);
  const [n, h, w, channels] = x.shape;
  const flat = x.reshape([n * h * w, channels]).matMul(filter.reshape(filter.shape.slice(2)));
  return activate(flat.reshape([n, h, w, -1]).add(bias), activation);
}

function activationOf(limit) {
  if (limit === null) return 'linear';
  if (limit === 6) return 'relu6';
  if (limit === Number.POSITIVE_INFINITY) return 'relu';
  throw new Error(`the bench has no activation with limit ${limit}`);
}

const activate = (x, activation) => (activation === 'linear' ? x : x[activation]());

const padOf = ([top, left, bottom, right]) => [
  [0, 0],
  [top, bottom],
  [left, right],
  [0, 0],
];

/**
 * Depthwise convolution of stride 1 whose gradients are depthwise convolutions too. That of x: of dy with the kernel turned
 * round. That of the kernel: of x with dy as the kernel, the batch taken for channels, then summed over the batch.
 */
function depthwise(x, filter, [top, left, bottom, right]) {
  const convolution = tf.customGrad((x, filter, save) => {
    save([x, filter]);
    const pad = padOf([top, left, bottom, right]);
    const value = tf.depthwiseConv2d(x, filter, 1, pad);
    const gradFunc = (dy, [x, filter]) => {
      const [n, height, width, channels] = x.shape;
      const [kernelH, kernelW] = filter.shape;
      const [, outH, outW] = dy.shape;
      const back = padOf([kernelH - 1 - top, kernelW - 1 - left, height + top - outH, width + left - outW]);
      const dx = tf.depthwiseConv2d(dy, filter.reverse([0, 1]), 1, back);
      const asChannels = (t) => t.transpose([1, 2, 0, 3]).reshape([t.shape[1], t.shape[2], n * channels]);
      const images = asChannels(x).expandDims(0);
      const dFilter = tf.depthwiseConv2d(images, asChannels(dy).expandDims(3), 1, pad);
      return [dx, dFilter.reshape([kernelH, kernelW, n, channels]).sum(2).expandDims(3)];
    };
    return { value, gradFunc };
  });
  return convolution(x, filter);
}
