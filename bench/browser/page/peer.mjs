/** Adaptation in tfjs: the job that tinytrain does, on a batch of all samples. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * Trains the layers of a graph from its weights: prototypes of the support set, the cosine loss of the same samples
 * against them, `iterations` steps of momentum. What is frozen runs once. Returns the loss of every iteration, and what
 * is to be kept: the trained parameters and the prototypes, in ordinary memory.
 */
export async function adapt(graph, tensors, labels, { iterations, lr, temperature }) {
  const ways = Math.max(...labels) + 1;
  const begun = performance.now();
  const images = tf.tidy(() => tf.stack(tensors.map((values) => tf.tensor3d(values, graph.model.input))));
  const hot = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), ways).toFloat());
  // The mean of a class is a product with this.
  const means = tf.tidy(() => hot.div(hot.sum(0)).transpose());
  const values = graph.prefix(images);
  // With a GPU nothing has happened before something is read.
  await tf.tidy(() => values.at(-1).slice([0, 0, 0, 0], [1, 1, 1, 1])).data();
  const trainBegun = performance.now();

  const parameters = graph.parameters.map((all, i) =>
    graph.trained[i] ? { filter: tf.variable(all.filter), bias: tf.variable(all.bias) } : all,
  );
  const variables = parameters.flatMap(({ filter, bias } = {}, i) => (graph.trained[i] ? [filter, bias] : []));
  const optimizer = tf.train.momentum(lr, 0.9);
  const lossOf = () => {
    const f = graph.features(values, parameters);
    const scores = unit(f)
      .matMul(unit(means.matMul(f)), false, true)
      .mul(temperature);
    return tf.losses.softmaxCrossEntropy(hot, scores);
  };
  const losses = [];
  for (let i = 0; i < iterations; i++) losses.push(optimizer.minimize(lossOf, true, variables));
  const prototypes = tf.tidy(() => means.matMul(graph.features(values, parameters)));
  const kept = await Promise.all([...variables, prototypes].map((tensor) => tensor.data()));
  const loss = (await Promise.all(losses.map((tensor) => tensor.data()))).map(([value]) => value);
  const end = performance.now();
  optimizer.dispose();
  tf.dispose([images, hot, means, values, variables, losses, prototypes]);
  return { loss, kept, prefixMs: trainBegun - begun, trainMs: end - trainBegun, totalMs: end - begun };
}

/** Rows of length 1. */
const unit = (rows) => rows.div(rows.square().sum(1, true).sqrt());
