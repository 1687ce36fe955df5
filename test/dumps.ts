import type { Model, Operator, Shape } from '../src/model/model.js';
import { dataFile } from './data.js';

interface Tensor {
  shape: number[];
  offset: number;
  bytes: number;
}

interface Layer {
  name: string;
  op: 'conv2d' | 'add' | 'global_average_pool';
  inputs: string[];
  output: string;
  kernel: [number, number];
  stride: [number, number];
  pad: Operator['padding'];
  groups: number;
  in_channels: number;
  out_channels: number;
  channels: number;
  in_hw: [number, number];
  out_hw: [number, number];
  hw: [number, number];
  x_scale: number;
  x_zero: number;
  y_scale: number;
  y_zero: number;
  weight: Tensor;
  bias: Tensor;
  w_scale: Tensor;
  trace_image0: Tensor;
}

/** The int8 dump of one of the networks: the model up to its features, and what the layers give for golden image 0. */
export interface Dump {
  model: Model;
  image: Int8Array;
  /** Output of each operator. */
  traces: Int8Array[];
}

export function readDump(network: string): Dump {
  const text = new TextDecoder().decode(dataFile(`models/${network}.int8.json`));
  const { layers, golden } = JSON.parse(text) as {
    layers: Layer[];
    golden: { tensors: (Tensor & { name: string })[] } | Record<string, Tensor>;
  };
  const weights = dataFile(`models/${network}.int8.bin`).buffer;
  const trace = dataFile(`models/${network}.int8.trace.bin`).buffer;
  const values = new Map([['input', 0]]);
  const shapes: Shape[] = [[128, 128, 3]];
  const traces: Int8Array[] = [];
  const operators: Operator[] = [];
  for (const layer of layers.slice(0, -1)) {
    const inputs = layer.inputs.map((name) => values.get(name)!);
    const from = shapes[inputs[0]!]!;
    const convolution = layer.op === 'conv2d';
    const out: Shape = convolution
      ? [...layer.out_hw, layer.out_channels]
      : layer.op === 'add'
        ? from
        : [1, 1, layer.channels];
    const depthwise = convolution && layer.groups > 1;
    operators.push({
      op: convolution
        ? depthwise
          ? 'depthwise'
          : 'convolution'
        : layer.op === 'add'
          ? 'addition'
          : 'globalAveragePooling',
      name: layer.name,
      input: inputs[0]!,
      second: inputs[1] ?? null,
      in: from,
      out,
      kernel: convolution ? layer.kernel : layer.op === 'add' ? [1, 1] : [from[0], from[1]],
      stride: convolution ? layer.stride : [1, 1],
      padding: convolution ? layer.pad : [0, 0, 0, 0],
      limit: null,
      wholeWindow: false,
      weights: convolution
        ? reordered(new Int8Array(weights, layer.weight.offset, layer.weight.bytes), layer, depthwise)
        : null,
      bias: convolution ? new Int32Array(weights, layer.bias.offset, layer.out_channels) : null,
      int8: {
        scale: Math.fround(layer.y_scale),
        zero: layer.y_zero,
        scales: convolution ? new Float32Array(weights, layer.w_scale.offset, layer.out_channels) : null,
      },
    });
    const { offset, bytes } = layer.trace_image0;
    traces.push(fromChw(new Int8Array(trace, offset, bytes), out));
    values.set(layer.output, operators.length);
    shapes.push(out);
  }
  const first = layers[0]!;
  const input = Array.isArray(golden.tensors)
    ? golden.tensors.find((t) => t.name === 'input_q')!
    : (golden as Record<string, Tensor>).input_q!;
  return {
    model: {
      name: network,
      input: [128, 128, 3],
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      image: { scale: Math.fround(first.x_scale), zero: first.x_zero },
      operators,
    },
    image: fromChw(new Int8Array(weights, input.offset, 128 * 128 * 3), [128, 128, 3]),
    traces,
  };
}

/** OIHW to ours; of a depthwise convolution, to kernel, channel. */
function reordered(data: Int8Array, layer: Layer, depthwise: boolean): Int8Array {
  const taps = layer.kernel[0] * layer.kernel[1];
  const inputs = depthwise ? 1 : layer.in_channels;
  const result = new Int8Array(data.length);
  for (let o = 0; o < layer.out_channels; o++)
    for (let i = 0; i < inputs; i++)
      for (let t = 0; t < taps; t++)
        result[depthwise ? t * layer.out_channels + o : (o * taps + t) * inputs + i] =
          data[(o * inputs + i) * taps + t]!;
  return result;
}

function fromChw(values: Int8Array, [h, w, c]: Shape): Int8Array {
  const result = new Int8Array(values.length);
  for (let k = 0; k < c; k++) for (let i = 0; i < h * w; i++) result[i * c + k] = values[k * h * w + i]!;
  return result;
}
