/**
 * Cosine-prototype cross-entropy: Snell et al., Prototypical networks (NeurIPS 2017), with cosine similarity and a
 * temperature, as TinyTrain (Kwon et al., ICML 2024) adapts with. Prototypes are the class means of the support samples'
 * features, c_k; a query f is scored by cos_k = f . c_k / (|f| |c_k|), and
 *
 *   loss = -log softmax(temperature * cos)[label],
 *   dloss/dcos_k = temperature * (softmax_k - [k = label]),
 *   dcos_k/df = (c_k / |c_k| - cos_k f / |f|) / |f|,   dcos_k/dc_k = (f / |f| - cos_k c_k / |c_k|) / |c_k|.
 *
 * A vector whose norm is 0 (below 1e-15) has no direction: its cosines and its gradients are 0, never NaN.
 * One sample at a time; the features F of a sample and the prototypes are all that is in memory.
 */
import { exponential, logarithm } from './exponential';
import { axpy, dot } from './math';

/** 1 / |x|, or 0 where |x| is too small to divide by: products of two of these times a gradient stay finite. */
function inverseNorm(x: usize, n: i32): f32 {
  const square = dot(x, x, n);
  return square < 1e-30 ? 0 : 1 / sqrt<f32>(square);
}

/**
 * prototypes[label] += weight * f, with weight = 1 / samples of the class: the mean, sample by sample.
 * prototypes: [K][F], f: [F]
 */
export function prototype_add(prototypes: usize, f: usize, label: i32, F: i32, weight: f32): void {
  axpy(prototypes + ((<usize>(label * F)) << 2), weight, f, F);
}

/**
 * scores[k] = cosine of f and prototype k.
 * scores: [K], f: [F], prototypes: [K][F]
 */
export function prototype_scores(scores: usize, f: usize, prototypes: usize, K: i32, F: i32): void {
  const inverseF = inverseNorm(f, F);
  for (let k = 0; k < K; k++) {
    store<f32>(scores, dot(f, prototypes, F) * inverseF * inverseNorm(prototypes, F));
    scores += 4;
    prototypes += (<usize>F) << 2;
  }
}

/**
 * Loss of one query, returned without `scale`; df = scale * dloss/df; with withPrototypes
 * dPrototypes += scale * dloss/dPrototypes. scores is left holding the cosines.
 * df, f: [F], dPrototypes, prototypes: [K][F], scores: [K]
 */
export function prototype_loss(
  df: usize,
  dPrototypes: usize,
  scores: usize,
  f: usize,
  prototypes: usize,
  label: i32,
  K: i32,
  F: i32,
  temperature: f32,
  scale: f32,
  withPrototypes: bool,
): f32 {
  prototype_scores(scores, f, prototypes, K, F);
  let largest: f32 = -Infinity;
  for (let k = 0; k < K; k++) largest = max(largest, load<f32>(scores + (k << 2)));
  // Less the largest, every exponent is at most 0 and one is 0: no overflow, and a sum of at least 1.
  let sum: f32 = 0;
  for (let k = 0; k < K; k++) sum += exponential(temperature * (load<f32>(scores + (k << 2)) - largest));
  const loss = logarithm(sum) - temperature * (load<f32>(scores + (label << 2)) - largest);

  const inverseF = inverseNorm(f, F);
  let alongF: f32 = 0;
  memory.fill(df, 0, (<usize>F) << 2);
  for (let k = 0; k < K; k++) {
    const cosine = load<f32>(scores + (k << 2));
    const probability = exponential(temperature * (cosine - largest)) / sum;
    const dCosine: f32 = scale * temperature * (probability - (k == label ? <f32>1 : <f32>0));
    const inverseC = inverseNorm(prototypes, F);
    axpy(df, dCosine * inverseF * inverseC, prototypes, F);
    alongF += dCosine * cosine;
    if (withPrototypes) {
      add_combined(
        dPrototypes,
        dCosine * inverseF * inverseC,
        f,
        -dCosine * cosine * inverseC * inverseC,
        prototypes,
        F,
      );
    }
    prototypes += (<usize>F) << 2;
    dPrototypes += (<usize>F) << 2;
  }
  axpy(df, -alongF * inverseF * inverseF, f, F);
  return loss;
}

/** y += u * a + v * b, the two terms added to each other first: what a query adds is one number an element. */
function add_combined(y: usize, u: f32, a: usize, v: f32, b: usize, n: i32): void {
  for (; n > 0; n--) {
    store<f32>(y, load<f32>(y) + (u * load<f32>(a) + v * load<f32>(b)));
    y += 4;
    a += 4;
    b += 4;
  }
}

/**
 * df += weight * dPrototypes[label]: the gradient of a support sample's features, through the mean of its class.
 * df: [F], dPrototypes: [K][F]
 */
export function prototype_backward_support(df: usize, dPrototypes: usize, label: i32, F: i32, weight: f32): void {
  axpy(df, weight, dPrototypes + ((<usize>(label * F)) << 2), F);
}
