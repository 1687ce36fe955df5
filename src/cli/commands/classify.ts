import type { Command } from 'commander';
import { readImage } from '../../node/data.js';
import { readBytes } from '../../node/files.js';
import type { Classification, RawImage } from '../../types.js';
import { jsonOption, modelOptions } from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { table } from '../format.js';
import { loadModel, type ModelArgs } from '../load.js';

interface ClassifyArgs extends ModelArgs {
  patch: string;
  together?: boolean;
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
  const found: Classification[] = [];
  const pictures: RawImage[] = [];
  for (const image of images) {
    const picture = await readImage(image, session.model.input);
    if (args.together) pictures.push(picture);
    else found.push(session.classify(picture));
    checkInterrupt(context);
  }
  if (args.together) found.push(...(await session.classifyTogether(pictures)));
  checkInterrupt(context);
  const results = images.map((image, i) => ({ image, ...found[i]! }));
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
    .option('--together', 'let the images of this call help each other: more accurate where they are many')
    .action((images: string[], args: ClassifyArgs) => classify(context, images, args));
}
