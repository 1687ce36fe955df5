import type { OperatorKind, Quantisation, Shape } from '../model/model.js';

/**
 * One step of the network while it is translated: an operator of a `.ttm` file, or one of the pending kinds that the
 * fold turns into such: an activation, a scale and shift of each channel, a padding.
 */
export interface Step {
  op: OperatorKind | 'input' | 'clip' | 'scale' | 'pad';
  name: string;
  /** How messages call the node that it comes from. */
  label: string;
  inputs: Step[];
  in: Shape;
  out: Shape;
  kernel: [number, number];
  stride: [number, number];
  padding: [number, number, number, number];
  limit: number | null;
  wholeWindow: boolean;
  weights: Float32Array | null;
  bias: Float32Array | null;
  /** Scale and shift of each channel, of a `scale`. */
  scale?: Float64Array;
  shift?: Float64Array;
  /** Its output in 8 bits, where a QuantizeLinear node says so. */
  int8?: Quantisation;
  /** The integers of its weights, and the scale of each output channel. */
  integers?: { weights: Int8Array; scales: Float32Array };
  /** What a `pad` fills with: 0 or minus infinity. */
  fill?: number;
}

/** A step with the fields that are the same for most operators. */
export function step(fields: Partial<Step> & Pick<Step, 'op' | 'name' | 'label' | 'inputs' | 'out'>): Step {
  return {
    in: fields.inputs[0]?.out ?? fields.out,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0, 0, 0],
    limit: null,
    wholeWindow: false,
    weights: null,
    bias: null,
    ...fields,
  };
}
