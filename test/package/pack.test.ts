import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installPacked, run } from './packed.js';

const folder = mkdtempSync(join(tmpdir(), 'tinytrain-pack-'));
let tarball = '';

beforeAll(() => {
  tarball = installPacked(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the packed package has at most 3.5 MB', () => {
  expect(statSync(tarball).size).toBeLessThanOrEqual(3.5 * 1024 * 1024);
});

test('the installed command runs the demo and says what it did', () => {
  const report = JSON.parse(run(join(folder, 'node_modules/.bin/tinytrain'), ['demo', '--json'], folder));
  expect(report.accuracy.after).toBeGreaterThan(report.accuracy.before);
});

test('the installed API loads the default model, and every export is there', () => {
  writeFileSync(
    join(folder, 'use.mjs'),
    `import { readFileSync } from 'node:fs';
     import { fileURLToPath } from 'node:url';
     import { setFlagsFromString } from 'node:v8';
     import { TinyTrain } from 'tinytrain';
     const tt = await TinyTrain.load('default');
     // What Node 20 needs for the relaxed binary.
     if (process.version.startsWith('v20.')) setFlagsFromString('--experimental-wasm-relaxed-simd');
     for (const file of ['tinytrain.wasm', 'tinytrain.simd.wasm', 'tinytrain.relaxed.wasm']) {
       await TinyTrain.load('small', { module: readFileSync(fileURLToPath(import.meta.resolve('tinytrain/' + file))) });
     }
     const data = new Uint8Array(12 * 12 * 3).fill(200);
     console.log(JSON.stringify({ model: tt.model, features: tt.embed({ data, width: 12, height: 12 }).length }));`,
  );
  const { model, features } = JSON.parse(run('node', ['use.mjs'], folder));
  expect(model.name).toBe('default');
  expect(features).toBe(model.features);
});
