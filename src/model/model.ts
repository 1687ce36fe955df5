/** Most operators of a model. */
export const MAX_OPERATORS = 4096;

/** Sizes of a value: height, width, channels. */
export type Shape = [height: number, width: number, channels: number];

/** The operators of a `.ttm` file; their codes there are their positions here, counted from 1. */
export const OPERATOR_KINDS = [
  'convolution',
  'depthwise',
  'linear',
  'addition',
  'maxPooling',
  'averagePooling',
  'globalAveragePooling',
] as const;

export type OperatorKind = (typeof OPERATOR_KINDS)[number];

/** How a value of 8 bits is read: real value = (q - zero) * scale, with q and zero from -128 to 127. */
export interface Quantisation {
  scale: number;
  zero: number;
}

/** An int8 operator: the quantisation of its output and, of a layer, the scale of each output channel's weights. */
export interface Int8 extends Quantisation {
  scales: Float32Array | null;
}

/** One operator of a model; operator i of a model produces value i + 1. */
export interface Operator {
  op: OperatorKind;
  /** Unique in its model. */
  name: string;
  /** Value that is the first input; value 0 is the image. */
  input: number;
  /** Value that is the second input of an addition; null for every other operator. */
  second: number | null;
  in: Shape;
  out: Shape;
  kernel: [height: number, width: number];
  stride: [vertical: number, horizontal: number];
  padding: [top: number, left: number, bottom: number, right: number];
  /** The output is clipped to [0, limit]: 6 for ReLU6, infinity for ReLU; null without an activation. */
  limit: number | null;
  /** Average pooling divides by the whole window, padding included; else by the taps inside. */
  wholeWindow: boolean;
  /** In the order of docs/formats.md; null for an operator without weights. Floats, or int8 with biases of 32 bits. */
  weights: Float32Array | Int8Array | null;
  bias: Float32Array | Int32Array | null;
  /** Of an int8 operator. */
  int8?: Int8;
}

/** A model as plain data: what a `.ttm` file holds. */
export interface Model {
  name: string;
  input: Shape;
  /** One value a channel, on the scale where a pixel is 0 to 1; empty for more than 4 channels. */
  mean: number[];
  std: number[];
  /** How the preprocessed image is quantised, where an int8 operator reads it. */
  image?: Quantisation;
  /** In execution order; the output of the last one is the feature vector. */
  operators: Operator[];
}

/** The operators with weights, each with its index among the layers. */
export function layersOf(model: Model): Operator[] {
  return model.operators.filter((operator) => operator.weights !== null);
}

/** Quantisation of a value, undefined for one of floats. */
export function quantisationOf(model: Model, value: number): Quantisation | undefined {
  return value === 0 ? model.image : model.operators[value - 1]?.int8;
}

/** Weights and biases of an operator. */
export function parameters(operator: Operator): number {
  return (operator.weights?.length ?? 0) + (operator.bias?.length ?? 0);
}

/** Multiply-accumulates of an operator's forward pass; taps that fall on padding count. */
export function macs(operator: Operator): number {
  const [outH, outW, outC] = operator.out;
  const [kernelH, kernelW] = operator.kernel;
  const [inH, inW, inC] = operator.in;
  if (operator.op === 'convolution') return outH * outW * outC * kernelH * kernelW * inC;
  if (operator.op === 'depthwise') return outH * outW * outC * kernelH * kernelW;
  if (operator.op === 'linear') return inH * inW * inC * outC;
  return 0;
}

/** Number of values of a shape. */
export function sizeOf(shape: Shape): number {
  return shape[0] * shape[1] * shape[2];
}

/** A shape as text: `8x8x16`. */
export function shapeText(shape: Shape): string {
  return shape.join('x');
}
