/** Figures as people read them, for the command line and the report. */

/** Three significant digits, none after the point from 100 on. */
export const digits = (x: number): string => (x >= 99.95 ? String(Math.round(x)) : x.toFixed(x >= 9.995 ? 1 : 2));

/** Bytes; 1 KB = 1024 bytes. */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  return n < 1024 ** 2 ? `${digits(n / 1024)} KB` : `${digits(n / 1024 ** 2)} MB`;
}

/** Counts of parameters and MACs; k, M and G are powers of ten. */
export function count(n: number): string {
  if (n < 1000) return String(n);
  if (n < 999_500) return `${digits(n / 1e3)} k`;
  return n < 999_500_000 ? `${digits(n / 1e6)} M` : `${digits(n / 1e9)} G`;
}

/** A time of seconds to hours, as one waits for it. */
export function timeLeft(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Milliseconds; as seconds from one second on. */
export const duration = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${digits(ms / 1000)} s`);
