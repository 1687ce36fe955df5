import fc from 'fast-check';
import type { Model, Operator, OperatorKind, Shape } from '../../src/model/model.js';

const small = (max: number) => fc.integer({ min: 1, max });
const floats = (length: number) =>
  fc
    .array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: length, maxLength: length })
    .map((values) => Float32Array.from(values));

/** Any sound model: operators of every kind in a row, with additions of earlier values of one size. */
export const anyModel: fc.Arbitrary<Model> = fc
  .record({
    name: fc.string({ unit: 'binary' }),
    input: fc.tuple(small(6), small(6), small(6)),
    plan: fc.array(
      fc.record({
        op: fc.constantFrom<OperatorKind>(
          'convolution',
          'depthwise',
          'linear',
          'addition',
          'maxPooling',
          'averagePooling',
          'globalAveragePooling',
        ),
        kernel: fc.tuple(small(3), small(3)),
        stride: fc.tuple(small(3), small(3)),
        padding: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
        channels: small(5),
        second: fc.nat(),
        limit: fc.constantFrom(null, 6, 0.5, Number.POSITIVE_INFINITY),
        wholeWindow: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    mean: fc.array(fc.float({ noNaN: true, min: -2, max: 2 }), { minLength: 4, maxLength: 4 }),
    std: fc.array(fc.float({ noNaN: true, min: Math.fround(0.001), max: 2 }), { minLength: 4, maxLength: 4 }),
  })
  .chain(({ name, input, plan, mean, std }) => {
    const shapes: Shape[] = [input];
    const operators = plan.map(({ op, channels, second, ...window }, i): fc.Arbitrary<Operator> => {
      const from = shapes.at(-1)!;
      const windowed = op === 'convolution' || op === 'depthwise' || op === 'maxPooling' || op === 'averagePooling';
      const kernel: [number, number] = windowed ? fitted(window.kernel, from) : [1, 1];
      const padding = (
        windowed ? window.padding.map((n, side) => Math.min(n, kernel[side % 2]! - 1)) : [0, 0, 0, 0]
      ) as Operator['padding'];
      const stride: [number, number] = windowed ? window.stride : [1, 1];
      const size = [0, 1].map((axis) => {
        const outputs =
          Math.floor((from[axis]! + padding[axis]! + padding[axis + 2]! - kernel[axis]!) / stride[axis]!) + 1;
        // Behind the image begins no window.
        return Math.min(outputs, Math.floor((from[axis]! + padding[axis]! - 1) / stride[axis]!) + 1);
      });
      const flat = op === 'linear' || op === 'globalAveragePooling';
      const outC = op === 'convolution' || op === 'linear' ? channels : from[2];
      const out: Shape = flat ? [1, 1, outC] : op === 'addition' ? from : [size[0]!, size[1]!, outC];
      const like = shapes.flatMap((shape, value) => (shape.join() === from.join() ? value : []));
      shapes.push(out);
      const window_ = kernel[0] * kernel[1];
      const weights =
        op === 'convolution'
          ? outC * window_ * from[2]
          : op === 'depthwise'
            ? window_ * outC
            : op === 'linear'
              ? outC * from[0] * from[1] * from[2]
              : 0;
      return fc.record({
        op: fc.constant(op),
        name: fc.string({ unit: 'binary', maxLength: 5 }).map((text) => `${text}.${i}`),
        input: fc.constant(i),
        second: fc.constant(op === 'addition' ? like[second % like.length]! : null),
        in: fc.constant(from),
        out: fc.constant(out),
        kernel: fc.constant(op === 'globalAveragePooling' ? ([from[0], from[1]] as [number, number]) : kernel),
        stride: fc.constant(stride),
        padding: fc.constant(padding),
        limit: fc.constant(window.limit),
        wholeWindow: fc.constant(op === 'averagePooling' && window.wholeWindow),
        weights: weights ? floats(weights) : fc.constant(null),
        bias: weights ? floats(outC) : fc.constant(null),
      });
    });
    const channels = input[2] > 4 ? 0 : input[2];
    return fc.record({
      name: fc.constant(name),
      input: fc.constant(input as Shape),
      mean: fc.constant(mean.slice(0, channels)),
      std: fc.constant(std.slice(0, channels)),
      operators: fc.tuple(...operators),
    });
  });

function fitted(kernel: [number, number], [height, width]: Shape): [number, number] {
  return [Math.min(kernel[0], height), Math.min(kernel[1], width)];
}
