import type { Command } from 'commander';
import { readImage } from '../../node/data.js';
import { readBytes } from '../../node/files.js';
import type { Classification } from '../../types.js';
import { jsonOption, modelOptions } from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { table } from '../format.js';
import { loadModel, type ModelArgs } from '../load.js';

interface ClassifyArgs extends ModelArgs {
  patch: string;
  json?: boolean;
}

async function classify(context: Context, images: string[], args: ClassifyArgs): Promise<void> {
  const patch = await readBytes(args.patch);
  const session = await loadModel(context, args);
  try {
    session.apply(patch);
  } catch (error) {
    throw new Error(`${args.patch}: ${(error as Error).message}`);
  }
  const results: ({ image: string } & Classification)[] = [];
  for (const image of images) {
    results.push({ image, ...session.classify(await readImage(image, session.model.input)) });
    checkInterrupt(context);
  }
  if (args.json) return printJson(context, results);
  const rows = results.map(({ image, label, scores }) => {
    const others = Object.entries(scores).filter(([name]) => name !== label);
    const [second, cosine] = others.reduce((a, b) => (b[1] > a[1] ? b : a), ['-', Number.NEGATIVE_INFINITY]);
    return [image, label, scores[label]!.toFixed(3), second, Number.isFinite(cosine) ? cosine.toFixed(3) : '-'];
  });
  context.out(table([['image', 'class', 'cosine', 'next', 'cosine'], ...rows], 'llrlr'));
}

export function registerClassify(program: Command, context: Context): void {
  jsonOption(modelOptions(program.command('classify')))
    .description('classify images with an adapted model')
    .argument('<image...>', 'image files')
    .requiredOption('--patch <p.ttd>', 'the patch that adapt wrote')
    .action((images: string[], args: ClassifyArgs) => classify(context, images, args));
}
