// Pictures of measured figures for the docs: a chart of Observable Plot, written as an SVG file that stands alone.
import { renameSync, writeFileSync } from 'node:fs';
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** Colours that can be told apart in grey and by the colour-blind (Okabe and Ito), on white. */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#7b3294'];

/** Writes the chart that `options` describe (those of Plot.plot) to `path`. */
export function savePicture(path, options) {
  const { document } = parseHTML('<html><body></body></html>');
  const svg = Plot.plot({
    document,
    width: 720,
    height: 400,
    marginLeft: 56,
    marginRight: 120,
    marginBottom: 44,
    style: { fontFamily: 'system-ui, sans-serif', fontSize: '13px', background: 'white', color: '#222' },
    ...options,
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  writeFileSync(`${path}.tmp`, `${svg.outerHTML}\n`);
  renameSync(`${path}.tmp`, path);
}

/** Names at the ends of lines, moved apart where they would lie on each other. `least`: distance in units of y. */
export function endLabels(points, { x, y, name, least }) {
  const sorted = [...points].sort((a, b) => a[y] - b[y]);
  const placed = [];
  for (const point of sorted) {
    const before = placed.at(-1);
    placed.push({ ...point, at: before ? Math.max(point[y], before.at + least) : point[y] });
  }
  return Plot.text(placed, { x, y: 'at', text: name, fill: name, textAnchor: 'start', dx: 8 });
}

export { Plot };
