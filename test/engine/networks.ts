import type { Model, Operator, Shape } from '../../src/model/model.js';
import { quantiseModel } from '../../src/quantise/model.js';
import { Random } from '../../src/random.js';
import type { Sample } from '../../src/types.js';
import { forwardAll } from '../reference/forward.js';

type Window = Partial<Pick<Operator, 'kernel' | 'stride' | 'padding' | 'limit' | 'wholeWindow' | 'input'>>;

export const RELU = Number.POSITIVE_INFINITY;

/** Builds a model operator by operator, with random weights; each call reads the last value unless `input` says otherwise. */
export class Network {
  readonly #random: Random;
  readonly #operators: Operator[] = [];
  readonly #shapes: Shape[];

  constructor(
    readonly input: Shape,
    seed = 1,
  ) {
    this.#random = new Random(seed, 77);
    this.#shapes = [input];
  }

  /** Number of the last value. */
  get last(): number {
    return this.#operators.length;
  }

  shape(value: number): Shape {
    return this.#shapes[value]!;
  }

  convolution(channels: number, window: Window = {}): this {
    return this.#windowed('convolution', channels, window);
  }

  depthwise(window: Window = {}): this {
    return this.#windowed('depthwise', undefined, { kernel: [3, 3], padding: [1, 1, 1, 1], ...window });
  }

  linear(channels: number, window: Window = {}): this {
    return this.#push('linear', [1, 1, channels], window);
  }

  add(second: number, window: Window = {}): this {
    const shape = this.#shapes[window.input ?? this.last]!;
    return this.#push('addition', shape, window, second);
  }

  pool(op: 'maxPooling' | 'averagePooling', window: Window = {}): this {
    return this.#windowed(op, undefined, { kernel: [2, 2], stride: [2, 2], ...window });
  }

  mean(window: Window = {}): this {
    const [h, w, c] = this.#shapes[window.input ?? this.last]!;
    return this.#push('globalAveragePooling', [1, 1, c], { ...window, kernel: [h, w] });
  }

  model(name = 'network'): Model {
    const channels = this.input[2] > 4 ? 0 : this.input[2];
    const each = (value: number) => Array.from({ length: channels }, () => value);
    return { name, input: this.input, mean: each(0.5), std: each(0.25), operators: this.#operators };
  }

  #windowed(op: Operator['op'], channels: number | undefined, window: Window): this {
    const { kernel = [1, 1], stride = [1, 1], padding = [0, 0, 0, 0] } = window;
    const [h, w, c] = this.#shapes[window.input ?? this.last]!;
    const size = (axis: 0 | 1, n: number) =>
      Math.floor((n + padding[axis] + padding[axis === 0 ? 2 : 3] - kernel[axis]) / stride[axis]) + 1;
    return this.#push(op, [size(0, h), size(1, w), channels ?? c], window);
  }

  #push(op: Operator['op'], out: Shape, window: Window, second: number | null = null): this {
    const input = window.input ?? this.last;
    const operator: Operator = {
      op,
      name: `${op}${this.last}`,
      input,
      second,
      in: this.#shapes[input]!,
      out,
      kernel: [1, 1],
      stride: [1, 1],
      padding: [0, 0, 0, 0],
      limit: null,
      wholeWindow: false,
      weights: null,
      bias: null,
      ...window,
    };
    const [kernelH, kernelW] = operator.kernel;
    const [inH, inW, inC] = operator.in;
    const fan = { convolution: kernelH * kernelW * inC, depthwise: kernelH * kernelW, linear: inH * inW * inC }[
      op as string
    ];
    if (fan) {
      operator.weights = this.#floats(fan * out[2], 2 / Math.sqrt(fan));
      operator.bias = this.#floats(out[2], 0.4, 0.2);
    }
    this.#operators.push(operator);
    this.#shapes.push(out);
    return this;
  }

  #floats(length: number, scale: number, middle = 0): Float32Array {
    return Float32Array.from({ length }, () => middle + scale * (2 * this.#random.uniform() - 1));
  }
}

/** A small network with every operator, a residual block, and layers of every kind. */
export function everyOperator(seed = 1): Model {
  return new Network([9, 8, 3], seed)
    .convolution(6, { kernel: [3, 3], stride: [2, 1], padding: [1, 1, 1, 1], limit: 6 })
    .convolution(9, { limit: 6 })
    .depthwise({ limit: 6 })
    .convolution(6)
    .add(1, { limit: RELU })
    .pool('maxPooling', { kernel: [3, 2], stride: [1, 2], padding: [1, 0, 1, 1] })
    .convolution(8, { limit: RELU })
    .pool('averagePooling', { padding: [0, 1, 1, 0], limit: RELU })
    .convolution(7, { kernel: [2, 3], padding: [0, 1, 1, 1], limit: 6 })
    .mean()
    .linear(5)
    .model('every operator');
}

/** Narrow and wide values in turn: computing its blocks again saves memory. */
export function deepNetwork(seed = 3): Model {
  const net = new Network([12, 12, 3], seed).convolution(6, { kernel: [3, 3], padding: [1, 1, 1, 1], limit: RELU });
  for (const [channels, step] of [
    [4, 1],
    [4, 1],
    [6, 2],
    [6, 1],
    [5, 1],
  ] as const) {
    const start = net.last;
    net
      .convolution(20, { limit: 6 })
      .depthwise({ stride: [step, step], limit: 6 })
      .convolution(channels);
    if (channels === net.shape(start)[2] && step === 1) net.add(start, { limit: channels === 6 ? RELU : null });
  }
  return net.mean().model('deep');
}

/** Labelled random tensors that share a pattern in each class; `counts`: samples of each class. */
export function support(input: Shape, counts: readonly number[] = [3, 2, 2], seed = 5): Sample[] {
  const random = new Random(seed, 78);
  const size = input[0] * input[1] * input[2];
  const noise = () => Float32Array.from({ length: size }, () => 2 * random.uniform() - 1);
  return counts.flatMap((count, k) => {
    const pattern = noise();
    return Array.from({ length: count }, () => ({
      image: noise().map((x, i) => x + 0.5 * pattern[i]!),
      label: `class ${k}`,
    }));
  });
}

const oneOf = <T>(random: Random, items: readonly T[]): T => items[random.between(0, items.length - 1)]!;

/** A random graph: a chain with residual sums, of all operators, with random sizes, strides, paddings and activations. */
export function randomModel(seed: number, operators = 8): Model {
  const random = new Random(seed, 79);
  const side = () => random.between(4, 9);
  const net = new Network([side(), side(), random.between(1, 5)], seed);
  const limit = () => oneOf(random, [null, null, RELU, 6, 1.5]);
  const window = (input: Shape, most: number) => {
    const kernel = [0, 1].map((axis) => random.between(1, Math.min(most, input[axis]!))) as Operator['kernel'];
    const stride = [random.between(1, 2), random.between(1, 2)] as Operator['stride'];
    const padding = [0, 1, 0, 1].map((axis) => random.between(0, kernel[axis]! - 1)) as Operator['padding'];
    return { kernel, stride, padding, limit: limit() };
  };
  for (let n = random.between(2, operators); n > 0; n--) {
    // Now and then an earlier value is read again, which leaves dead ends and values with several uses.
    const input = random.uniform() < 0.15 ? random.between(0, net.last) : net.last;
    const shape = net.shape(input);
    const twins = Array.from({ length: net.last + 1 }, (_, v) => v).filter((v) =>
      net.shape(v).every((n, axis) => n === shape[axis]),
    );
    const kind = random.between(0, 8);
    if (kind < 2) net.convolution(random.between(1, 9), { input, limit: limit() });
    else if (kind < 4) net.convolution(random.between(1, 7), { input, ...window(shape, 3) });
    else if (kind < 6) net.depthwise({ input, ...window(shape, 4) });
    else if (kind === 6) {
      const op = oneOf(random, ['maxPooling', 'averagePooling'] as const);
      net.pool(op, { input, ...window(shape, 3), wholeWindow: op === 'averagePooling' && random.uniform() < 0.5 });
    } else net.add(oneOf(random, twins), { input, limit: limit() });
  }
  const end = random.between(0, 2);
  if (end === 0) net.convolution(random.between(2, 6), { limit: limit() }).mean();
  if (end === 1) net.linear(random.between(2, 6));
  if (end === 2) net.convolution(random.between(2, 6));
  return net.model(`random ${seed}`);
}

/** A random chain of inverted bottlenecks, as mobile networks are: some with a sum over one block or several. */
export function randomMobile(seed: number): Model {
  const random = new Random(seed, 80);
  const maybe = (share: number) => random.uniform() < share;
  const limit = () => oneOf(random, [null, RELU, 6]);
  const net = new Network([random.between(8, 12), random.between(8, 12), random.between(1, 3)], seed);
  net.convolution(random.between(2, 5), { kernel: [3, 3], padding: [1, 1, 1, 1], limit: limit() });
  const ends = [net.last];
  for (let block = random.between(2, 5); block > 0; block--) {
    const stride: [number, number] = maybe(0.25) ? [2, 1] : [1, 1];
    net.convolution(random.between(8, 20), { limit: limit() });
    if (maybe(0.9)) net.depthwise({ stride, limit: limit() });
    if (maybe(0.2))
      net.pool(oneOf(random, ['maxPooling', 'averagePooling'] as const), { stride: [1, 1], padding: [0, 1, 1, 0] });
    net.convolution(maybe(0.6) ? net.shape(ends.at(-1)!)[2] : random.between(2, 5), {
      limit: maybe(0.8) ? null : limit(),
    });
    const same = ends.filter((v) => net.shape(v).every((n, axis) => n === net.shape(net.last)[axis]));
    if (same.length && maybe(0.8)) net.add(oneOf(random, same), { limit: maybe(0.7) ? null : limit() });
    ends.push(net.last);
  }
  if (maybe(0.7)) net.mean();
  if (maybe(0.5)) net.linear(random.between(2, 6));
  return net.model(`mobile ${seed}`);
}

/** The model in int8, calibrated on its own support set. */
export function int8Of(model: Model): Model {
  const all = support(model.input, [2, 2]).map(({ image }) => forwardAll(model, image as Float32Array));
  const ranges = all[0]!.map((_, v) => {
    const values = all.flatMap((each) => [...each[v]!]);
    return { min: Math.min(...values), max: Math.max(...values) };
  });
  return quantiseModel(model, ranges);
}
