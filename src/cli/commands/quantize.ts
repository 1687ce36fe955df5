import type { Command } from 'commander';
import { Option } from 'commander';
import { bytes } from '../../format.js';
import { loadModel } from '../../load.js';
import { openData, readSpread } from '../../node/data.js';
import { checkWritable, writeAtomic } from '../../node/files.js';
import { type QuantizeReport, quantize, RANGES, type RangeRule } from '../../quantise/index.js';
import { binaryOption, jsonOption, number, onnxOptions } from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { table } from '../format.js';
import { type ModelArgs, modelOptions } from '../load.js';
import { bar } from '../progress.js';

interface QuantizeArgs extends Omit<ModelArgs, 'model'> {
  output: string;
  data: string;
  images: number;
  range: RangeRule;
  json?: boolean;
}

/** Layers that the text shows: those that lose most. */
const SHOWN = 5;

async function run(context: Context, model: string, args: QuantizeArgs): Promise<void> {
  await checkWritable(args.output);
  const data = await openData(args.data);
  // The engine's module is what reads names of files, too.
  await context.engine();
  const { loaded } = await named(model, () => loadModel(model, modelOptions({ ...args, model })));
  const samples = await readSpread(data, args.images, loaded.info.input);
  checkInterrupt(context);
  const progress = bar(context, 'quantizing');
  const { binary, range } = args;
  const made = await named(model, () =>
    quantize(loaded.bytes, samples, { binary, range, onProgress: progress.update }),
  ).finally(progress.stop);
  checkInterrupt(context);
  await writeAtomic(args.output, made.bytes);
  if (args.json) printJson(context, { ...made.report, output: args.output });
  else context.out(summary(made.report, args.output));
}

/** Puts the model's name before an error that doesn't have it. */
async function named<T>(model: string, what: () => Promise<T>): Promise<T> {
  try {
    return await what();
  } catch (error) {
    const { message } = error as Error;
    throw message.includes(model) ? error : new Error(`${model}: ${message}`, { cause: error });
  }
}

function summary(report: QuantizeReport, output: string): string {
  const { accuracy, layers } = report;
  const rows = [...layers]
    .sort((a, b) => b.added - a.added)
    .slice(0, SHOWN)
    .map(({ name, error, added }) => [`  ${name}`, `${(100 * error).toFixed(1)}%`, `${(100 * added).toFixed(1)}%`]);
  return (
    `model     ${report.model}, ranges by ${report.range} over ${report.images} images of ${report.classes} classes\n` +
    `accuracy  ${accuracy.before.toFixed(1)}% before, ${accuracy.after.toFixed(1)}% after (nearest prototype, each image left out of its own)\n` +
    table([['  layers that lose most', 'error', 'added'], ...rows], 'lrr') +
    `written   ${output}, ${bytes(report.bytes.after)} instead of ${bytes(report.bytes.before)}\n`
  );
}

export function registerQuantize(program: Command, context: Context): void {
  jsonOption(onnxOptions(binaryOption(program.command('quantize'))))
    .description('make an int8 network of a float one, with ranges from real images')
    .argument('<model>', 'a .ttm or .onnx file, or the name of an embedded model')
    .requiredOption('-o, --output <out.ttm>', 'the model to write')
    .requiredOption('--data <dir|zip>', 'labelled images: one folder of images a class')
    .option('--images <n>', 'images to look at, spread over the classes', number('images'), 200)
    .addOption(new Option('--range <rule>', 'how the range of a value is taken').choices(RANGES).default('mse'))
    .action((model: string, args: QuantizeArgs) => run(context, model, args));
}
