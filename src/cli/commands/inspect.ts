import type { Command } from 'commander';
import { bytes, count } from '../../format.js';
import type { InspectReport } from '../../types.js';
import { binaryOption, jsonOption, onnxOptions } from '../arguments.js';
import { type Context, printJson } from '../context.js';
import { table } from '../format.js';
import { loadModel, type ModelArgs } from '../load.js';
import { modelLine } from '../summary.js';

/** What `inspect` and `import` print. */
export function inspectSummary(report: InspectReport): string {
  const shape = (s: readonly number[]) => s.join('x');
  const rows = report.layers.map((layer) => [
    String(layer.index),
    layer.name,
    layer.op,
    layer.type,
    shape(layer.kernel),
    shape(layer.stride),
    shape(layer.in),
    shape(layer.out),
    count(layer.params),
    count(layer.macs),
  ]);
  const head = ['', 'layer', 'op', 'type', 'kernel', 'stride', 'in', 'out', 'params', 'MACs'];
  const { totals, memory, preprocessing: p } = report;
  const short = (values: number[]) => values.map((x) => Number(x.toPrecision(4))).join(', ');
  return (
    modelLine(report.model) +
    `type      ${report.model.type}\n` +
    `features  ${report.features}\n` +
    `pixels    (p / 255 - mean) / std, mean ${short(p.mean)}, std ${short(p.std)}\n` +
    `memory    model ${bytes(memory.modelBytes)}, inference ${bytes(memory.inferenceBytes)}, backward pass of everything ${bytes(memory.fulltrainBackwardBytes)}\n` +
    `compute   forward ${count(totals.macs)} MACs, full backward pass ${count(totals.fullBackwardMacs)} MACs\n` +
    table([head, ...rows], 'rlllllrrrr')
  );
}

export function registerInspect(program: Command, context: Context): void {
  jsonOption(onnxOptions(binaryOption(program.command('inspect'))))
    .description('layers, shapes, parameters, MACs and memory of a model')
    .argument('[model]', 'a .ttm or .onnx file, or the name of an embedded model', 'default')
    .action(async (model: string, args: Omit<ModelArgs, 'model'> & { json?: boolean }) => {
      const report = (await loadModel(context, { ...args, model })).inspect();
      if (args.json) printJson(context, report);
      else context.out(inspectSummary(report));
    });
}
