// Compiles the WebAssembly binaries: asc makes each, wasm-opt (of binaryen) makes it smaller and
// faster. Those that ship say which they are in a section of their own, and are embedded in src/wasm/ (deflated, as
// base64), so that one import is enough.
//
//   node scripts/build-wasm.mjs [TARGET...]     targets of asconfig.json; default: all but debug
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { deflateAsync } from '@gfx/zopfli';

const root = new URL('..', import.meta.url);
const bin = (name) => new URL(`node_modules/.bin/${name}`, root).pathname;
const run = (name, args) => execFileSync(bin(name), args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });

/** Entry file of the targets that are not the engine: the kernels alone, for their tests and benches. */
const KERNELS = 'assembly/kernels/index.ts';
const PROBE = 'assembly/probe.ts';
/** Targets whose binary is embedded, each in the module of its name in src/wasm/. */
const EMBEDDED = ['scalar', 'simd', 'relaxed', 'probe', 'probe-simd', 'probe-relaxed'];
const TARGETS = [...EMBEDDED, 'kernels', 'kernels-simd', 'kernels-relaxed'];

mkdirSync(new URL('build/', root), { recursive: true });
mkdirSync(new URL('src/wasm/', root), { recursive: true });
const config = JSON.parse(readFileSync(new URL('asconfig.json', root), 'utf8'));
for (const target of process.argv.length > 2 ? process.argv.slice(2) : TARGETS) {
  const out = config.targets[target].outFile;
  const entry = target.startsWith('kernels') ? [KERNELS] : target.startsWith('probe') ? [PROBE] : config.entries;
  // asc does little (optimizeLevel 1): wasm-opt does more, and from level 2 on asc begins static memory at 1,024 bytes.
  // A configuration's entries would be compiled too, whatever the target: its options alone are passed.
  run('asc', [...entry, '--config', 'none', ...flags({ ...config.options, ...config.targets[target] })]);
  if (target !== 'debug') {
    const features = (config.targets[target].enable ?? []).map((feature) => `--enable-${feature}`);
    run('wasm-opt', [
      out,
      // As small as -O3's loops go: those of the kernels stay as they are, instruction for instruction (bench/mcu/kernels.mjs).
      // Small functions are inlined wherever they are called: with SIMD for speed, without it only those that save bytes.
      '-aimfs',
      features.length ? '8' : '2',
      // The second turn, and locals and functions in an order that compresses well, take 0.7% off what a page loads.
      '-Os',
      '-Os',
      // What repeats is a local, where bytes count most: half a percent.
      ...(features.length ? [] : ['--const-hoisting', '-Os']),
      '--reorder-locals',
      '--reorder-functions',
      '--enable-bulk-memory',
      '--enable-sign-ext',
      '--enable-nontrapping-float-to-int',
      '--enable-mutable-globals',
      ...features,
      '-o',
      `${out}.tmp`,
    ]);
    renameSync(new URL(`${out}.tmp`, root), new URL(out, root));
  }
  if (EMBEDDED.includes(target)) {
    appendFileSync(new URL(out, root), customSection('tinytrain', target));
    // A twenty-fifth less than zlib's best: it is most of what a page loads.
    const packed = await deflateAsync(readFileSync(new URL(out, root)), { numiterations: 15 });
    const deflated = Buffer.from(packed).toString('base64');
    writeFileSync(
      new URL(`src/wasm/${target}.ts`, root),
      `// Made by scripts/build-wasm.mjs from ${out}.\nexport const deflated: string =\n  '${deflated}';\n`,
    );
  }
}

/** Command-line flags of asc for a table of its options. */
function flags(options) {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === true) return [`--${name}`];
    if (value === false) return [];
    return (Array.isArray(value) ? value : [value]).flatMap((v) => [`--${name}`, String(v)]);
  });
}

/** A custom section of a module; name and text are short enough for lengths of one byte. */
function customSection(name, text) {
  const body = [name.length, ...Buffer.from(name), ...Buffer.from(text)];
  return Uint8Array.from([0, body.length, ...body]);
}
