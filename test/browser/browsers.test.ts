import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowsers } from './browsers.js';
import { type Server, serve } from './server.js';

let server: Server;
const folder = mkdtempSync(join(tmpdir(), 'tinytrain-browsers-'));

beforeAll(async () => {
  server = await serve({
    files: {
      '/index.html': '<!doctype html><title>tab</title><link rel="icon" href="data:,"><script src="page.js"></script>',
      '/page.js': `
        console.warn('a warning');
        setTimeout(() => { throw new Error('nothing catches this'); });
        new Worker('worker.js').onmessage = ({ data }) => { window.answer = data; };
        try { eval('1') } catch { window.refused = true; }`,
      '/worker.js': `
        let refused = false;
        try { eval('1') } catch { refused = true; }
        postMessage(refused ? 'no eval' : 'eval');`,
    },
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

// What the other tests rely on: were an error or a broken policy not seen here, theirs could not fail.
describeInBrowsers('harness', (browser) => {
  it('runs a page with a worker, and sees errors, requests and what the policy forbids', async () => {
    const tab = await browser().tab();
    const before = server.violations.length;
    await tab.goto(`${server.origin}/`);
    expect(await tab.waitFor(() => (globalThis as { answer?: string }).answer)).toBe('no eval');
    expect(await tab.evaluate((a, b) => a + b, 2, 3)).toBe(5);
    await tab.waitFor(() => (globalThis as { refused?: boolean }).refused);
    expect(tab.errors.join('\n')).toMatch(/a warning/);
    expect(tab.errors.join('\n')).toMatch(/nothing catches this/);
    expect(tab.requests).toContain(`${server.origin}/page.js`);
    expect(server.requests).toContain('/worker.js');
    await expect.poll(() => server.violations.slice(before)).toEqual(['script-src eval', 'script-src eval']);
    await tab.setViewport(390, 844);
    expect(await tab.evaluate(() => innerWidth)).toBe(390);
    const path = join(folder, `${browser().name}.png`) as `${string}.png`;
    await tab.screenshot(path);
    expect(statSync(path).size).toBeGreaterThan(500);
    await expect(tab.goto(`${server.origin}/missing.html`)).rejects.toThrow('404');
    await tab.close();
  });
});
