import { css, escapeHtml } from './html.js';
import type { PrototypeCosines } from './prototypes.js';

const MATRIX = 12;

function matrix({ classes, cosines }: PrototypeCosines): string {
  const others = cosines.flatMap((row, i) => row.filter((_, j) => j !== i));
  const [low, high] = [Math.min(...others), Math.max(...others)];
  const head = classes.map((_, i) => `<th>${i + 1}</th>`).join('');
  const rows = cosines.map((row, i) => {
    const cells = row.map((value, j) => {
      if (i === j) return '<td></td>';
      const share = high > low ? (value - low) / (high - low) : 0;
      return `<td style="--share:${css(share * 60)}%">${value.toFixed(2)}</td>`;
    });
    return `<tr><th scope="row">${i + 1} ${escapeHtml(classes[i]!)}</th>${cells.join('')}</tr>`;
  });
  return `<table class="matrix"><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

/** The closest pairs, where a matrix would be too large to read. */
function pairs({ classes, cosines }: PrototypeCosines): string {
  const all: [number, number, number][] = [];
  for (let i = 0; i < classes.length; i++) for (let j = 0; j < i; j++) all.push([cosines[i]![j]!, j, i]);
  const closest = all.sort((a, b) => b[0] - a[0]).slice(0, 10);
  const rows = closest.map(
    ([value, i, j]) =>
      `<tr><td>${escapeHtml(classes[i]!)}</td><td>${escapeHtml(classes[j]!)}</td><td>${value.toFixed(2)}</td></tr>`,
  );
  return `<table class="plain"><thead><tr><th>class</th><th>closest to</th><th>cosine</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

/** Names of the classes and how close their prototypes lie. */
export function classSection(classes: readonly string[], cosines?: PrototypeCosines): string {
  if (!cosines) return `<p>${classes.map(escapeHtml).join(', ')}</p>`;
  const small = cosines.classes.length <= MATRIX;
  return `<p class="soft">Cosine between the prototypes after adapting: the higher, the easier two classes are mixed up.</p>
${small ? matrix(cosines) : `<p>${classes.map(escapeHtml).join(', ')}</p>${pairs(cosines)}`}`;
}
