// Sizes of what a page loads (browser/, minified), raw and by gzip -9, as the rows of a table. docs/browser.md has it:
// `node scripts/sizes.mjs --write` brings it up to date.
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const folder = new URL('../browser/', import.meta.url);
const doc = new URL('../docs/browser.md', import.meta.url);

/** A file and all that it imports at once, not lazily. */
function closure(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  const text = readFileSync(new URL(name, folder), 'utf8');
  for (const [, path] of text.matchAll(/(?:\bfrom|\bimport)\s*"\.\/([^"]+)"/g)) closure(path, seen);
  return seen;
}

/** The file of a lazy part, whose name ends with a checksum. */
function lazy(name) {
  return readdirSync(folder).find((file) => file.startsWith(`${name}-`) && file.endsWith('.js'));
}

function row(part, when, files) {
  const bytes = files.map((file) => readFileSync(new URL(file, folder)));
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  return {
    part,
    when,
    raw: sum(bytes.map((b) => b.length)),
    gzip: sum(bytes.map((b) => gzipSync(b, { level: 9 }).length)),
  };
}

/** What a page loads for which use. */
export function sizes() {
  const api = [...closure('tinytrain.js')];
  const worker = [...closure('worker.js')];
  const [simd, scalar, relaxed, onnx] = ['simd', 'scalar', 'relaxed', 'onnx'].map(lazy);
  return [
    row('`tinytrain`: the API', 'always', api),
    row('the SIMD binary', 'where the browser has SIMD', [simd]),
    row('**API and SIMD binary**', '**together**', [...api, simd]),
    row('the scalar binary', "where it hasn't", [scalar]),
    row('the relaxed binary', "instead of the SIMD binary, with `binary: 'relaxed'`", [relaxed]),
    row('the ONNX importer', 'for a model that is not a `.ttm`', [onnx]),
    row('`tinytrain/worker`: the API', 'instead of the above API', worker),
    row("the worker's script", 'with it', ['thread.js']),
    row('**worker, its script and the SIMD binary**', '**together**', [...worker, 'thread.js', simd]),
  ];
}

const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;

/** The table as it stands in docs/browser.md. */
export function table() {
  const rows = sizes().map(({ part, when, raw, gzip }) => `| ${part} | ${when} | ${kb(raw)} | ${kb(gzip)} |`);
  return ['| part | loaded | minified | gzip |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(table());
  if (process.argv.includes('--write')) {
    const text = readFileSync(doc, 'utf8').replace(/(<!-- sizes -->\n)[\s\S]*?(<!-- \/sizes -->)/, `$1${table()}\n$2`);
    writeFileSync(new URL('browser.md.tmp', doc), text);
    renameSync(new URL('browser.md.tmp', doc), doc);
  }
}
