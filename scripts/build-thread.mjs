// Bundles the script of `tinytrain/worker` (src/worker/thread.ts) into one file without imports, and writes it as text
// to src/worker/inline.ts, from which it starts where no file of it can be reached.
import { writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { smaller } from './minify.mjs';

const root = new URL('..', import.meta.url).pathname;

/** The page hands the thread its compiled binary: those that are embedded, and what unpacks them, stay out. */
const withoutBinaries = {
  name: 'without-binaries',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/(wasm\/\w+|inflate)\.js$/ }, ({ path }) => ({ path, namespace: 'left-out' }));
    onLoad({ filter: /./, namespace: 'left-out' }, () => ({ contents: 'export {};' }));
  },
};

const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ['src/worker/thread.ts'],
  bundle: true,
  write: false,
  minify: true,
  format: 'iife',
  target: 'es2022',
  legalComments: 'none',
  // Where models lie is the page's knowledge too.
  define: { 'import.meta.url': '"https://tinytrain.invalid/thread/"' },
  plugins: [withoutBinaries],
  logLevel: 'warning',
});
const header = '// Made by scripts/build-thread.mjs from src/worker/thread.ts.';
writeFileSync(
  `${root}src/worker/inline.ts`,
  `${header}\nexport const source: string =\n  ${JSON.stringify(await smaller(outputFiles[0].text, false))};\n`,
);
