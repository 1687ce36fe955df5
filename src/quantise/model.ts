import type { Int8, Model, Operator, Quantisation } from '../model/model.js';

/** Lowest and highest number of a value that 8 bits shall hold. */
export interface Range {
  min: number;
  max: number;
}

/** A bias stays below this in 32 bits, so that no sum that begins with it can leave them. */
const MOST_BIAS = 2 ** 30;
/** Scale of weights that are all zero, and steps of a value that is always zero: any will do. */
const ANY = 2 ** -20;

/** The scale and zero point of a value; zero is held exactly, as padding needs it. */
export function quantisationFor({ min, max }: Range, steps = 255): Quantisation {
  const low = Math.min(min, 0);
  const scale = Math.fround((Math.max(max, 0) - low) / steps || ANY);
  return { scale, zero: Math.min(Math.max(Math.round(-128 - low / scale), -128), 127) };
}

/** That of the image: one step less, or else its 256 numbers would lie between the steps. */
export function imageQuantisation(range: Range): Quantisation {
  const { scale, zero } = quantisationFor(range, 254);
  return { scale, zero: Math.min(zero + 1, 127) };
}

/** The model with int8 weights and values; `ranges` are those of its values, the image first. */
export function quantiseModel(model: Model, ranges: readonly Range[]): Model {
  const values: Quantisation[] = [imageQuantisation(ranges[0]!)];
  const operators = model.operators.map((operator, i): Operator => {
    const input = values[operator.input]!;
    // A maximum is one of its numbers: it keeps their scale.
    const value = operator.op === 'maxPooling' ? input : quantisationFor(ranges[i + 1]!);
    values.push(value);
    if (!operator.weights) return { ...operator, int8: { ...value, scales: null } };
    return { ...operator, ...quantiseLayer(operator, input, value) };
  });
  return { ...model, image: values[0], operators };
}

/** Weights by output channel to 8 bits, biases to 32. */
function quantiseLayer(operator: Operator, input: Quantisation, value: Quantisation) {
  const channels = operator.out[2];
  const weights = operator.weights!;
  const row = weights.length / channels;
  const at = (o: number, t: number) => (operator.op === 'depthwise' ? t * channels + o : o * row + t);
  const scales = new Float32Array(channels);
  const small = new Int8Array(weights.length);
  const bias = new Int32Array(channels);
  for (let o = 0; o < channels; o++) {
    let largest = 0;
    for (let t = 0; t < row; t++) largest = Math.max(largest, Math.abs(weights[at(o, t)]!));
    const b = operator.bias![o]!;
    scales[o] = Math.max(largest / 127, Math.abs(b) / (input.scale * MOST_BIAS)) || ANY;
    const scale = scales[o]!;
    for (let t = 0; t < row; t++)
      small[at(o, t)] = Math.max(-127, Math.min(127, Math.round(weights[at(o, t)]! / scale)));
    bias[o] = Math.round(b / (scale * input.scale));
  }
  const int8: Int8 = { ...value, scales };
  return { weights: small, bias, int8 };
}
