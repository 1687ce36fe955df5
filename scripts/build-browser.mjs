// Bundles dist/ for pages without a bundler into browser/: tinytrain.js and worker.js with all that they import (what is
// loaded lazily in files beside them), and the worker's thread.js. Any static server or CDN can serve the folder.
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { smaller } from './minify.mjs';

const root = new URL('..', import.meta.url).pathname;

const { source } = await import('../dist/worker/inline.js');
writeFileSync(`${root}dist/worker/thread.js`, source);

rmSync(`${root}browser`, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { tinytrain: 'dist/index.js', worker: 'dist/worker/index.js' },
  outdir: 'browser',
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});
for (const file of Object.keys(metafile.outputs)) {
  writeFileSync(root + file, await smaller(readFileSync(root + file, 'utf8'), true));
}
copyFileSync(`${root}dist/worker/thread.js`, `${root}browser/thread.js`);

// The libraries inside ask for their notices.
const packages = Object.keys(metafile.inputs).flatMap(
  (path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? [],
);
const notices = [...new Set([...packages, 'pbf'])].sort().map((name) => {
  const folder = `${root}node_modules/${name}/`;
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const { author, license } = JSON.parse(readFileSync(`${folder}package.json`, 'utf8'));
  const text = file ? readFileSync(folder + file, 'utf8').trim() : `${license}, by ${author?.name ?? author}`;
  return `${name}\n\n${text}\n`;
});
writeFileSync(`${root}browser/LICENSES.txt`, notices.join(`\n${'-'.repeat(80)}\n\n`));
