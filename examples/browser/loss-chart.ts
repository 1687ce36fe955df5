import { digits } from '../../src/format.js';
import { ticks } from '../../src/report/charts.js';
import { byId, h } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';

/** Draws the loss over the iterations; `iterations` is where the axis ends. */
export function drawLoss(curve: readonly (readonly [number, number])[], iterations: number): void {
  const place = byId('loss');
  if (curve.length === 0) {
    place.replaceChildren();
    place.removeAttribute('aria-label');
    return;
  }
  const top = Math.max(...curve.map(([, loss]) => loss)) * 1.08 || 1;
  const x = (iteration: number) => ((iteration - 1) / Math.max(1, iterations - 1)) * 100;
  const y = (loss: number) => 100 - (loss / top) * 100;
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 100 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  const rows = ticks(top, 3);
  for (const value of rows) {
    const line = document.createElementNS(SVG, 'line');
    const at = String(y(value));
    for (const [name, to] of Object.entries({ x1: '0', x2: '100', y1: at, y2: at })) line.setAttribute(name, to);
    svg.append(line);
  }
  const path = document.createElementNS(SVG, 'polyline');
  path.setAttribute('points', curve.map(([iteration, loss]) => `${x(iteration)},${y(loss)}`).join(' '));
  svg.append(path);
  const labels = rows.map((value) => {
    const label = h('span', { class: 'tick' }, String(value));
    label.style.top = `${y(value)}%`;
    return label;
  });
  const [iteration, loss] = curve.at(-1)!;
  const dot = h('span', { class: 'dot' });
  const end = h('span', { class: 'end' }, digits(loss));
  for (const mark of [dot, end]) {
    mark.style.left = `${x(iteration)}%`;
    mark.style.top = `${y(loss)}%`;
  }
  place.setAttribute(
    'aria-label',
    `Loss ${digits(curve[0]![1])} at first, ${digits(loss)} after ${iteration} iterations`,
  );
  place.replaceChildren(svg, ...labels, dot, end);
}
