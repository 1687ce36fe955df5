import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { rollup } from '@rollup/wasm-node';
import * as esbuild from 'esbuild';
import { build as viteBuild } from 'vite';
import webpack from 'webpack';
import { STRICT_CSP } from '../server.js';

/** The page of app/ made by one tool: what its server needs. */
export interface Site {
  files: Record<string, URL | string | Uint8Array>;
  csp: string;
}

const source = fileURLToPath(new URL('./app/', import.meta.url));
const slash = (path: string) => pathToFileURL(`${path}/`);

/** Folder with the app, where the installed package is found. */
export function prepareApp(folder: string): string {
  cpSync(source, join(folder, 'app'), { recursive: true });
  return join(folder, 'app');
}

/** How each tool makes a site of the app, with nothing but what its users write anyway. */
export const TOOLS: Record<string, (app: string, out: string) => Promise<Site>> = {
  async 'a plain page'(app) {
    // Without a bundler an import map says what `tinytrain` is; a policy without inline scripts names its hash.
    const map = JSON.stringify({
      imports: { tinytrain: '/package/browser/tinytrain.js', 'tinytrain/worker': '/package/browser/worker.js' },
    });
    const hash = createHash('sha256').update(map).digest('base64');
    const page = readFileSync(join(app, 'index.html'), 'utf8');
    // Import maps do not reach into workers: there the file is named.
    const worker = readFileSync(join(app, 'own-worker.js'), 'utf8').replace(
      "'tinytrain'",
      "'/package/browser/tinytrain.js'",
    );
    return {
      files: {
        '/': slash(app),
        '/index.html': page.replace('<script', `<script type="importmap">${map}</script><script`),
        '/own-worker.js': worker,
        '/package/': slash(join(app, '../node_modules/tinytrain')),
      },
      csp: STRICT_CSP.replace("script-src 'self'", `script-src 'self' 'sha256-${hash}'`),
    };
  },

  async Vite(app, out) {
    await viteBuild({ root: app, configFile: false, logLevel: 'warn', build: { outDir: out, emptyOutDir: true } });
    return { files: { '/': slash(out) }, csp: STRICT_CSP };
  },

  async webpack(app, out) {
    const stats = await new Promise<webpack.Stats>((resolve, reject) => {
      webpack(
        { mode: 'production', context: app, entry: './main.js', output: { path: out }, performance: { hints: false } },
        (error, result) => (error || !result ? reject(error) : resolve(result)),
      );
    });
    if (stats.hasErrors() || stats.hasWarnings())
      throw new Error(stats.toString({ all: false, errors: true, warnings: true }));
    return { files: { '/': slash(out), '/index.html': readFileSync(join(app, 'index.html')) }, csp: STRICT_CSP };
  },

  // These two leave `new URL('./file', import.meta.url)` alone: the worker's script is an entry of its own, as every
  // worker is with them, and the embedded model is copied.
  async esbuild(app, out) {
    const { warnings } = await esbuild.build({
      absWorkingDir: app,
      entryPoints: { main: './main.js', 'own-worker': './own-worker.js', thread: 'tinytrain/worker/thread' },
      bundle: true,
      minify: true,
      splitting: true,
      format: 'esm',
      outdir: join(out, 'js'),
      logLevel: 'silent',
    });
    if (warnings.length) throw new Error(warnings.map(({ text }) => text).join('\n'));
    return copied(app, out);
  },

  async Rollup(app, out) {
    const bundle = await rollup({
      input: {
        main: join(app, 'main.js'),
        'own-worker': join(app, 'own-worker.js'),
        thread: 'tinytrain/worker/thread',
      },
      plugins: [nodeResolve({ browser: true, rootDir: app })],
      onwarn: ({ message }) => {
        throw new Error(message);
      },
    });
    await bundle.write({ dir: join(out, 'js'), format: 'es' });
    await bundle.close();
    return copied(app, out);
  },
};

/** The page and the package's models beside the scripts. */
function copied(app: string, out: string): Site {
  const page = readFileSync(join(app, 'index.html'), 'utf8').replace('./main.js', './js/main.js');
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'index.html'), page);
  cpSync(join(app, '../node_modules/tinytrain/models'), join(out, 'models'), { recursive: true });
  return { files: { '/': slash(out) }, csp: STRICT_CSP };
}
