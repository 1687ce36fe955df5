/** What `metatrain` tells: while it runs, and in the end. */
import { timeLeft } from '../format.js';
import type { ModelInfo } from '../inspect.js';
import { type ClassSet, sizesOf } from '../node/classes.js';
import type { MetatrainProgress, MetatrainResult, MetatrainSettings, Validation } from '../node/metatrain-types.js';
import type { Context } from './context.js';
import { bar } from './progress.js';
import { line } from './summary.js';

/** A bar on a terminal, else a line for each validation. */
export function metatrainProgress(context: Context, checkpoint: string) {
  const progress = bar(context, 'episodes');
  let left = '';
  const onProgress = ({ done, total, loss, validation, best, tested, resumed, secondsLeft }: MetatrainProgress) => {
    if (secondsLeft !== undefined) left = done < total ? `${timeLeft(secondsLeft)} left` : '';
    const notes = [
      tested !== undefined && `validation ${tested}`,
      typeof loss === 'number' && `loss ${loss.toFixed(3)}`,
      typeof validation?.loss === 'number' && `loss ${validation.loss.toFixed(3)}`,
      validation && `accuracy ${validation.accuracy.toFixed(1)}%`,
      best && `best ${best.accuracy.toFixed(1)}% at ${best.episode}`,
      left,
    ];
    const text = notes.filter(Boolean).join(', ');
    progress.update(done, total, text);
    if (context.terminal) return;
    if (resumed) context.err(`going on after episode ${done} of ${total} (${checkpoint})\n`);
    if (validation) context.err(`episode ${done} of ${total}: ${text}\n`);
  };
  return { onProgress, stop: progress.stop };
}

/** Mean over tasks, and half of its 95% interval; null for a single one. */
export interface Accuracy {
  accuracy: number;
  ci95: number | null;
}

function accuracyOf(values: readonly number[]): Accuracy {
  const n = values.length;
  const accuracy = values.reduce((a, b) => a + b, 0) / n;
  const variance = values.reduce((sum, x) => sum + (x - accuracy) ** 2, 0) / (n - 1);
  return { accuracy, ci95: n > 1 ? 1.96 * Math.sqrt(variance / n) : null };
}

/** `metatrain --json`. */
export interface MetatrainReport {
  model: { name: string; checksum: string };
  settings: MetatrainSettings;
  data: { classes: number; images: number; validationClasses: number };
  /** Episodes done; the one whose weights were taken; why it ended. */
  episodes: number;
  chosen: number;
  stopped: 'end' | 'patience';
  /** On the validation tasks, in percent, with the weights as they came and as they are written; null without validation. */
  validation: { tasks: number; before: Accuracy; after: Accuracy; gain: Accuracy } | null;
  history: Validation[];
  seconds: number;
  output: string;
  /** Of the written model. */
  checksum: string;
}

export function metatrainReport(
  result: MetatrainResult,
  model: ModelInfo,
  run: { settings: MetatrainSettings; training: ClassSet; validation?: ClassSet; output: string },
): MetatrainReport {
  const { before, after } = result;
  const sizes = sizesOf(run.training);
  return {
    model: { name: model.name, checksum: model.checksum },
    settings: run.settings,
    data: {
      classes: sizes.length,
      images: sizes.reduce((a, b) => a + b, 0),
      validationClasses: run.validation?.names.length ?? 0,
    },
    episodes: result.episodes,
    chosen: result.chosen,
    stopped: result.stopped,
    validation: run.validation
      ? {
          tasks: after.length,
          before: accuracyOf(before),
          after: accuracyOf(after),
          gain: accuracyOf(after.map((x, task) => x - before[task]!)),
        }
      : null,
    history: result.history,
    seconds: result.seconds,
    output: run.output,
    checksum: result.checksum,
  };
}

/** What `metatrain` prints. */
export function metatrainSummary(report: MetatrainReport): string {
  const { model, data, validation, chosen, episodes, settings } = report;
  const share = ({ accuracy, ci95 }: Accuracy) =>
    `${accuracy.toFixed(1)}${ci95 === null ? '' : ` ± ${ci95.toFixed(1)}`}`;
  const held = validation ? `, ${data.validationClasses} to validate with` : '';
  const early =
    report.stopped === 'patience' ? `, stopped after ${settings.patience} validations without a better one` : '';
  const worth = validation
    ? line(
        'accuracy',
        `${share(validation.before)}% before, ${share(validation.after)}% after, gain ${share(validation.gain)} (${validation.tasks} validation tasks)`,
      )
    : '';
  const unchanged = chosen === 0 ? ': no validation was better than before training, the weights are as they came' : '';
  return (
    line('model', `${model.name} (${model.checksum})`) +
    line('data', `${data.classes} classes with ${data.images} images to train on${held}`) +
    line('episodes', `${episodes} of ${settings.episodes} in ${timeLeft(report.seconds)}${early}`) +
    worth +
    line('written', `${report.output} (${report.checksum}), the weights after episode ${chosen}${unchanged}`)
  );
}
