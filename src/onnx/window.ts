import { type Activation, imageOf, type Node } from './node.js';
import type { Step } from './step.js';

type Pair = [number, number];
export type Window = Pick<Step, 'kernel' | 'stride' | 'padding'>;

/** Kernel, stride and padding of a convolution or pooling; auto_pad is resolved, dilation refused. */
export function windowOf(node: Node, size: Pair, kernel: Pair): Window {
  const [dilationH, dilationW] = node.ints('dilations', [1, 1], 2) as Pair;
  if (dilationH !== 1 || dilationW !== 1) {
    node.refuse(`dilation ${dilationH}x${dilationW} is not supported; supported is 1`);
  }
  const stride = node.ints('strides', [1, 1], 2) as Pair;
  if (![...kernel, ...stride].every((n) => Number.isInteger(n) && n >= 1)) {
    node.refuse(`kernel ${kernel.join('x')}, stride ${stride.join('x')} is out of range`);
  }
  const pads = node.ints('pads', [0, 0, 0, 0], 4) as Step['padding'];
  const mode = node.string('auto_pad', 'NOTSET');
  if (mode === 'NOTSET' || mode === '') {
    if (pads.some((n) => n < 0)) node.refuse(`negative pads (${pads}) are not supported`);
    return { kernel, stride, padding: pads };
  }
  if (mode === 'VALID') return { kernel, stride, padding: [0, 0, 0, 0] };
  if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER') {
    node.refuse(`auto_pad ${mode} is not supported; supported are NOTSET, VALID, SAME_UPPER, SAME_LOWER`);
  }
  const padding: Step['padding'] = [0, 0, 0, 0];
  for (const axis of [0, 1] as const) {
    const outputs = Math.ceil(size[axis] / stride[axis]);
    const needed = (outputs - 1) * stride[axis] + kernel[axis] - size[axis];
    // Where strides leave out pixels, runtimes differ in whether the windows are centred.
    if (needed < -1) node.refuse(`auto_pad ${mode} with stride ${stride[axis]} of kernel ${kernel[axis]} is ambiguous`);
    const total = Math.max(needed, 0);
    const smaller = Math.floor(total / 2);
    padding[axis] = mode === 'SAME_UPPER' ? smaller : total - smaller;
    padding[axis + 2] = total - padding[axis];
  }
  return { kernel, stride, padding };
}

/**
 * Height and width of a convolution's or pooling's output. With `ceil`, a last window may pass the padded input; one
 * that would begin in the padding behind the image is dropped, as PyTorch and ONNX do.
 */
export function outputSize(node: Node, size: Pair, { kernel, stride, padding }: Window, ceil: boolean): Pair {
  return [0, 1].map((axis) => {
    const span = size[axis]! + padding[axis]! + padding[axis + 2]! - kernel[axis]!;
    const steps = span / stride[axis]!;
    let outputs = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    if (ceil && (outputs - 1) * stride[axis]! >= size[axis]! + padding[axis]!) outputs--;
    if (outputs < 1 || span < 0) {
      node.refuse(`kernel ${kernel.join('x')} is larger than its input of ${size.join('x')} with padding ${padding}`);
    }
    return outputs;
  }) as Pair;
}

/** MaxPool and AveragePool. */
export function pool(node: Node, op: 'maxPooling' | 'averagePooling'): Activation {
  const input = node.image(0);
  const [height, width, channels] = input.step.out;
  const kernel = node.ints('kernel_shape', [], 2) as Pair;
  if (kernel.length !== 2) node.refuse('has no kernel_shape');
  if (node.int('storage_order', 0) !== 0) node.refuse('storage_order 1 is not supported; supported is 0');
  const window = windowOf(node, [height, width], kernel);
  const { stride, padding } = window;
  const padded = padding.some((n) => n > 0);
  const ceil = node.flag('ceil_mode', false);
  const mode = node.string('auto_pad', 'NOTSET');
  const [outH, outW] = outputSize(node, [height, width], window, ceil && !mode.startsWith('SAME'));
  if (ceil && mode === 'VALID' && outputSize(node, [height, width], window, false).join() !== [outH, outW].join()) {
    node.refuse('auto_pad VALID with ceil_mode 1 is ambiguous where a window passes the image');
  }
  let wholeWindow = op === 'averagePooling' && padded && node.flag('count_include_pad', false);
  // A last window that passes the padded input is expressed by more padding behind the image.
  const overhang = [outH, outW].map((outputs, axis) => {
    const end = (outputs - 1) * stride[axis]! + kernel[axis]!;
    return Math.max(end - [height, width][axis]! - padding[axis]! - padding[axis + 2]!, 0);
  }) as Pair;
  if (overhang.some((n) => n > 0)) {
    if (wholeWindow) {
      node.refuse('ceil_mode 1 with count_include_pad 1 is not supported where a window passes the padding');
    }
    wholeWindow = false;
    window.padding = [padding[0], padding[1], padding[2] + overhang[0], padding[3] + overhang[1]];
  }
  return imageOf(node.step({ op, inputs: [input.step], out: [outH, outW, channels], ...window, wholeWindow }));
}

/** GlobalAveragePool, and ReduceMean over both spatial axes. */
export function globalAverage(node: Node, input: Activation, keepdims = true): Activation {
  const [height, width, channels] = input.step.out;
  const made = node.step({
    op: 'globalAveragePooling',
    inputs: [input.step],
    out: [1, 1, channels],
    kernel: [height, width],
  });
  return keepdims ? imageOf(made) : { step: made, dims: [1, channels] };
}

/** GlobalMaxPool: a max pooling whose kernel is the image. */
export function globalMax(node: Node): Activation {
  const input = node.image(0);
  const [height, width, channels] = input.step.out;
  return imageOf(node.step({ op: 'maxPooling', inputs: [input.step], out: [1, 1, channels], kernel: [height, width] }));
}

/** ReduceMean over the spatial axes. */
export function reduceMean(node: Node): Activation {
  const input = node.activation(0);
  const { dims } = input;
  const given = node.listOf('axes', 1) ?? [];
  const axes = given.map((axis) => (axis < 0 ? axis + dims.length : axis)).sort((a, b) => a - b);
  const [height, width, channels] = input.step.out;
  const keepdims = node.flag('keepdims', true);
  if (dims.length === 3 && dims[1] === channels && dims[2] === height * width && axes.join() === '2') {
    const mean = globalAverage(node, input, false);
    return keepdims ? { step: mean.step, dims: [1, channels, 1] } : mean;
  }
  if (axes.join() !== '2,3') {
    node.refuse(
      `axes ${given.join(', ') || 'none'} of [${dims}] are not supported; supported are the spatial axes 2, 3`,
    );
  }
  return globalAverage(node, node.image(0), keepdims);
}

/** Pad with a constant around the image; it becomes padding of the convolution or pooling behind it. */
export function pad(node: Node): Activation {
  const mode = node.string('mode', 'constant');
  if (mode !== 'constant') node.refuse(`mode ${mode} is not supported; supported is constant`);
  const input = node.activation(0);
  const rank = input.dims.length;
  const pads = node.listOf('pads', 1) ?? node.refuse('has no pads');
  const all = Array.from({ length: rank }, (_, axis) => axis);
  const axes = (node.listOf('axes', 3) ?? all).map((axis) => (axis < 0 ? axis + rank : axis));
  if (pads.length !== 2 * axes.length) node.refuse(`has ${pads.length} pads, expected ${2 * axes.length}`);
  const value = node.has('value') ? node.float('value', 0) : Number(node.constant(2, 'the value')?.data[0] ?? 0);
  const padding: Step['padding'] = [0, 0, 0, 0];
  for (const [i, axis] of axes.entries()) {
    const before = pads[i]!;
    const after = pads[i + axes.length]!;
    if (before === 0 && after === 0) continue;
    if (rank !== 4 || (axis !== 2 && axis !== 3)) node.refuse('only height and width can be padded');
    if (before < 0 || after < 0) node.refuse(`negative pads (${pads}) are not supported`);
    padding[axis - 2] = before;
    padding[axis] = after;
  }
  if (padding.every((n) => n === 0)) return input;
  const fill = value <= -3.4e38 ? Number.NEGATIVE_INFINITY : value;
  if (fill !== 0 && fill !== Number.NEGATIVE_INFINITY) {
    node.refuse(`value ${value} is not supported; supported are 0 and, before max pooling, minus infinity`);
  }
  const [height, width, channels] = node.image(0).step.out;
  const out: Step['out'] = [height + padding[0] + padding[2], width + padding[1] + padding[3], channels];
  return imageOf(node.step({ op: 'pad', inputs: [input.step], out, padding, fill }));
}
