import { layersOf, macs, type Operator, parameters } from './model/model.js';
import { checksumText, type StoredModel } from './model/ttm.js';
import type { LayerInfo } from './types.js';

/** A loaded model in figures. */
export interface ModelInfo {
  name: string;
  /** Eight hexadecimal digits. */
  checksum: string;
  /** Height, width, channels. */
  input: [number, number, number];
  /** Weights and biases. */
  params: number;
  /** Multiply-accumulates of a forward pass. */
  macs: number;
  /** Length of the feature vector. */
  features: number;
}

/** Figures of a model and its layers. */
export function describe(model: StoredModel): { info: ModelInfo; layers: LayerInfo[] } {
  const layers = layersOf(model).map(
    (operator, index): LayerInfo => ({
      index,
      name: operator.name,
      op: kindOf(operator),
      kernel: operator.kernel,
      stride: operator.stride,
      in: operator.in,
      out: operator.out,
      params: parameters(operator),
      macs: macs(operator),
    }),
  );
  const [h, w, c] = model.operators.at(-1)!.out;
  const info = {
    name: model.name,
    checksum: checksumText(model.checksum),
    input: model.input,
    params: layers.reduce((sum, layer) => sum + layer.params, 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
    features: h * w * c,
  };
  return { info, layers };
}

function kindOf(operator: Operator): LayerInfo['op'] {
  if (operator.op === 'depthwise' || operator.op === 'linear') return operator.op;
  const unit = [...operator.kernel, ...operator.stride].every((n) => n === 1) && operator.padding.every((n) => n === 0);
  return unit ? 'pointwise' : 'conv2d';
}
