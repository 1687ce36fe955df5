// What an adaptation costs on microcontrollers: instructions, flash and RAM, measured on emulated Cortex-M; and computed from
// them, time and energy on named boards (boards.json, boards.md), for tinytrain and for training everything with the same engine.
//
//   npm run bench:mcu [-- --json] [-- --quick]      --quick: the small network alone, wasm2c alone
//
// A run of n iterations is measured; 40 iterations are computed as that run and 40 - n more of its iterations, which all run the
// same program. bench/mcu/run.mjs does the single runs, each of which checks that its patch is Node's.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: args } = parseArgs({ options: { json: { type: 'boolean' }, quick: { type: 'boolean' } } });
const here = import.meta.dirname;
const boards = JSON.parse(readFileSync(join(here, 'boards.json'), 'utf8'));
const ITERATIONS = 40;
const SMALL = 'models/small.ttm';
const LARGE = 'models/default.ttm';

/** Runs: what is measured on which board. Training everything takes the same steps each iteration, so that few are enough. */
const RUNS = [
  { board: 'm7', engine: 'wasm2c', model: LARGE, method: 'tinytrain', iterations: ITERATIONS },
  { board: 'm7', engine: 'fast', model: LARGE, method: 'tinytrain', iterations: 2, queries: 2 },
  { board: 'm7', engine: 'wasm2c', model: SMALL, method: 'tinytrain', iterations: ITERATIONS },
  { board: 'm7', engine: 'wasm2c', model: SMALL, method: 'fulltrain', iterations: 2 },
  {
    board: 'm4',
    engine: 'wasm2c',
    model: SMALL,
    method: 'tinytrain',
    iterations: ITERATIONS,
    ram: 256 << 10,
    linear: 192 << 10,
  },
  { board: 'm4', engine: 'wasm2c', model: SMALL, method: 'fulltrain', iterations: 2 },
].filter((run) => !args.quick || (run.model === SMALL && run.engine === 'wasm2c'));

function measure({ board, engine, model, method, iterations, queries = 10, ram, linear }) {
  const options = { board, engine, model, method, iterations, queries, ram, linear };
  const flags = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  );
  process.stderr.write(`${engine} on ${board}, ${model}, ${method}, ${iterations} iterations\n`);
  const out = execFileSync(process.execPath, [join(here, 'run.mjs'), ...flags, '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 26,
  });
  const result = JSON.parse(out);
  const { instructions } = result;
  // A step is timed from the end of one iteration to the end of the next.
  if (iterations < 2) throw new Error('a run of fewer than two iterations does not say what one costs');
  const whole = instructions.adapt + (ITERATIONS - iterations) * instructions.step;
  return { ...options, ...result, whole, computed: iterations < ITERATIONS };
}

/** Instructions a multiply-accumulate of every kernel under an engine, on the M7. */
function kernelsOf(engine) {
  process.stderr.write(`kernels, ${engine}\n`);
  const out = execFileSync(process.execPath, [join(here, 'kernels.mjs'), '--engine', engine, '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(out).rows.map((row) => ({ engine, ...row }));
}

/** Seconds and joules of so many instructions on a board; both computed, not measured. */
function onBoard(board, instructions) {
  const { cpi } = boards.cores[board.core];
  const seconds = (instructions * cpi) / board.clock;
  return { board: board.id, seconds, joules: seconds * board.volts * board.amperes };
}

const rows = RUNS.map(measure);
for (const row of rows)
  row.boards = boards.boards.filter(({ core }) => core === row.board).map((board) => onBoard(board, row.whole));
const kernels = ['wasm2c', ...(args.quick ? [] : ['fast'])].flatMap(kernelsOf);
const ratios = rows
  .filter((row) => row.method === 'fulltrain')
  .map((full) => {
    const sparse = rows.find(
      ({ method, board, engine, model }) =>
        method === 'tinytrain' && board === full.board && engine === full.engine && model === full.model,
    );
    return { board: full.board, engine: full.engine, model: full.model, timesFaster: full.whole / sparse.whole };
  });

if (args.json)
  console.log(JSON.stringify({ iterations: ITERATIONS, rows, kernels, ratios, paper: boards.paper }, null, 1));
else print();

function print() {
  const millions = (n) => (n === undefined ? '' : (n / 1e6).toFixed(n < 1e7 ? 2 : 0));
  const kib = (n) => (n / 1024).toFixed(0);
  const name = (row) =>
    `${row.engine}, ${row.board}, ${row.model.split('/').at(-1).replace('.ttm', '')}, ${row.method}`;
  const table = (head, lines) => {
    console.log(`\n| ${head.join(' | ')} |\n|${head.map((_, i) => (i ? ' ---: |' : ' --- |')).join('')}`);
    for (const line of lines) console.log(`| ${line.join(' | ')} |`);
  };
  console.log('Millions of instructions, KB; measured under QEMU (a * marks what is computed from fewer iterations):');
  table(
    [
      'host',
      'code, KB',
      'flash, KB',
      'RAM, KB',
      'inference',
      'Fisher pass',
      'selection',
      'one step',
      `adaptation, ${ITERATIONS} steps`,
    ],
    rows.map((row) => [
      name(row),
      kib(row.flash.code),
      kib(row.flash.total),
      kib(row.ramNeeded),
      ...['inference', 'fisher', 'selection', 'step'].map((key) => millions(row.instructions[key])),
      millions(row.whole) + (row.computed ? '*' : ''),
    ]),
  );
  console.log('\nInstructions a multiply-accumulate on the M7 (forward, input gradient, weight gradient):');
  const engines = [...new Set(kernels.map(({ engine }) => engine))];
  const cell = (layer, engine) =>
    ['forward', 'dX', 'dW']
      .map((kernel) => kernels.find((k) => k.layer === layer && k.engine === engine && k.kernel === kernel))
      .map((k) => (k ? k.perMac.toFixed(1) : '-'))
      .join(' / ');
  table(
    ['kernel', ...engines],
    [...new Set(kernels.map(({ layer }) => layer))].map((layer) => [
      layer,
      ...engines.map((engine) => cell(layer, engine)),
    ]),
  );
  console.log('\nComputed, not measured: seconds and joules of an adaptation (boards.md):');
  table(
    ['host', 'board', 'seconds', 'joules'],
    rows.flatMap((row) =>
      row.boards.map(({ board, seconds, joules }) => [
        name(row),
        boards.boards.find(({ id }) => id === board).name,
        seconds.toFixed(seconds < 10 ? 2 : 0),
        joules.toFixed(joules < 10 ? 2 : 0),
      ]),
    ),
  );
  for (const { engine, board, model, timesFaster } of ratios) {
    const { timesFaster: theirs, timesLessEnergy } = boards.paper;
    console.log(
      `\n${model}, ${engine} on ${board}: tinytrain is ${timesFaster.toFixed(1)} times faster than fulltrain, and as many times less energy at one current (paper: ${theirs} and ${timesLessEnergy}).`,
    );
  }
}
