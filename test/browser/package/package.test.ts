import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../../src/model/write.js';
import { everyOperator } from '../../engine/networks.js';
import { installPacked, run } from '../../package/packed.js';
import { describeInBrowsers, type Tab } from '../browsers.js';
import { type Server, STRICT_CSP, serve } from '../server.js';
import { prepareApp, type Site, TOOLS } from './sites.js';

/** The package from its tarball, in every way a page takes it, under a strict policy; all must give the patch that Node gives. */
const folder = mkdtempSync(join(tmpdir(), 'tinytrain-package-'));
const model = Buffer.from(writeModel(everyOperator()));
const packaged = pathToFileURL(join(folder, 'node_modules/tinytrain/'));

interface Result {
  patch: string;
  binary: string;
  label: string;
  name: string;
}
type Use = { use: Record<string, (...args: unknown[]) => Promise<Result>> };

let app = '';
let expected: Result;
const sites: Record<string, Site> = {};
const servers: Server[] = [];

beforeAll(async () => {
  installPacked(folder);
  app = prepareApp(folder);
  writeFileSync(join(app, 'model.ttm'), model);
  expected = inNode('tinytrain');
}, 240_000);

afterAll(async () => {
  for (const server of servers) await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The job in a Node process of its own, which must end by itself. */
function inNode(specifier: string, options = '{}'): Result {
  const code = `import { TinyTrain } from '${specifier}'; import { job } from './job.js';
    console.log(JSON.stringify(await job(TinyTrain, 'model.ttm', ${options})));`;
  return JSON.parse(run('node', ['--input-type=module', '-e', code], app));
}

describe('the packed package in Node', () => {
  it('gives one patch, on the main thread, in a worker, and with a binary from a file', () => {
    expect(expected).toMatchObject({ binary: 'simd', name: 'every operator' });
    expect(inNode('tinytrain/worker')).toEqual(expected);
    expect(inNode('tinytrain', `{ module: '../node_modules/tinytrain/build/tinytrain.simd.wasm' }`)).toEqual(expected);
  });
});

/** Files without one of them. */
const hide = (files: Site['files'], path: string): Site['files'] => ({ ...files, [path]: new URL('none/', packaged) });

/** Serves a site, with the model and the package's binaries beside it. */
async function open(tab: Tab, { files, csp }: Site): Promise<Server> {
  const server = await serve({ files: { '/build/': new URL('build/', packaged), '/model.ttm': model, ...files }, csp });
  servers.push(server);
  await tab.goto(`${server.origin}/`);
  await tab.waitFor(() => (globalThis as unknown as Use).use);
  return server;
}

const use = (tab: Tab, how: string, ...args: unknown[]) =>
  tab.evaluate((name, list) => (globalThis as unknown as Use).use[name]!(...list), how, args);

describeInBrowsers('the packed package', (browser) => {
  beforeAll(async () => {
    for (const [tool, build] of Object.entries(TOOLS)) sites[tool] ??= await build(app, join(folder, tool));
  }, 240_000);

  it.each(
    Object.keys(TOOLS),
  )('%s: adapts on the page, in tinytrain/worker and in a worker of the page', async (tool) => {
    const tab = await browser().tab();
    const server = await open(tab, sites[tool]!);
    expect(await use(tab, 'page', 'model.ttm')).toEqual(expected);
    expect(await use(tab, 'thread', 'model.ttm')).toEqual(expected);
    expect(await use(tab, 'thread', 'model.ttm', { workers: 2 })).toEqual(expected);
    expect(await use(tab, 'ownWorker', 'model.ttm')).toEqual(expected);
    expect(await use(tab, 'model', 'default')).toBe('default');
    expect(tab.errors).toEqual([]);
    expect(server.violations).toEqual([]);
    // Only what is asked for is loaded: one binary, no importer of other formats, no thread from memory.
    expect(server.requests.filter((path) => /scalar|onnx|inline|inflate/i.test(path))).toEqual([]);
    await tab.close();
  });

  it.each(['Vite', 'webpack'])('%s: finds the binary that new URL(..., import.meta.url) names', async (tool) => {
    const tab = await browser().tab();
    const server = await open(tab, sites[tool]!);
    expect(await use(tab, 'byUrl', 'model.ttm')).toEqual(expected);
    expect(server.requests.filter((path) => path.endsWith('.wasm'))).toHaveLength(1);
    await tab.close();
  });

  it('takes a binary from a URL, compiled by the page, or the scalar one', async () => {
    const tab = await browser().tab();
    const server = await open(tab, sites.esbuild!);
    for (const how of ['page', 'thread']) {
      expect(await use(tab, how, 'model.ttm', { module: '/build/tinytrain.simd.wasm' })).toEqual(expected);
      const scalar = await use(tab, how, 'model.ttm', { module: '/build/tinytrain.wasm' });
      expect(scalar.binary).toBe('scalar');
      expect(await use(tab, how, 'model.ttm', { binary: 'scalar' })).toEqual(scalar);
      await expect(use(tab, how, 'model.ttm', { module: '/model.ttm' })).rejects.toThrow('module cannot be compiled');
    }
    expect(await use(tab, 'compiled', '/build/tinytrain.simd.wasm')).toEqual(expected);
    expect(server.violations).toEqual([]);
    await tab.close();
  });

  it('a thread whose script is missing: the page names it, or the policy allows blobs, or it is told so', async () => {
    const { files, csp } = sites.esbuild!;
    const moved = { ...files, '/moved/thread.js': readFileSync(new URL('browser/thread.js', packaged)) };
    const tab = await browser().tab();
    await open(tab, { files: hide(moved, '/js/thread.js'), csp });
    expect(await use(tab, 'thread', 'model.ttm', { worker: '/moved/thread.js' })).toEqual(expected);
    await expect(use(tab, 'thread', 'model.ttm')).rejects.toThrow("serve the package's browser/thread.js");
    await expect(use(tab, 'thread', 'model.ttm', { worker: '/nowhere.js' })).rejects.toThrow(
      'its script cannot be loaded',
    );
    await open(tab, { files: hide(files, '/js/thread.js'), csp: csp.replace('worker-src', 'worker-src blob:') });
    expect(await use(tab, 'thread', 'model.ttm')).toEqual(expected);
    await tab.close();
  });

  it("served by another host, a CDN: the worker starts from memory, as no page may start another host's script", async () => {
    const site = sites['a plain page']!;
    const cdn = await serve({ files: site.files, csp: false, headers: { 'access-control-allow-origin': '*' } });
    servers.push(cdn);
    const page = (site.files['/index.html'] as string).replaceAll('"/package/', `"${cdn.origin}/package/`);
    const sources = `'self' ${cdn.origin} 'unsafe-inline' 'wasm-unsafe-eval'`;
    const csp = `default-src 'none'; script-src ${sources}; worker-src 'self' blob:; connect-src 'self' ${cdn.origin}; img-src data:`;
    const tab = await browser().tab();
    const server = await open(tab, { files: { ...hide(site.files, '/package/'), '/index.html': page }, csp });
    expect(await use(tab, 'page', 'model.ttm')).toEqual(expected);
    expect(await use(tab, 'thread', 'model.ttm')).toEqual(expected);
    expect(await use(tab, 'model', 'default')).toBe('default');
    expect(server.requests.filter((path) => path.startsWith('/package/'))).toEqual([]);
    await tab.close();
  });

  it('a model that is not where the package looks: the message says what to do', async () => {
    const tab = await browser().tab();
    await open(tab, { ...sites.esbuild!, files: hide(sites.esbuild!.files, '/models/default.ttm') });
    await expect(use(tab, 'model', 'default')).rejects.toThrow(
      /the model 'default' is not at .*: copy models\/default.ttm/,
    );
    await expect(use(tab, 'model', '/no.ttm')).rejects.toThrow('no.ttm cannot be fetched: the server answers 404');
    await tab.close();
  });

  it('a policy that forbids WebAssembly: the message says what it needs', async () => {
    const tab = await browser().tab();
    await open(tab, { ...sites.esbuild!, csp: STRICT_CSP.replace(" 'wasm-unsafe-eval'", '') });
    for (const how of ['page', 'thread'])
      await expect(use(tab, how, 'model.ttm')).rejects.toThrow('WebAssembly is refused here');
    await tab.close();
  });
});
