// Instructions a multiply-accumulate of the kernels on a Cortex-M7 (or M4F), counted by QEMU: the same on every machine
// and at any load.
//
//   node bench/mcu/kernels.mjs [--engine wasm2c|fast|classic] [--board m7|m4] [--wasm build/kernels.wasm] [--filter TEXT] [--json]
//
// MACs are those that the engine counts: taps that fall on padding included. Every output is compared to Node's, bit for bit.
// `npm run build:wasm` makes the module.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { blobSource } from './blob.mjs';
import { BOARDS, buildBoard, emulate, once } from './build.mjs';

const { values: args } = parseArgs({
  options: {
    engine: { type: 'string', default: 'wasm2c' },
    board: { type: 'string', default: 'm7' },
    wasm: { type: 'string', default: 'build/kernels.wasm' },
    filter: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});

/** Layers: kind, height = width, channels in and out, kernel, stride. Shapes of the default network, or near them. */
const LAYERS = [
  ['pointwise', 8, 24, 120, 1, 1],
  ['pointwise', 8, 120, 24, 1, 1],
  ['pointwise', 4, 48, 240, 1, 1],
  ['pointwise', 2, 384, 96, 1, 1],
  ['depthwise', 16, 48, 48, 3, 1],
  ['depthwise', 16, 32, 32, 3, 2],
  ['depthwise', 8, 48, 48, 5, 1],
  ['depthwise', 2, 384, 384, 5, 1],
  ['depthwise', 16, 48, 48, 7, 2],
  ['depthwise', 4, 160, 160, 7, 1],
  ['conv2d', 32, 3, 16, 3, 2],
  ['conv2d', 8, 16, 16, 3, 1],
  ['linear', 1, 160, 10, 1, 1],
  ['linear', 1, 640, 64, 1, 1],
];
const TENSORS = ['geometry', 'x', 'w', 'b', 'y', 'dy', 'dx', 'dw', 'list', 'scales', 'quantised'];
const SCRATCH_BYTES = 256 << 10;
const ARENA_BYTES = 2 << 20;
const SECONDS = 300;

/** The kernels of a layer, each with its arguments: names of tensors, 'scratch', or numbers. */
function casesOf([kind, size, inC, outC, kernel, stride]) {
  const pad = kernel >> 1;
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const fan = kernel * kernel * (kind === 'depthwise' ? 1 : inC);
  const eighth = Math.ceil(outC / 8);
  const words = {
    geometry: 16,
    x: size * size * inC,
    w: outC * fan,
    b: outC,
    y: out * out * outC,
    dy: out * out * outC,
    dx: size * size * inC,
    dw: outC * fan,
    list: eighth,
    scales: outC,
    quantised: 8,
  };
  const geometry = [size, size, inC, out, out, outC, kernel, kernel, stride, stride, pad, pad, pad, pad, 0];
  const scratch = kind === 'depthwise' ? [] : ['scratch'];
  const macs = words.y * fan;
  const name = `${kind} ${kernel}x${kernel}${stride > 1 ? `/${stride}` : ''} ${size}x${size} ${inC}>${outC}`;
  const make = (label, suffix, output, values, share = 1) => ({
    name,
    label,
    output,
    words,
    geometry,
    scratch: scratch.length && `${kind}_scratch`,
    more: [],
    export: `${kind}_${suffix}`,
    macs: macs * share,
    values,
  });
  // Any bytes are int8 numbers, and how many instructions they take does not depend on them.
  const windowed = kind === 'conv2d' ? 1 : 0;
  const int8 = ['y', 'x', 'w', 'b', 'scales', 'scratch', 'geometry', 'quantised'];
  const dense = { export: 'int8_dense', scratch: 'int8_dense_scratch', more: [fan, windowed] };
  return [
    kind === 'depthwise'
      ? { ...make('int8', '', 'y', int8), export: 'int8_depthwise', scratch: 'int8_depthwise_scratch' }
      : { ...make('int8', '', 'y', [...int8, fan, 0, outC, windowed]), ...dense },
    make('forward', 'forward', 'y', ['y', 'x', 'w', 'b', ...scratch, 'geometry']),
    make('dX', 'backward_input', 'dx', ['dx', 'dy', 'w', ...scratch, 'geometry', 0]),
    make('dW', 'backward_weight', 'dw', ['dw', 'dy', 'x', ...scratch, 'geometry', 0, outC]),
    make('dW 1/8', 'backward_weight', 'dw', ['dw', 'dy', 'x', ...scratch, 'geometry', 'list', eighth], eighth / outC),
  ];
}
const SEEDS = { x: 1, w: 2, b: 5, dy: 3, scales: 7, quantised: 9 };

/** Where a kernel takes a slice of the output channels (first, count), a case gives it all of them. */
function withSlice(c, exports) {
  const kernel = exports[c.export];
  if (!kernel) throw new Error(`${args.wasm}: it does not export ${c.export}`);
  return kernel.length === c.values.length + 2 ? { ...c, values: [...c.values, 0, c.words.b] } : c;
}

/** The cases as a C table. */
function table(cases) {
  const argument = (value) =>
    value === 'scratch' ? 'SCRATCH' : typeof value === 'string' ? -1 - TENSORS.indexOf(value) : value;
  const rows = cases.map((c) => {
    const tensors = TENSORS.map((t) => `{${c.words[t]}, ${SEEDS[t] ?? 0}}`);
    return `    { "${c.name} ${c.label}", "${c.export}", ${c.scratch ? `"${c.scratch}"` : 0}, ${1 + c.more.length}, {${c.more}}, {${c.geometry}, 0x7f800000}, {${tensors}},
      ${c.values.length}, {${c.values.map(argument)}}, ${TENSORS.indexOf(c.output)} },`;
  });
  return `#include <stdint.h>
enum { ${TENSORS.map((t) => t.toUpperCase()).join(', ')}, TENSORS };
#define SCRATCH (-1000)
#define SCRATCH_BYTES ${SCRATCH_BYTES}u
#define ARENA_BYTES ${ARENA_BYTES}u
struct kernel_case {
    const char *name, *export, *scratch;
    int scratch_count;
    int32_t more[2];
    int32_t geometry[16];
    struct { uint32_t words, seed; } tensors[TENSORS];
    int count;
    int32_t arguments[12];
    int output;
};
static const struct kernel_case kernel_cases[] = {
${rows.join('\n')}
};
`;
}

/** Hash of a case's output in Node. */
function expected(exports, c) {
  let top = (exports.__heap_base.value + 15) & ~15;
  const need = top + ARENA_BYTES - exports.memory.buffer.byteLength;
  if (need > 0) exports.memory.grow(Math.ceil(need / 65536));
  const at = {};
  for (const t of TENSORS) {
    at[t] = top;
    top += (c.words[t] * 4 + 15) & ~15;
    const view = new Float32Array(exports.memory.buffer, at[t], c.words[t]).fill(0);
    for (let i = 0, state = SEEDS[t]; SEEDS[t] && i < view.length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) | 0;
      view[i] = Math.fround(state) / 2 ** 31;
    }
  }
  new Int32Array(exports.memory.buffer, at.geometry, 16).set([...c.geometry, 0x7f800000]);
  new Uint16Array(exports.memory.buffer, at.list, c.words.list).set(
    Array.from({ length: c.words.list }, (_, i) => i * 8 + (i % 8)),
  );
  exports[c.export](...c.values.map((v) => (v === 'scratch' ? top : typeof v === 'string' ? at[v] : v)));
  let hash = 2166136261;
  for (const word of new Uint32Array(exports.memory.buffer, at[c.output], c.words[c.output])) {
    hash = Math.imul(hash ^ word, 16777619);
  }
  return hash >>> 0;
}

async function main() {
  if (!BOARDS[args.board]) throw new Error(`--board must be ${Object.keys(BOARDS).join(' or ')}, got '${args.board}'`);
  if (!['wasm2c', 'fast', 'classic'].includes(args.engine))
    throw new Error(`--engine must be wasm2c, fast or classic, got '${args.engine}'`);
  const wasm = resolve(args.wasm);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(wasm)), {});
  const wanted = LAYERS.flatMap(casesOf).filter((c) => `${c.name} ${c.label}`.includes(args.filter));
  if (!wanted.length) throw new Error(`--filter '${args.filter}' leaves no kernel`);
  const cases = wanted.map((c) => withSlice(c, exports));
  const text = table(cases);
  const generated = await once('cases', text, (folder) => {
    writeFileSync(join(folder, 'cases.h'), text);
  });
  const blob = await blobSource({ wasm_blob: args.engine === 'wasm2c' ? '' : readFileSync(wasm) });
  const load = args.engine === 'wasm2c' ? 'wasm2c/load.c' : 'wamr/load.c';
  const elf = await buildBoard({
    board: args.board,
    engine: args.engine,
    wasm,
    sources: [join(import.meta.dirname, 'kernels.c'), join(import.meta.dirname, load), blob],
    generated,
    ram: 4 << 20,
    stack: 16 << 10,
  });
  const { status, stdout, stderr } = await emulate(args.board, elf, SECONDS);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const failed = lines.find((line) => line.error);
  if (status || failed) throw new Error(failed?.error ?? `the program ended with status ${status}: ${stderr}`);
  const rows = cases.map((c, i) => {
    const { instructions, hash } = lines[i];
    if (hash !== expected(exports, c)) throw new Error(`${c.name} ${c.label}: the output is not that of Node`);
    return { layer: c.name, kernel: c.label, macs: c.macs, instructions, perMac: instructions / c.macs };
  });
  report(rows);
}

function report(rows) {
  if (args.json) {
    console.log(JSON.stringify({ engine: args.engine, board: args.board, rows }, null, 1));
    return;
  }
  const labels = [...new Set(rows.map((row) => row.kernel))];
  console.log(`${args.engine}, Cortex-${args.board.toUpperCase()}: instructions a MAC`);
  console.log(`${'layer'.padEnd(28)}${labels.map((label) => label.padStart(9)).join('')}`);
  for (const layer of new Set(rows.map((row) => row.layer))) {
    const cells = labels.map(
      (label) => rows.find((row) => row.layer === layer && row.kernel === label)?.perMac.toFixed(2) ?? '',
    );
    console.log(`${layer.padEnd(28)}${cells.map((cell) => cell.padStart(9)).join('')}`);
  }
}

main().catch((error) => {
  console.error(`kernels: ${error.message}`);
  process.exit(1);
});
