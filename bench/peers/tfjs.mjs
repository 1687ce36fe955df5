// TensorFlow.js on its cpu or wasm backend, one thread. Inference runs its fused kernels, training its own gradients.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { readNetwork } from './read.mjs';
import { repeat, serve } from './worker.mjs';

const [folder, packages, backend] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const tf = await load('@tensorflow/tfjs');
await load(`@tensorflow/tfjs-backend-${backend}`).then((module) => module.setThreadsCount?.(1));
await tf.setBackend(backend);
await tf.ready();

const network = readNetwork(folder);
const LABEL = 3;
/** So small that weights stay what they are, however often the step is timed. */
const TIMED_LR = 1e-9;
const FIRST = { training: 0, blocks: network.lastBlocks };
const pictures = network.pictures.map((picture) => tf.tensor4d(picture, [1, ...network.input]));
const label = tf.cast(tf.oneHot(tf.tensor1d([LABEL], 'int32'), network.classes), 'float32');

/** Weights as TensorFlow has them: [height][width][in][out], depthwise [height][width][channels][1], linear [in][out]. */
function tensorOf({ op, kernel: [height, width], in: [, , inC], out: [, , outC], weights }) {
  if (op === 'depthwise') return tf.tensor4d(weights, [height, width, inC, 1]);
  if (op === 'linear') return tf.tidy(() => tf.transpose(tf.tensor2d(weights, [outC, inC])));
  return tf.tidy(() => tf.transpose(tf.tensor4d(weights, [outC, height, width, inC]), [1, 2, 3, 0]));
}

/** Variables of every layer; those from operator `from` on are trained. */
function variables(from) {
  return network.operators.map((o, i) =>
    o.weights
      ? { w: tf.variable(tensorOf(o), i >= from), b: tf.variable(tf.tensor1d(o.bias), i >= from) }
      : { w: null, b: null },
  );
}

/** The logits. `fused`: kernels that add the bias and clip as they store, which have no gradient. */
function forward(layers, picture, fused) {
  const values = [picture];
  for (const [i, { op, input, second, stride, padding, limit, out }] of network.operators.entries()) {
    const x = values[input];
    const { w, b } = layers[i];
    const pad = padding[0];
    const options = { x, filter: w, strides: stride, pad, dimRoundingMode: 'floor' };
    const clip = (y) => (limit === null ? y : tf.relu6(y));
    const conv = op === 'depthwise' ? 'depthwiseConv2d' : 'conv2d';
    let y;
    if (op === 'addition') y = tf.add(x, values[second]);
    else if (op === 'globalAveragePooling') y = tf.mean(x, [1, 2], true);
    else if (op === 'linear') y = tf.add(tf.matMul(tf.reshape(x, [1, -1]), w), b);
    else if (fused) y = tf.fused[conv]({ ...options, bias: b, activation: limit === null ? 'linear' : 'relu6' });
    else y = clip(tf.add(tf[conv](x, w, stride, pad, 'NHWC', [1, 1], 'floor'), b));
    values.push(op === 'linear' ? y : tf.reshape(y, [1, ...out]));
  }
  return values.at(-1);
}

const frozen = variables(network.operators.length);
const infer = (picture) => {
  const logits = tf.tidy(() => forward(frozen, picture, true));
  const result = logits.dataSync();
  logits.dispose();
  return result;
};

/** A step of stochastic gradient descent as a function; it gives the loss from before the step. */
function trainer(step, lr) {
  const layers = variables(FIRST[step]);
  const trained = layers.slice(FIRST[step]).flatMap(({ w, b }) => (w ? [w, b] : []));
  const optimizer = tf.train.sgd(lr);
  const run = () => {
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(label, forward(layers, pictures[0], false)),
      true,
      trained,
    );
    const value = loss.dataSync()[0];
    loss.dispose();
    return value;
  };
  return { run, trained };
}

const steps = { inference: true };
const trainers = {};
for (const step of Object.keys(FIRST)) {
  try {
    trainers[step] = trainer(step, TIMED_LR).run;
    trainers[step]();
    steps[step] = true;
  } catch (error) {
    steps[step] = String(error.message).split('\n')[0];
  }
}

await serve(
  { version: tf.version_core, steps },
  {
    outputs: () => ({ outputs: pictures.map((picture) => [...infer(picture)]) }),
    losses: ({ step, lr, count }) => {
      const { run, trained } = trainer(step, lr);
      const losses = Array.from({ length: count }, run);
      tf.dispose(trained);
      return { losses };
    },
    time: async ({ step, ms }) => ({
      ms: await repeat(step === 'inference' ? () => infer(pictures[0]) : trainers[step], ms),
    }),
  },
);
