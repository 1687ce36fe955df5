import type { Model, Operator } from '../../src/model/model.js';

/** Where an operator reads and writes: the values of the tensors are in the order height, width, channels. */
type Values = Float64Array;

/**
 * All values of a model on one image, in double precision and without any cleverness: value 0 is the image, h * w * c
 * preprocessed numbers, the last one is the feature vector. What the engine is measured against.
 */
export function forwardAll(model: Model, image: ArrayLike<number>): Values[] {
  return forwardFrom(model, [Float64Array.from(image)]);
}

/** The values from those on that are given: the image, and outputs of the first operators. */
export function forwardFrom(model: Model, given: readonly Values[]): Values[] {
  const values = [...given];
  for (const operator of model.operators.slice(values.length - 1)) {
    const input = values[operator.input]!;
    const output = COMPUTE[operator.op](operator, input, values[operator.second ?? 0]!);
    if (operator.limit !== null) {
      for (let i = 0; i < output.length; i++) output[i] = Math.min(Math.max(output[i]!, 0), operator.limit);
    }
    values.push(output);
  }
  return values;
}

/** The feature vector of one image. */
export function forward(model: Model, image: ArrayLike<number>): Values {
  return forwardAll(model, image).at(-1)!;
}

/** An image of ONNX's order, channels, height, width, in ours. */
export function fromChw(values: ArrayLike<number>, [height, width, channels]: Model['input']): Float64Array {
  const result = new Float64Array(height * width * channels);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < height * width; i++) result[i * channels + c] = values[c * height * width + i]!;
  }
  return result;
}

const COMPUTE: Record<Operator['op'], (operator: Operator, input: Values, second: Values) => Values> = {
  convolution,
  depthwise,
  linear,
  addition: (_, a, b) => a.map((value, i) => value + b[i]!),
  maxPooling: (operator, input) => {
    const output = new Float64Array(outputLength(operator)).fill(Number.NEGATIVE_INFINITY);
    eachTap(operator, (from, to) => {
      for (let c = 0; c < operator.in[2]; c++) output[to + c] = Math.max(output[to + c]!, input[from + c]!);
    });
    return output;
  },
  averagePooling: average,
  globalAveragePooling: average,
};

function outputLength({ out }: Operator): number {
  return out[0] * out[1] * out[2];
}

/**
 * Calls `visit` for each tap of each window that lies inside the image: offset of its first channel in the input,
 * offset of the output's first channel, number of the tap in the kernel.
 */
function eachTap(operator: Operator, visit: (from: number, to: number, tap: number) => void): void {
  const [inH, inW, inC] = operator.in;
  const [outH, outW, outC] = operator.out;
  const [kernelH, kernelW] = operator.kernel;
  for (let outY = 0; outY < outH; outY++) {
    for (let outX = 0; outX < outW; outX++) {
      for (let tap = 0; tap < kernelH * kernelW; tap++) {
        const y = outY * operator.stride[0] - operator.padding[0] + Math.floor(tap / kernelW);
        const x = outX * operator.stride[1] - operator.padding[1] + (tap % kernelW);
        if (y < 0 || y >= inH || x < 0 || x >= inW) continue;
        visit((y * inW + x) * inC, (outY * outW + outX) * outC, tap);
      }
    }
  }
}

/** The output with the bias in every position. */
function biased(operator: Operator): Values {
  const channels = operator.out[2];
  return Float64Array.from({ length: outputLength(operator) }, (_, i) => operator.bias![i % channels]!);
}

function convolution(operator: Operator, input: Values): Values {
  const output = biased(operator);
  const weights = operator.weights!;
  const inC = operator.in[2];
  const outC = operator.out[2];
  const taps = operator.kernel[0] * operator.kernel[1];
  eachTap(operator, (from, to, tap) => {
    for (let o = 0; o < outC; o++) {
      const at = (o * taps + tap) * inC;
      let sum = 0;
      for (let c = 0; c < inC; c++) sum += weights[at + c]! * input[from + c]!;
      output[to + o]! += sum;
    }
  });
  return output;
}

function depthwise(operator: Operator, input: Values): Values {
  const output = biased(operator);
  const channels = operator.in[2];
  eachTap(operator, (from, to, tap) => {
    for (let c = 0; c < channels; c++) output[to + c]! += operator.weights![tap * channels + c]! * input[from + c]!;
  });
  return output;
}

function linear(operator: Operator, input: Values): Values {
  const output = biased(operator);
  for (let o = 0; o < output.length; o++) {
    for (let i = 0; i < input.length; i++) output[o]! += operator.weights![o * input.length + i]! * input[i]!;
  }
  return output;
}

function average(operator: Operator, input: Values): Values {
  const channels = operator.in[2];
  const output = new Float64Array(outputLength(operator));
  const taken = new Float64Array(output.length / channels);
  eachTap(operator, (from, to) => {
    taken[to / channels]!++;
    for (let c = 0; c < channels; c++) output[to + c]! += input[from + c]!;
  });
  const window = operator.kernel[0] * operator.kernel[1];
  return output.map((sum, i) => sum / (operator.wholeWindow ? window : taken[Math.floor(i / channels)]!));
}
