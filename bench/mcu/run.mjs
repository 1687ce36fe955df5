// The whole job on an emulated Cortex-M: adapts a model to a folder of samples, classifies others, and prints what it took.
//
//   node bench/mcu/run.mjs [--board m7|m4] [--engine wasm2c|fast|classic|linux-wasm2c] [--model M.ttm] [--support DIR|ZIP]
//     [--ways 3] [--shots 5] [--queries 20] [--iterations 40] [--variants 8] [--method tinytrain] [--memory 1MB] [--compute 15%]
//     [--seed 0] [--views 1] [--linear BYTES] [--ram BYTES] [--stack BYTES] [--flash BYTES] [--store BYTES] [--timeout SECONDS] [--no-node] [--json]
//
// Support and queries are images of the first `ways` classes of the folder: `shots` of each, and `queries` of those behind them.
// --ram is all RAM that the board has, --linear WebAssembly's part of it (the engine selects what fits), --store
// external memory for what is frozen. The same job runs in Node first, and the hashes are compared; --no-node leaves that out.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readModel } from '../../dist/model/read.js';
import { openData, readSamples } from '../../dist/node/data.js';
import { BOARDS } from './build.mjs';
import { runJob, runNode } from './job.mjs';

const TEXT = { type: 'string' };
const OPTIONS = {
  board: { ...TEXT, default: 'm7' },
  engine: { ...TEXT, default: 'wasm2c' },
  model: { ...TEXT, default: 'models/default.ttm' },
  support: { ...TEXT, default: 'demo' },
  wasm: TEXT,
  ways: { ...TEXT, default: '3' },
  shots: { ...TEXT, default: '5' },
  queries: { ...TEXT, default: '20' },
  iterations: TEXT,
  variants: TEXT,
  method: TEXT,
  memory: TEXT,
  compute: TEXT,
  seed: TEXT,
  views: TEXT,
  linear: TEXT,
  ram: TEXT,
  stack: TEXT,
  flash: TEXT,
  store: { ...TEXT, default: String(4 << 20) },
  timeout: { ...TEXT, default: '3000' },
  'no-node': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
};
const ENGINES = ['wasm2c', 'fast', 'classic', 'linux-wasm2c'];
/** Options of TinyTrain.adapt that are given on the command line. */
const ADAPT = ['iterations', 'variants', 'method', 'memory', 'compute', 'seed', 'views'];

function number(args, name) {
  if (args[name] === undefined) return undefined;
  const value = Number(args[name]);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} must be a whole number, got '${args[name]}'`);
  return value;
}

/** Support and queries of a data set, in the model's size. */
async function samplesOf(args, model) {
  const [ways, shots, queries] = ['ways', 'shots', 'queries'].map((name) => number(args, name));
  const { input } = readModel(model);
  const data = await openData(args.support);
  if (data.classes.length < ways)
    throw new Error(`${args.support} has ${data.classes.length} classes, --ways is ${ways}`);
  const pick = (from, count) =>
    data.classes.slice(0, ways).flatMap(({ files }, index) => {
      const images = files.slice(from, from + count);
      return images.map((_, i) => ({ class: index, image: from + i }));
    });
  return {
    support: await readSamples(data, pick(0, shots), input),
    queries: await readSamples(data, pick(shots, queries), input),
  };
}

async function main() {
  const { values: args } = parseArgs({ options: OPTIONS });
  if (!BOARDS[args.board]) throw new Error(`--board must be ${Object.keys(BOARDS).join(' or ')}, got '${args.board}'`);
  if (!ENGINES.includes(args.engine))
    throw new Error(`--engine must be one of ${ENGINES.join(', ')}, got '${args.engine}'`);
  const model = new Uint8Array(readFileSync(args.model));
  const options = Object.fromEntries(
    ADAPT.filter((name) => args[name] !== undefined).map((name) => [name, args[name]]),
  );
  const job = { model, options, linear: number(args, 'linear'), ...(await samplesOf(args, model)) };
  const node = args['no-node'] ? undefined : await runNode(job);
  const result = await runJob({
    ...job,
    board: args.board,
    engine: args.engine,
    wasm: args.wasm,
    peak: node?.peakBytes,
    ram: number(args, 'ram'),
    stack: number(args, 'stack'),
    flash: number(args, 'flash'),
    store: number(args, 'store'),
    seconds: number(args, 'timeout'),
  });
  if (result.status) throw new Error(`status ${result.status}: ${result.message}`);
  if (node && node.sha256 !== result.sha256)
    throw new Error(`the patch is not that of Node: ${result.sha256}, expected ${node.sha256}`);
  report(args, result, node);
}

function report(args, result, node) {
  const { linear, runtimeHeap, stack, static: fixed } = result.highWater;
  const figures = {
    board: args.engine.startsWith('linux') ? 'linux' : args.board,
    engine: args.engine,
    accuracy: result.queries ? result.right / result.queries : undefined,
    ...result,
    ramNeeded: linear + runtimeHeap + stack + fixed,
    equalsNode: node ? true : undefined,
  };
  if (args.json) {
    console.log(JSON.stringify(figures, null, 1));
    return;
  }
  const count = (n) => n.toLocaleString('en');
  console.log(`${figures.engine} on ${figures.board}: ${result.right} of ${result.queries} queries right`);
  console.log(`patch ${result.sha256}${node ? ', as in Node' : ''}`);
  console.log(
    `instructions: ${Object.entries(result.instructions)
      .map(([name, n]) => `${name} ${count(n)}`)
      .join(', ')}`,
  );
  console.log(
    `high water, bytes: ${Object.entries(result.highWater)
      .map(([name, n]) => `${name} ${count(n)}`)
      .join(', ')}`,
  );
  console.log(
    `RAM that is needed ${count(figures.ramNeeded)} bytes, flash ${count(result.flash.total)} bytes, ${count(result.flash.code)} of them code`,
  );
}

main().catch((error) => {
  console.error(`mcu: ${error.message}`);
  process.exit(1);
});
