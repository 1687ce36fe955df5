import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = (name: string) => fileURLToPath(new URL(`./page/${name}.ts`, import.meta.url));

/**
 * Bundles test files as they are for a page, into a folder: one module a file, and `run.js`. What they import of
 * vitest, of node:fs, of node:v8 and of the package itself is replaced, and `import.meta.url` names a file of the repository, served
 * under /repository/.
 */
export async function bundleTests(files: string[], folder: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: { run: page('run'), ...Object.fromEntries(files.map((file) => [moduleOf(file), file])) },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    alias: {
      vitest: page('vitest'),
      'node:fs': page('fs'),
      'node:v8': page('v8'),
      tinytrain: './dist/index.js',
      'tinytrain/worker': './dist/worker/index.js',
    },
    inject: [page('buffer')],
    plugins: [ownUrl],
    logLevel: 'error',
  });
}

/** Name of the module, without ending, that a test file becomes. */
export function moduleOf(file: string): string {
  return file.replace(/^test\//, '').replace(/\.ts$/, '');
}

const ownUrl: Plugin = {
  name: 'own-url',
  setup({ onLoad }) {
    onLoad({ filter: /\/(src|test|dist)\/.*\.[jt]s$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (path.includes('/node_modules/') || !text.includes('import.meta.url')) return undefined;
      const url = `new URL('/repository/${relative(root, path).replaceAll('\\', '/')}', location.origin).href`;
      return { contents: text.replaceAll('import.meta.url', url), loader: path.endsWith('.ts') ? 'ts' : 'js' };
    });
  },
};
