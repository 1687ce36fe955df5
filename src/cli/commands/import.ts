import { basename } from 'node:path';
import type { Command } from 'commander';
import { addAdapters } from '../../adapters.js';
import { bytes } from '../../format.js';
import { readModel } from '../../model/read.js';
import { MAGIC } from '../../model/ttm.js';
import { writeModel } from '../../model/write.js';
import { checkWritable, readBytes, writeAtomic } from '../../node/files.js';
import { jsonOption, onnxOptions } from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { inspectSummary } from './inspect.js';

interface ImportArgs {
  output: string;
  mean?: number[];
  std?: number[];
  features?: string;
  adapters?: boolean;
  json?: boolean;
}

const isTtm = (bytes: Uint8Array) =>
  bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === MAGIC;

export function registerImport(program: Command, context: Context): void {
  jsonOption(onnxOptions(program.command('import')))
    .description('turn an ONNX network into a .ttm model')
    .argument('<model.onnx>', 'the network, batch norm folded or not; with --adapters also a .ttm model')
    .requiredOption('-o, --output <model.ttm>', 'the model to write')
    .option('--adapters', 'put a branch beside each inverted residual block, for method tinytl')
    .action(async (path: string, { output, json, adapters, ...options }: ImportArgs) => {
      await checkWritable(output);
      const onnx = await readBytes(path);
      const importOnnx = await context.importOnnx();
      const name = basename(path).replace(/\.onnx$/i, '');
      let model: Uint8Array;
      try {
        if (adapters && isTtm(onnx)) model = onnx;
        else model = importOnnx(onnx, { name, ...options });
        if (adapters) model = writeModel(addAdapters(readModel(model)));
      } catch (error) {
        throw new Error(`${path}: ${(error as Error).message}`);
      }
      // The engine checks what it will be given later.
      const report = (await (await context.engine()).load(model)).inspect();
      checkInterrupt(context);
      await writeAtomic(output, model);
      if (json) printJson(context, { ...report, output, bytes: model.length });
      else context.out(`${inspectSummary(report)}written   ${output}, ${bytes(model.length)}\n`);
    });
}
