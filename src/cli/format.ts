import { digits } from '../format.js';

/** A figure of unknown magnitude, such as Fisher information. */
export function figure(x: number | null): string {
  if (x === null) return '-';
  if (x === 0) return '0';
  const size = Math.abs(x);
  if (size >= 1e4 || size < 1e-3) return x.toExponential(2);
  return size < 1 ? x.toFixed(3) : `${x < 0 ? '-' : ''}${digits(size)}`;
}

export function percent(share: number): string {
  const p = share * 100;
  return `${p >= 99.95 || p === 0 ? Math.round(p) : p.toFixed(1)}%`;
}

/** Aligned columns, two spaces apart; `align` has `l` or `r` for each column. */
export function table(rows: readonly (readonly string[])[], align: string): string {
  const widths = [...align].map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    [...align]
      .map((a, i) => (a === 'r' ? (row[i] ?? '').padStart(widths[i]!) : (row[i] ?? '').padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}
