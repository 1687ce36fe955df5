import type { Model, Operator } from '../../src/model/model.js';

/** The model in floats, whose weights are what the int8 ones stand for. */
export function dequantiseModel({ image, ...model }: Model): Model {
  const scaleOf = (value: number) => (value === 0 ? image : model.operators[value - 1]!.int8)!.scale;
  const operators = model.operators.map(({ int8, ...operator }): Operator => {
    const { weights, bias, op } = operator;
    if (!int8 || !weights) return operator;
    const channels = operator.out[2];
    const row = weights.length / channels;
    const input = scaleOf(operator.input);
    return {
      ...operator,
      weights: Float32Array.from(
        weights,
        (w, i) => w * int8.scales![op === 'depthwise' ? i % channels : Math.floor(i / row)]!,
      ),
      bias: Float32Array.from(bias!, (b, o) => b * (int8.scales![o]! * input)),
    };
  });
  return { ...model, operators };
}
