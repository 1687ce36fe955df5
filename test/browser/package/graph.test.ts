import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Bundles for a page as a script that is no module: there neither top-level await nor Node's modules exist. */
async function bundle(entry: { entryPoints: string[] } | { stdin: { contents: string; resolveDir: string } }) {
  const options = { absWorkingDir: root, bundle: true, write: false, metafile: true, outdir: 'out' } as const;
  const { metafile } = await build({ ...options, ...entry, format: 'iife', platform: 'browser', logLevel: 'silent' });
  return Object.keys(metafile.inputs);
}

it('neither top-level await nor anything of Node is in the browser graph', async () => {
  const inputs = await bundle({ entryPoints: ['dist/index.js', 'dist/worker/index.js', 'dist/worker/thread.js'] });
  expect(inputs).toContain('dist/tinytrain.js');
  expect(inputs.filter((path) => path.startsWith('dist/node/') || path.startsWith('dist/cli/'))).toEqual([]);
});

it.each([
  "import 'node:fs';",
  'await 0;',
  "import './dist/node/index.js';",
])('this check refuses %s', async (contents) => {
  await expect(bundle({ stdin: { contents, resolveDir: root } })).rejects.toThrow(/node:|Top-level await/);
});
