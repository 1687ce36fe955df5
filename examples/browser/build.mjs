/**
 * Builds the page into build/page/: a folder of static files, all addresses relative, for any web server.
 * `node examples/browser/build.mjs --serve [port]` serves it on this machine as well.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import sharp from 'sharp';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const STATIC = ['index.html', 'style.css', 'icon.svg', 'manifest.webmanifest'];
const MODELS = ['default.ttm', 'default.int8.ttm'];

/** The demo images as one picture, a row a class; returns what the page has to know of it. */
async function sampleSheet(out) {
  const demo = join(root, 'demo');
  const entries = await readdir(demo, { withFileTypes: true });
  const classes = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const perClass = (await readdir(join(demo, classes[0]))).length;
  const { width: side } = await sharp(join(demo, classes[0], '0.png')).metadata();
  const tiles = classes.flatMap((name, row) =>
    Array.from({ length: perClass }, (_, column) => ({
      input: join(demo, name, `${column}.png`),
      left: column * side,
      top: row * side,
    })),
  );
  await sharp({ create: { width: perClass * side, height: classes.length * side, channels: 3, background: 'white' } })
    .composite(tiles)
    .toColourspace('b-w')
    .png({ compressionLevel: 9 })
    .toFile(join(out, 'samples.png'));
  return { classes, perClass, side };
}

const bundle = (entryPoints, out, define = {}) =>
  esbuild.build({
    entryPoints,
    outdir: out,
    bundle: true,
    format: 'esm',
    target: ['chrome103', 'firefox114', 'safari16.4'],
    minify: true,
    // Binaries are loaded when they are chosen.
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    // The script of the threads is a file of the page, thread.js; the copy inside the package isn't needed.
    external: ['./inline.js'],
    legalComments: 'none',
    define,
    logLevel: 'warning',
  });

async function files(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  return names.map((name) => name.split(sep).join('/')).sort();
}

/** Builds the page into the folder `out`; returns its size in bytes by file. */
export async function buildPage(out = join(root, 'build', 'page')) {
  const thread = join(root, 'dist', 'worker', 'thread.js');
  if (!existsSync(thread)) throw new Error('the package is not built yet: run npm run build first');
  await rm(out, { recursive: true, force: true });
  await mkdir(join(out, 'models'), { recursive: true });
  for (const name of STATIC) await cp(join(here, name), join(out, name));
  for (const name of MODELS) await cp(join(root, 'models', name), join(out, 'models', name));
  await cp(thread, join(out, 'thread.js'));
  const samples = await sampleSheet(out);
  await bundle([join(here, 'main.ts')], out, { SAMPLES: JSON.stringify(samples) });
  // The service worker comes last: it names all the others.
  const names = await files(out);
  const hash = createHash('sha256');
  const sizes = {};
  for (const name of names) {
    const bytes = await readFile(join(out, name));
    sizes[name] = bytes.length;
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  const define = { VERSION: JSON.stringify(hash.digest('hex').slice(0, 16)), FILES: JSON.stringify(['./', ...names]) };
  await bundle([join(here, 'sw.ts')], out, define);
  // GitHub Pages shall leave the files as they are.
  await writeFile(join(out, '.nojekyll'), '');
  return sizes;
}

async function main() {
  const sizes = await buildPage();
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  console.log(`build/page: ${Object.keys(sizes).length} files, ${(total / 1024 ** 2).toFixed(2)} MB`);
  if (process.argv[2] === '--serve') {
    const context = await esbuild.context({});
    const { port } = await context.serve({
      servedir: join(root, 'build', 'page'),
      host: '127.0.0.1',
      port: Number(process.argv[3] ?? 8080),
    });
    console.log(`http://localhost:${port}/`);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => {
    console.error(`the page cannot be built: ${error.message}`);
    process.exit(1);
  });
}
