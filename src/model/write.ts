import { crc32 } from '../crc32.js';
import { modelProblem } from './check.js';
import { type Model, OPERATOR_KINDS, type Operator, type Quantisation } from './model.js';
import { align16, HEADER, MAGIC, NONE, RECORD } from './ttm.js';

/** Writes a model as a `.ttm` file (docs/formats.md). The model is checked; a problem is one Error that names the operator. */
export function writeModel(model: Model): Uint8Array {
  const problem = modelProblem(model);
  if (problem) throw new Error(`model ${model.name}: ${problem}`);
  const encoder = new TextEncoder();
  const names = [model.name, ...model.operators.map((operator) => operator.name)].map((name) => encoder.encode(name));
  const namesOffset = HEADER + RECORD * model.operators.length;
  const namesBytes = names.reduce((sum, name) => sum + name.length, 0);
  const weightsOffset = align16(namesOffset + namesBytes);
  let fileBytes = weightsOffset;
  for (const { weights, bias, int8 } of model.operators) {
    for (const values of [weights, bias, int8?.scales]) fileBytes += align16(values?.byteLength ?? 0);
  }
  if (fileBytes > NONE) throw new Error(`model ${model.name}: ${fileBytes} bytes do not fit in a file of 4 GiB`);

  const file = new Uint8Array(fileBytes);
  const view = new DataView(file.buffer);
  const u32 = (offset: number, ...values: number[]) => {
    for (const [i, value] of values.entries()) view.setUint32(offset + 4 * i, value, true);
  };
  const isInt8 = model.image !== undefined || model.operators.some((operator) => operator.int8);
  u32(0, MAGIC, isInt8 ? 2 : 1, fileBytes);
  const layerCount = model.operators.filter((operator) => operator.weights).length;
  u32(16, model.operators.length, layerCount, namesOffset, namesBytes, weightsOffset, fileBytes - weightsOffset);
  u32(40, ...model.input, 0, names[0]!.length, 0);
  for (let channel = 0; channel < 4; channel++) {
    view.setFloat32(64 + 4 * channel, model.mean[channel] ?? 0, true);
    view.setFloat32(80 + 4 * channel, model.std[channel] ?? 1, true);
  }
  const quantised = (at: number, q: Quantisation | undefined) => {
    view.setFloat32(at, q?.scale ?? 0, true);
    view.setInt32(at + 4, q?.zero ?? 0, true);
  };
  quantised(96, model.image);

  file.set(names[0]!, namesOffset);
  let nameAt = names[0]!.length;
  let weightsAt = weightsOffset;
  let layer = 0;
  const numbers = (values: Operator['weights'] | Operator['bias']): [offset: number, count: number] => {
    if (!values) return [0, 0];
    const at = weightsAt;
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    weightsAt += align16(values.byteLength);
    return [at, values.length];
  };
  for (const [i, operator] of model.operators.entries()) {
    const at = HEADER + RECORD * i;
    const name = names[i + 1]!;
    u32(at, ...operator.in, ...operator.out, ...operator.kernel, ...operator.stride, ...operator.padding);
    u32(at + 56, operator.limit === null ? 0 : 1);
    view.setFloat32(at + 60, operator.limit ?? Number.POSITIVE_INFINITY, true);
    u32(at + 64, OPERATOR_KINDS.indexOf(operator.op) + 1, operator.input, operator.second ?? NONE);
    u32(at + 76, operator.wholeWindow ? 1 : 0, ...numbers(operator.weights), ...numbers(operator.bias));
    u32(at + 96, nameAt, name.length, operator.weights ? layer++ : NONE);
    u32(at + 108, operator.int8 ? 1 : 0, numbers(operator.int8?.scales ?? null)[0]);
    quantised(at + 116, operator.int8);
    file.set(name, namesOffset + nameAt);
    nameAt += name.length;
  }
  u32(12, crc32(file, 16));
  return file;
}
