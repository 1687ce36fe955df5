import { AUGMENT_CODE, type Loaded, OPTIMIZER_CODE, UNLIMITED } from './choose.js';
import { JOB } from './job.js';
import { layersOf, macs, type Operator, parameters } from './model/model.js';
import { checksumText, type StoredModel } from './model/ttm.js';
import { applySelection, methodSelection } from './selection.js';
import type { InspectReport, LayerInfo, NumberType } from './types.js';

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
  /** What its layers are; `mixed` where they are not all the same. */
  type: NumberType | 'mixed';
}

/** Figures of a model and its layers; the full backward pass needs no gradient of the image. */
export function describe(model: StoredModel): { info: ModelInfo; layers: LayerInfo[]; fullMacs: number } {
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
      type: operator.int8 ? 'int8' : 'float32',
    }),
  );
  const [h, w, c] = model.operators.at(-1)!.out;
  const types = new Set(layers.map((layer) => layer.type));
  const info: ModelInfo = {
    name: model.name,
    checksum: checksumText(model.checksum),
    input: model.input,
    params: layers.reduce((sum, layer) => sum + layer.params, 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
    features: h * w * c,
    type: types.size > 1 ? 'mixed' : (layers[0]?.type ?? 'float32'),
  };
  const first = layersOf(model).map((operator) => operator.input === 0);
  const fullMacs = layers.reduce((sum, layer) => sum + layer.macs * (first[layer.index] ? 1 : 2), 0);
  return { info, layers, fullMacs };
}

function kindOf(operator: Operator): LayerInfo['op'] {
  if (operator.op === 'depthwise' || operator.op === 'linear') return operator.op;
  const unit = [...operator.kernel, ...operator.stride].every((n) => n === 1) && operator.padding.every((n) => n === 0);
  return unit ? 'pointwise' : 'conv2d';
}

/** Report on a model; memory as the engine's planner computes it. Leaves the engine with a selection of everything. */
export function inspect(loaded: Loaded, stored: StoredModel): InspectReport {
  const { engine, info, layers, fullMacs } = loaded;
  const { control } = engine;
  engine.open(loaded.bytes);
  engine.begin(JOB.embed);
  engine.stop();
  const inferenceBytes = control.get('inferenceBytes');
  control.set('memoryBudget', UNLIMITED);
  control.set('ramBudget', 0);
  control.set('optimizer', OPTIMIZER_CODE.sgd);
  control.set('variants', 0);
  control.set('augment', AUGMENT_CODE.off);
  applySelection(engine, methodSelection('fulltrain', layers), layers);
  engine.cost();
  const { name, checksum, input, params, macs, features, type } = info;
  return {
    model: { name, checksum, input, params, macs, type },
    features,
    layers,
    totals: { layers: layers.length, params, macs, fullBackwardMacs: fullMacs },
    memory: {
      modelBytes: loaded.bytes.length,
      inferenceBytes,
      fulltrainBackwardBytes: control.get('backwardBytes'),
    },
    preprocessing: { mean: stored.mean, std: stored.std },
  };
}
