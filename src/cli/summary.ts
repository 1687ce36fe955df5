import { criterionOf } from '../defaults.js';
import { bytes, count, duration } from '../format.js';
import { DYNAMIC } from '../options.js';
import type { AdaptReport, Method, SelectReport } from '../types.js';
import { figure, percent, table } from './format.js';

const LABEL = 10;
export const line = (label: string, text: string) => `${label.padEnd(LABEL)}${text}\n`;

export function modelLine(model: SelectReport['model']): string {
  const [h, w, c] = model.input;
  const size = `${count(model.params)} parameters, ${count(model.macs)} MACs`;
  return line('model', `${model.name} (${model.checksum}), ${h} x ${w} x ${c}, ${size}`);
}

/** Layers that are trained, one a row. */
export function chosenTable(report: SelectReport): string {
  const rows = report.layers
    .filter((layer) => layer.trains !== 'nothing')
    .map((layer) => [
      `  ${layer.name}`,
      layer.op,
      layer.trains === 'bias' ? `bias of ${layer.channels}` : `${layer.selected.length} of ${layer.channels}`,
      count(layer.params),
      count(layer.macs),
      figure(layer.fisher),
      figure(layer.score),
    ]);
  if (rows.length === 0) return '';
  return table([['  layer', 'op', 'channels', 'params', 'MACs', 'Fisher', 'score'], ...rows], 'llrrrrr');
}

function budgets(report: SelectReport): string {
  const { memory, macs, method } = report;
  // The limits bind only what selects by them.
  const bound = DYNAMIC.includes(method);
  const share = `${percent(macs.backward / macs.fullBackward)} of a full backward pass`;
  const limits = report.budgets;
  const drawn = report.draws === null ? '' : `; ${report.draws} samples drawn an iteration, ${count(macs.draw)} each`;
  return (
    line(
      'memory',
      `${bytes(memory.backwardBytes)}${bound ? ` of ${bytes(limits.memoryBytes)}` : ''} for the backward pass; ${bytes(memory.peakBytes)} in all`,
    ) +
    line(
      'compute',
      `${count(macs.backward)}${bound ? ` of ${count(limits.backwardMacs)}` : ''} MACs backward a sample, ${share}; ${count(macs.forward)} forward${drawn}`,
    )
  );
}

function head(report: SelectReport): string {
  const { task, method, criterion, layers, augment } = report;
  const chosen = layers.filter((layer) => layer.trains !== 'nothing');
  const channels = chosen.reduce((sum, layer) => sum + layer.selected.length, 0);
  const pseudo =
    [augment.crop && 'crops', augment.flip && 'flips'].filter(Boolean).join(' and ') || 'the samples themselves';
  const by =
    DYNAMIC.includes(method) && criterion !== criterionOf(method as Method)
      ? `${method}, criterion ${criterion}`
      : method;
  return (
    modelLine(report.model) +
    line('task', `${task.ways} classes, ${task.samples} samples`) +
    line('method', `${by}, seed ${report.seed}, pseudo-queries: ${pseudo}`) +
    line('chosen', `${chosen.length} of ${layers.length} layers, ${channels} channels with their weights`)
  );
}

/** What `select` prints. */
export function selectSummary(report: SelectReport): string {
  return (
    head(report) +
    budgets(report) +
    line('time', `${duration(report.time.fisherMs)}, ${report.binary} binary`) +
    chosenTable(report)
  );
}

/** Why an adaptation was given up, and what there is instead. */
export function fallbackText({ guard }: AdaptReport): string {
  const [before, after] = [guard!.before, guard!.after].map((x) => x.toFixed(2));
  return `adapting was given up: held-back views of the samples got harder to tell apart (margin ${before} to ${after}); the patch holds prototypes of the network as it was`;
}

/** What `adapt` prints. `saved` is where the patch was written. */
export function adaptSummary(report: AdaptReport, saved?: string): string {
  const { loss, time, patch } = report;
  const trained = loss.length > 0;
  const ends = trained
    ? `${loss[0]!.toFixed(3)} to ${loss.at(-1)!.toFixed(3)} in ${loss.length} iterations, ${report.optimizer} ${report.lr}`
    : 'nothing was trained';
  return (
    head(report) +
    budgets(report) +
    (report.views > 1 ? line('views', `${report.views} of each picture: as many forward passes to classify it`) : '') +
    line('loss', ends) +
    (report.fallback ? line('given up', fallbackText(report)) : '') +
    line(
      'time',
      `${duration(time.totalMs)} (Fisher pass ${duration(time.fisherMs)}, training ${duration(time.trainMs)}), ${report.binary} binary`,
    ) +
    line('patch', `${bytes(patch.bytes)}, sha256 ${patch.sha256.slice(0, 16)}${saved ? `, written to ${saved}` : ''}`) +
    chosenTable(report)
  );
}
