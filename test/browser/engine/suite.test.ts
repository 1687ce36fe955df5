import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowsers } from '../browsers.js';
import { type Server, serve } from '../server.js';
import { bundleTests, moduleOf } from './bundle.js';
import type { Outcome } from './page/run.js';

/** Every kernel test, and the tests of the engine that don't search at random (those say nothing of the host). */
const kernels = readdirSync(new URL('../../kernels', import.meta.url)).filter((name) => name.endsWith('.test.ts'));
const FILES = [
  ...kernels.map((name) => `test/kernels/${name}`),
  ...['abi', 'golden', 'host', 'methods'].map((name) => `test/engine/${name}.test.ts`),
  'test/worker/worker.test.ts',
];

const folder = mkdtempSync(join(tmpdir(), 'tinytrain-suite-'));
let server: Server;

beforeAll(async () => {
  await bundleTests(FILES, folder);
  server = await serve({
    files: {
      '/index.html':
        '<!doctype html><title>tests</title><link rel="icon" href="data:,"><script type="module" src="/tests/run.js"></script>',
      '/tests/': pathToFileURL(`${folder}/`),
      '/repository/': new URL('../../../', import.meta.url),
    },
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

describeInBrowsers('the tests of kernels, engine and worker', (browser) => {
  it(`pass: ${FILES.length} files`, async () => {
    const tab = await browser().tab();
    await tab.goto(`${server.origin}/`);
    type Page = { runTests(files: string[]): Promise<Outcome> };
    const urls = FILES.map((file) => `/tests/${moduleOf(file)}.js`);
    const { passed, skipped, failed } = await tab.evaluate(
      (files) => (globalThis as unknown as Page).runTests(files),
      urls,
    );
    expect(failed).toEqual([]);
    expect(skipped).toBe(0);
    expect(passed).toBeGreaterThan(450);
    expect(server.violations).toEqual([]);
    console.info(`${browser().name} ${browser().version}: ${passed} tests passed`);
    await tab.close();
  });
});
