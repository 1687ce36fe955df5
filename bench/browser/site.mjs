/** What the pages of the bench load: their scripts, the package, the networks and their samples. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { sampleEpisode } from '../../dist/episodes.js';
import { openData, readSamples } from '../../dist/node/data.js';
import { folder, wasmFolder } from './peers.mjs';

const root = new URL('../../', import.meta.url);
const page = (script) =>
  `<!doctype html><title>bench</title><link rel="icon" href="data:,"><script type="module" src="/page/${script}.js"></script>`;

/** The networks: where each comes from, which samples, and which size. */
export const NETWORKS = {
  default: { url: '/package/models/default.ttm', data: 'demo', input: [64, 64, 3] },
  'mcunet-5fps': { url: '/models/mcunet-5fps.onnx', data: 'clothing', input: [128, 128, 3] },
};

/** Bundles the pages' scripts into a folder of the build. */
export async function bundlePages() {
  await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: { index: 'bench/browser/page/index.mjs', memory: 'bench/browser/page/memory.mjs' },
    outdir: fileURLToPath(new URL('page/', folder)),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    nodePaths: [fileURLToPath(new URL('node_modules/', folder))],
    // What ships is what is measured.
    external: ['/package/*'],
    legalComments: 'none',
    logLevel: 'error',
  });
}

/** The harness of the browser tests, which is TypeScript. */
export async function loadHarness() {
  const out = new URL('harness/', folder);
  await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: ['open', 'server', 'find'].map((name) => `test/browser/${name}.ts`),
    outdir: fileURLToPath(out),
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    outExtension: { '.js': '.mjs' },
    logLevel: 'error',
  });
  const modules = await Promise.all(['open', 'server', 'find'].map((name) => import(new URL(`${name}.mjs`, out))));
  return Object.assign({}, ...modules);
}

/** Networks that are here, and the files that a server of them has; a 5-way 5-shot task of each. */
export async function site(names) {
  const data = process.env.TINYTRAIN_DATA;
  const missing = [];
  const networks = [];
  const files = {
    '/index.html': page('index'),
    '/memory.html': page('memory'),
    '/page/': new URL('page/', folder),
    '/package/': root,
    '/wasm/': wasmFolder,
  };
  for (const name of names) {
    const network = NETWORKS[name];
    const own = network.data === 'demo';
    if (!own && !(data && existsSync(join(data, network.url)))) {
      missing.push(`${name} is left out: set TINYTRAIN_DATA to the folder that holds models/ and data/`);
      continue;
    }
    if (!own) files['/models/'] = pathToFileURL(`${join(data, 'models')}/`);
    const set = await openData(own ? fileURLToPath(new URL('demo', root)) : join(data, 'data', `${network.data}.zip`));
    const sizes = set.classes.map(({ files }) => files.length);
    const { support } = sampleEpisode(sizes, { way: 5, shot: 5, query: 10, seed: 0 }, 0);
    const samples = await readSamples(set, support, network.input);
    const [{ width, height }] = samples.map(({ image }) => image);
    files[`/samples/${name}.json`] = JSON.stringify({ width, height, labels: samples.map(({ label }) => label) });
    files[`/samples/${name}.bin`] = Buffer.concat(samples.map(({ image }) => Uint8Array.from(image.data)));
    networks.push({ name, url: network.url });
  }
  return { files, networks, missing };
}

/** Version of the package. */
export const version = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')).version;
