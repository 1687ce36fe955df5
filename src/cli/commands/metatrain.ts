import { rm } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { DEFAULTS } from '../../defaults.js';
import { sampleEpisode, type Way } from '../../episodes.js';
import { type ClassSet, holdOut, openClasses, sizesOf } from '../../node/classes.js';
import { checkWritable, writeAtomic } from '../../node/files.js';
import type { MetatrainResult, MetatrainSettings } from '../../node/metatrain-types.js';
import { AUGMENTS, integer, OPTIMIZERS, OptionError } from '../../options.js';
import {
  checked,
  jsonOption,
  metaOr,
  modelOptions,
  number,
  positiveNumber,
  shown,
  wholeNumber,
  workersOption,
} from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { aboutModel, modelOptions as loadOptions, type ModelArgs } from '../load.js';
import { metatrainProgress, metatrainReport, metatrainSummary } from '../metatrain-report.js';

/** It has the gradients of all weights at a time, and averages episodes: drawn samples have no place there. */
const META_OPTIMIZERS = OPTIMIZERS.filter((name) => name !== 'lomo');

interface MetatrainArgs extends ModelArgs, MetatrainSettings {
  data: string[];
  output: string;
  validate: Held;
  validateData?: string[];
  validationTasks: number;
  weightDecay: number;
  workers: number;
  restart?: boolean;
  json?: boolean;
}

/** Classes held out: a share of them, or so many. */
type Held = { share: number } | { count: number };

/** `10%`. */
function percentage(text: string): number | undefined {
  const m = /^(\d+(?:\.\d+)?)%$/.exec(text.trim());
  const share = m ? Number(m[1]) / 100 : Number.NaN;
  return share <= 1 ? share : undefined;
}

function parseWarmup(text: string): number {
  const share = percentage(text);
  if (share === undefined) throw new OptionError(`warmup must be a share of the steps such as 5%, got '${text}'`);
  return share;
}

function parseHeld(text: string): Held {
  const share = percentage(text);
  if (share !== undefined) return { share };
  if (/^\d+$/.test(text)) return { count: Number(text) };
  throw new OptionError(`validate must be a share of the classes such as 10%, or their number, got '${text}'`);
}

/** `5`, `5-20` or `meta`. */
function parseWay(text: string): Way {
  if (text === 'meta') return 'meta';
  const [low, high] = text.split('-');
  try {
    const from = integer('way', low, 2);
    return high === undefined ? from : [from, integer('way', high, from)];
  } catch {
    throw new OptionError(
      `way must be a number of classes of at least 2, a range such as 5-20, or meta, got '${text}'`,
    );
  }
}

/** A number from 0 up to, but not including, `end`. */
const below = (name: string, end: number) =>
  checked((text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (value >= 0 && value < end) return value;
    throw new OptionError(`${name} must be a number from 0 to below ${end}, got '${text}'`);
  });

/** Training and validation classes. */
async function split(args: MetatrainArgs): Promise<{ training: ClassSet; validation?: ClassSet }> {
  const all = await openClasses(args.data);
  if (args.validateData) return { training: all, validation: await openClasses(args.validateData) };
  const n = all.names.length;
  const count = 'count' in args.validate ? args.validate.count : Math.round(args.validate.share * n);
  if (count === 0) return { training: all };
  if (count >= n) {
    throw new OptionError(`validate holds out ${count} of ${n} classes: none is left to train on`);
  }
  const { kept, held } = holdOut(all, count, args.seed);
  return { training: kept, validation: held };
}

/** Finds out before the work starts whether episodes can be drawn. */
function checkEpisodes(set: ClassSet, settings: MetatrainSettings, what: string, or: string): void {
  try {
    sampleEpisode(sizesOf(set), settings, 0);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}; lower --way, --shot or --query, or ${or}`);
  }
}

async function run(context: Context, args: MetatrainArgs): Promise<void> {
  const { output, episodes, batch, way, shot, query, seed, optimizer, lr, warmup, clip, average } = args;
  const { temperature, augment, every, patience } = args;
  const settings: MetatrainSettings = {
    ...{ episodes, batch, way, shot, query, seed, optimizer, lr, warmup, clip, average },
    ...{ temperature, augment, every, patience, decay: args.weightDecay, tasks: args.validationTasks },
  };
  await checkWritable(output);
  const { training, validation } = await split(args);
  const classes = (set: ClassSet) => `the ${set.names.length} classes`;
  checkEpisodes(training, settings, `${classes(training)} to train on`, 'add images');
  if (validation) checkEpisodes(validation, settings, `${classes(validation)} to validate with`, 'raise --validate');
  const core = await import('../../node/metatrain.js');
  const model = await aboutModel(args.model, () => core.loadModel(args.model, loadOptions(args)));
  const checkpoint = `${output}.checkpoint`;
  const progress = metatrainProgress(context, checkpoint);
  const options = { settings, training, validation, checkpoint, workers: args.workers, restart: args.restart };
  let result: MetatrainResult;
  try {
    result = await core.metatrain(model, { ...options, signal: context.signal, onProgress: progress.onProgress });
  } catch (error) {
    if (context.signal.aborted) context.err(`the same command goes on from ${checkpoint}\n`);
    throw error;
  } finally {
    progress.stop();
  }
  checkInterrupt(context);
  await writeAtomic(output, result.file);
  await rm(checkpoint, { force: true });
  const report = metatrainReport(result, model.loaded.info, { settings, training, validation, output });
  if (args.json) printJson(context, report);
  else context.out(metatrainSummary(report));
}

export function registerMetatrain(program: Command, context: Context): void {
  const list = (text: string) => text.split(',').filter(Boolean);
  const command = program
    .command('metatrain')
    .description('train all weights of a network with episodes of a data set: the offline stage')
    .requiredOption(
      '--data <dir|zip,...>',
      'data sets, separated by commas; together they are one set of classes',
      list,
    )
    .requiredOption('-o, --output <model.ttm>', 'the model to write; beside it a checkpoint until it is done')
    .option('--episodes <n>', 'of training', number('episodes'), 2000)
    .option('--batch <n>', 'episodes of a step of the optimiser', wholeNumber('batch', 1, 1024), 4)
    .addOption(shown('--way <n|a-b|meta>', 'classes of an episode; meta: as Meta-Dataset', parseWay, '5-20'))
    .option('--shot <n|meta>', 'support samples a class; meta: as Meta-Dataset', metaOr('shot', 1), 5)
    .option('--query <n>', 'query samples a class; with meta shots at most this', number('query'), 10)
    .addOption(shown('--validate <share|n>', 'classes held out to choose the best weights by', parseHeld, '10%'))
    .option('--validate-data <dir|zip,...>', 'other data sets for that; nothing is held out then', list)
    .option('--validation-tasks <n>', 'tasks of a validation', number('validation-tasks'), 100)
    .option('--every <n>', 'episodes from one validation to the next', number('every'), 100)
    .option(
      '--patience <n>',
      'ends after so many validations without a better one; 0: never',
      wholeNumber('patience', 0),
      10,
    )
    .addOption(new Option('--optimizer <name>', 'of all weights').choices(META_OPTIMIZERS).default('adam'))
    .option('--lr <x>', 'highest learning rate', positiveNumber('lr'), 1e-4)
    .addOption(shown('--warmup <share>', 'of the steps, in which the rate rises', parseWarmup, '5%'))
    .option('--weight-decay <x>', 'share of rate times weight that a step takes off', below('weight-decay', 1), 1e-4)
    .option('--clip <norm>', 'longest gradient of a step', positiveNumber('clip'), 1)
    .option('--average <x>', 'share of the averaged weights that a step keeps', below('average', 1), 0.99)
    .option('--temperature <t>', 'of the cosine in the loss', positiveNumber('temperature'), DEFAULTS.temperature)
    .addOption(new Option('--augment <how>', 'of the images').choices(AUGMENTS).default('auto'))
    .option('--seed <n>', 'of everything random', wholeNumber('seed', 0, 2 ** 32 - 1), DEFAULTS.seed)
    .addOption(workersOption())
    .option('--restart', 'pass over the checkpoint of an unfinished run');
  jsonOption(modelOptions(command)).action((args: MetatrainArgs) => run(context, args));
}
