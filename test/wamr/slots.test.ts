import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { attempt, cannotRun, folder, root } from './tools.js';

const sources = ['test/wamr/slots_test.c', 'bench/wamr/slots.c', 'bench/wamr/crc32.c', '-I', 'bench/wamr'];
const strict = [
  '-std=c11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
];
const path = folder();
const built = await attempt(['cc', ...strict, ...sources, '-o', path('slots')]);

if ('missing' in built) cannotRun('slots', built.missing);
else {
  describe('slots of patches', () => {
    it('hold the patch of before or the new one, whichever byte the power is cut at', () => {
      const said = execFileSync(path('slots'), { cwd: root, encoding: 'utf8', timeout: 100_000 });
      expect(said).toMatch(/^[1-9]\d{5} cuts, \d+ checks$/m);
    }, 120_000);
  });
}
