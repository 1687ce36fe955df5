import { digits } from '../format.js';
import { css } from './html.js';

/**
 * Charts whose text is HTML and whose marks stretch with the page, so that labels keep their size on a phone.
 * Positions are percent of the plot.
 */

export interface BudgetBar {
  label: string;
  used: number;
  limit: number;
  text: (n: number) => string;
  /** What else is to be said about the figure. */
  note: string;
  /** Whether the method keeps the limit at all. */
  binds: boolean;
}

/** A bar from zero to what is used, with the limit marked on the same axis. */
export function budgetBar({ label, used, limit, text, note, binds }: BudgetBar): string {
  const end = Math.max(used, limit) * 1.05 || 1;
  const at = (limit / end) * 100;
  const mark = binds ? `limit ${text(limit)}` : `${text(limit)} (does not bind this method)`;
  return `<div class="budget">
<p><strong>${label}</strong> <span class="figure">${text(used)}</span><span class="soft">; ${note}</span></p>
<div class="track"><div class="fill" style="width:${css((used / end) * 100)}%"></div><div class="limit" style="left:${css(at)}%"></div></div>
<p class="axis"><span>0</span><span class="at${at > 50 ? ' left' : ''}" style="left:${css(at)}%">${mark}</span></p>
</div>`;
}

/** Round steps for an axis from 0 to `max`: about `count` of 1, 2 or 5 times a power of ten. */
export function ticks(max: number, count: number): number[] {
  if (!(max > 0)) return [0];
  const raw = max / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999)!;
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

/** The loss of each iteration. */
export function lossCurve(loss: readonly number[]): string {
  const top = Math.max(...loss) * 1.05 || 1;
  const last = Math.max(loss.length, 2);
  const x = (iteration: number) => ((iteration - 1) / (last - 1)) * 100;
  const y = (value: number) => 100 - (value / top) * 100;
  const points = loss.map((value, i) => `${css(x(i + 1))},${css(y(value))}`).join(' ');
  const rows = ticks(top, 4);
  const grid = rows.map((v) => `<line x1="0" x2="100" y1="${css(y(v))}" y2="${css(y(v))}"/>`).join('');
  const yLabels = rows.map((v) => `<span style="top:${css(y(v))}%">${v}</span>`).join('');
  const iterations = [1, ...ticks(loss.length, 4).filter((v) => v >= loss.length / 8)];
  const xLabels = iterations.map((v) => `<span style="left:${css(x(v))}%">${v}</span>`).join('');
  const final = loss.at(-1)!;
  const place = `left:100%;top:${css(y(final))}%`;
  return `<div class="plot" role="img" aria-label="Loss from ${digits(loss[0]!)} to ${digits(final)} in ${loss.length} iterations">
<p class="soft ylabel">loss, mean over the pseudo-queries</p>
<div class="yaxis">${yLabels}</div>
<div class="canvas"><svg viewBox="0 0 100 100" preserveAspectRatio="none"><g class="grid">${grid}</g><polyline class="curve" points="${points}"/></svg>
<span class="dot" style="${place}"></span><span class="end" style="${place}">${digits(final)}</span></div>
<div class="xaxis">${xLabels}</div>
<p class="soft xlabel">iteration</p>
</div>`;
}

/** A strip with a cell for each channel; chosen ones are filled. `delta` shades the cells by Fisher information. */
export function channelStrip(channels: number, selected: readonly number[], delta?: ArrayLike<number>): string {
  const chosen = new Set(selected);
  const cells: string[] = [];
  const peak = delta ? Math.max(...Array.from(delta)) || 1 : 1;
  for (let c = 0; c < channels; ) {
    let end = c + 1;
    const on = chosen.has(c);
    // Equal neighbours share a rectangle, so that a layer of a thousand channels stays small.
    while (!delta && end < channels && chosen.has(end) === on) end++;
    const shade = delta ? ` opacity="${css(0.25 + 0.75 * Math.sqrt(delta[c]! / peak))}"` : '';
    if (on || delta) cells.push(`<rect x="${c}" width="${end - c}" height="1" class="${on ? 'on' : 'off'}"${shade}/>`);
    c = end;
  }
  return `<svg class="strip" viewBox="0 0 ${channels} 1" preserveAspectRatio="none" role="img" aria-label="${selected.length} of ${channels} channels">${cells.join('')}</svg>`;
}

/** Decades that hold all positive values, as exponents of ten. */
export function decades(values: readonly (number | null)[]): [number, number] {
  const positive = values.filter((v): v is number => v !== null && v > 0);
  if (positive.length === 0) return [-1, 0];
  const low = Math.floor(Math.log10(Math.min(...positive)));
  return [low, Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive)) + 1e-9))];
}

/** A dot on a logarithmic axis with a line at each power of ten. */
export function logDot(value: number | null, [low, high]: [number, number]): string {
  const at = (exponent: number) => ((exponent - low) / (high - low)) * 100;
  const lines = Array.from({ length: high - low + 1 }, (_, i) => `<i style="left:${css(at(low + i))}%"></i>`).join('');
  const dot = value !== null && value > 0 ? `<b style="left:${css(at(Math.log10(value)))}%"></b>` : '';
  return `<span class="log">${lines}${dot}</span>`;
}
