import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

it('docs/int8.md is drawn from the raw results beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tinytrain-int8-'));
  try {
    const page = join(folder, 'page.md');
    copyFileSync(at('docs/int8.md'), page);
    execFileSync(process.execPath, [at('bench/int8-accuracy.mjs'), '--draw', '--page', page]);
    expect(readFileSync(page, 'utf8')).toBe(readFileSync(at('docs/int8.md'), 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
