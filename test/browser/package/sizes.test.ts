import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { sizes } from '../../../scripts/sizes.mjs';

/** Limits in KB by gzip of what a page loads at first, by the row of the table in docs/browser.md. */
const LIMITS = { '**API and SIMD binary**': 40, '**worker, its script and the SIMD binary**': 69 };

const rows = sizes();

it.each(Object.entries(LIMITS))('%s: at most %i KB by gzip', (part, limit) => {
  expect(rows.find((row) => row.part === part)!.gzip).toBeLessThanOrEqual(limit * 1024);
});

it('docs/browser.md says what was measured, within 5%', () => {
  const doc = readFileSync(new URL('../../../docs/browser.md', import.meta.url), 'utf8');
  for (const { part, raw, gzip } of rows) {
    const line = doc.split('\n').find((text) => text.startsWith(`| ${part} |`));
    const [written, zipped] = [...(line ?? '').matchAll(/([\d.]+) KB/g)].map(([, kb]) => Number(kb) * 1024);
    const right = Math.abs(written! / raw - 1) < 0.05 && Math.abs(zipped! / gzip - 1) < 0.05;
    expect(right, `${part}: run node scripts/sizes.mjs --write`).toBe(true);
  }
});
