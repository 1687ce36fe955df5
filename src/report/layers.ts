import { count } from '../format.js';
import type { AdaptReport, LayerReport } from '../types.js';
import { channelStrip, decades, logDot } from './charts.js';
import { escapeHtml, figureText } from './html.js';

type Range = [number, number];

/** Cost of a layer in the criterion: share of the largest layer's parameters times share of the largest layer's MACs. */
function costs(layers: readonly LayerReport[]): number[] {
  const params = Math.max(...layers.map((l) => l.params));
  const macs = Math.max(...layers.map((l) => l.macs));
  return layers.map((l) => (l.params / params) * (l.macs / macs));
}

const axis = ([low, high]: Range) =>
  `<span class="ends"><span>10<sup>${low}</sup></span><span>10<sup>${high}</sup></span></span>`;

function row(layer: LayerReport, cost: number, ranges: Range[], delta?: ArrayLike<number>): string {
  const trained = layer.trains !== 'nothing';
  const cell = (name: string, value: number | null, range: Range) =>
    `<td><span class="name">${name}</span>${logDot(value, range)}<span class="value">${value === null ? '–' : figureText(value)}</span></td>`;
  const what =
    layer.trains === 'bias'
      ? `bias of ${layer.channels}`
      : trained
        ? `${layer.selected.length} of ${layer.channels}`
        : `<span class="soft">frozen</span>`;
  const size = `${layer.op}, ${count(layer.params)} params, ${count(layer.macs)} MACs`;
  const cells = `<td class="layer"><strong>${escapeHtml(layer.name)}</strong> <span class="soft">${size}</span></td>
${cell('Fisher', layer.fisher, ranges[0]!)}${cell('cost', cost, ranges[1]!)}${cell('score', layer.score, ranges[2]!)}
<td class="what">${what}</td>`;
  const strip =
    layer.trains === 'weights'
      ? `<tr class="chosen strips"><td colspan="5">${channelStrip(layer.channels, layer.selected, delta)}</td></tr>`
      : '';
  return `<tr${trained ? ' class="chosen"' : ''}>${cells}</tr>${strip}\n`;
}

/** Every layer from the input on: what was weighed, and what was chosen of it. */
export function layerTable(report: AdaptReport, delta: Record<string, ArrayLike<number>> = {}): string {
  const { layers } = report;
  const cost = costs(layers);
  const ranges = [layers.map((l) => l.fisher), cost, layers.map((l) => l.score)].map(decades);
  const score =
    report.criterion === 'tinytrain' ? 'score = potential / cost' : `score, criterion ${escapeHtml(report.criterion)}`;
  const heads = ['Fisher potential', 'cost', score];
  const head = heads.map((text, i) => `<th>${text}${axis(ranges[i]!)}</th>`).join('');
  const body = layers.map((layer, i) => row(layer, cost[i]!, ranges, delta[layer.name])).join('');
  return `<table class="layers"><thead><tr><th>layer, from the input on</th>${head}<th>trained</th></tr></thead>
<tbody>${body}</tbody></table>`;
}
