import { bytes, count, digits, duration } from '../format.js';
import { DYNAMIC } from '../options.js';
import type { AdaptReport } from '../types.js';
import { budgetBar, lossCurve } from './charts.js';
import { classSection } from './classes.js';
import { escapeHtml } from './html.js';
import { layerTable } from './layers.js';
import type { PrototypeCosines } from './prototypes.js';
import { style } from './style.js';

/** What a report can show beyond `AdaptReport`. */
export interface ReportExtra {
  /** Cosines between the prototypes, from `prototypeCosines(patch)`. */
  cosines?: PrototypeCosines;
  /** Fisher information of each channel, by name of the layer. */
  delta?: Record<string, ArrayLike<number>>;
}

function figures(report: AdaptReport): string {
  const { loss, layers, patch, time } = report;
  const chosen = layers.filter((l) => l.trains !== 'nothing');
  const channels = chosen.reduce((sum, l) => sum + l.selected.length, 0);
  const entry = (label: string, value: string, note: string) =>
    `<div><dt>${label}</dt><dd>${value}<small>${note}</small></dd></div>`;
  const from = loss.length > 0 ? `${digits(loss[0]!)} → ${digits(loss.at(-1)!)}` : '–';
  return `<dl class="key">
${entry('trained', `${chosen.length} of ${layers.length} layers`, `${channels} channels with their weights`)}
${entry('loss', from, `${loss.length} iterations`)}
${entry('time', duration(time.totalMs), `Fisher ${duration(time.fisherMs)}, training ${duration(time.trainMs)}`)}
${entry('patch', bytes(patch.bytes), `weights of the model ${bytes(4 * report.model.params)}`)}
</dl>`;
}

function budgets(report: AdaptReport): string {
  const { memory, macs, budgets: limits, method } = report;
  const binds = DYNAMIC.includes(method);
  const share = (100 * macs.backward) / macs.fullBackward;
  const drawn = report.draws === null ? '' : `; ${report.draws} samples drawn an iteration, ${count(macs.draw)} each`;
  const full = `${digits(share)}% of the full backward pass, ${count(macs.fullBackward)}${drawn}`;
  return `${budgetBar({
    label: 'Memory of the backward pass',
    used: memory.backwardBytes,
    limit: limits.memoryBytes,
    text: bytes,
    note: `${bytes(memory.peakBytes)} in all, with model and inference`,
    binds,
  })}
${budgetBar({
  label: 'MACs of one sample’s backward pass',
  used: macs.backward,
  limit: limits.backwardMacs,
  text: count,
  note: full,
  binds,
})}`;
}

function why({ method, criterion }: AdaptReport): string {
  if (!DYNAMIC.includes(method)) return `Method ${method} does not weigh the layers. `;
  if (method === 'thintrain') {
    return `Layers were tried from the last to the first, depthwise ones with all of their weights, the others with their
biases; each is trained with which the plan so far holds both budgets. `;
  }
  if (criterion !== 'tinytrain') return 'Layers were tried in the order of falling score. ';
  return `A layer is worth training where its Fisher potential is high for what it costs. Layers were tried in the order of
falling score; one with a high score stays frozen where the whole plan, with the way gradients must travel to it, would
break a budget. `;
}

function settings(report: AdaptReport): string {
  const { augment, model } = report;
  const pseudo = [augment.crop && 'crops', augment.flip && 'flips'].filter(Boolean).join(' and ');
  const rows: [string, string][] = [
    ['model', `${escapeHtml(model.name)}, checksum <code>${escapeHtml(model.checksum)}</code>`],
    ['input', model.input.join(' × ')],
    ['size', `${count(model.params)} parameters, ${count(model.macs)} MACs forward`],
    ['method', `${report.method}, criterion ${escapeHtml(report.criterion)}`],
    ['optimiser', `${report.optimizer}, learning rate ${report.lr}, ${report.iterations} iterations`],
    ['temperature', String(report.temperature)],
    ['views', `${report.views} of each picture`],
    ['pseudo-queries', pseudo || 'the samples themselves'],
    ['seed', String(report.seed)],
    ['binary', report.binary],
    ['patch', `${report.patch.bytes} bytes, sha256 <code>${report.patch.sha256}</code>`],
  ];
  const body = rows.map(([name, value]) => `<tr><td>${name}</td><td>${value}</td></tr>`).join('\n');
  return `<table class="plain settings"><tbody>${body}</tbody></table>
<p class="soft">${
    report.binary === 'relaxed'
      ? 'The relaxed binary rounds as the machine does: another machine may give another patch.'
      : 'The same samples, settings and binary give the same patch on every machine, byte for byte.'
  }</p>`;
}

/** One self-contained HTML page about an adaptation: no script, nothing from the network. */
export function renderReport(report: AdaptReport, extra: ReportExtra = {}): string {
  const { model, task } = report;
  const title = `${escapeHtml(model.name)} adapted to ${task.ways} classes`;
  const shaded = extra.delta ? ', the stronger the higher its Fisher information' : '';
  const loss = report.loss.length > 0 ? `<h2>Loss</h2>\n${lossCurve(report.loss)}` : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
<p class="soft">${task.samples} samples, method ${report.method}, seed ${report.seed}</p>
${figures(report)}
<h2>Budgets</h2>
${budgets(report)}
${loss}
<h2>What was chosen, and why</h2>
<p class="soft">${why(report)}Cost = share of the largest layer’s parameters × share of the largest layer’s MACs. Dots stand on
logarithmic axes, a line at each power of ten. Below a chosen layer: its output channels, the trained ones
filled${shaded}.</p>
${layerTable(report, extra.delta)}
<h2>Classes</h2>
${classSection(task.classes, extra.cosines)}
<h2>Settings</h2>
${settings(report)}
</body>
</html>
`;
}
