// The paper's table on our engine: accuracy, memory and MACs of every method and of ablations of tinytrain, on eight
// domains, with several networks and two ways of sampling tasks. Writes tables into docs/accuracy.md,
// docs/accuracy-tables.md and README.md (between their markers), and pictures.
//
//   npm run bench:accuracy -- [--networks a,b] [--sampling 5way5shot,meta-dataset] [--tasks 50] [--workers 1]
//   npm run bench:accuracy -- --tune [--trials 4]    tries settings of every method, the same number for each, on 5-way tasks
//                                                    or, with --sampling meta-dataset, on such (of each domain 4, or --tasks)
//   npm run bench:accuracy -- --rows deeptrain       only these rows of the table; with --tune too
//   npm run bench:accuracy -- --draw                 draws table and pictures from the raw results, runs nothing
//
// TINYTRAIN_DATA names the folder of models/ and data/; a network may be a .ttm or .onnx file too. Every single result is kept
// in docs/accuracy/ (--results FOLDER; --page FILE.md, with FILE-tables.md beside it; --readme FILE.md): a run that was cut off
// goes on where it was. Tasks are done in turn, task 0 of every network and domain first.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkPages, draw } from './draw.mjs';
import { DOMAINS, MAX_TRIALS, NETWORKS, ROWS, SAMPLINGS, TUNED_SAMPLING } from './plan.mjs';

const { values: args } = parseArgs({
  options: {
    networks: { type: 'string', default: NETWORKS.join(',') },
    sampling: { type: 'string' },
    tasks: { type: 'string', default: '50' },
    workers: { type: 'string', default: '1' },
    trials: { type: 'string', default: '4' },
    rows: { type: 'string' },
    results: { type: 'string', default: fileURLToPath(new URL('../../docs/accuracy/', import.meta.url)) },
    page: { type: 'string', default: fileURLToPath(new URL('../../docs/accuracy.md', import.meta.url)) },
    readme: { type: 'string', default: fileURLToPath(new URL('../../README.md', import.meta.url)) },
    tune: { type: 'boolean', default: false },
    draw: { type: 'boolean', default: false },
  },
});

function fail(message) {
  console.error(`bench:accuracy: ${message}`);
  process.exit(1);
}

const listed = (name, allowed) => {
  const values = args[name]?.split(',') ?? allowed;
  const wrong = values.find((value) => !allowed.includes(value));
  if (wrong !== undefined) fail(`--${name} must name some of ${allowed.join(', ')}, got '${wrong}'`);
  return values;
};
const count = (name, max) => {
  const n = Number(args[name]);
  if (!Number.isInteger(n) || n < 1 || n > max) fail(`--${name} must be an integer from 1 to ${max}`);
  return n;
};

const networks = args.networks.split(',');
const unknown = networks.find((network) => !NETWORKS.includes(network) && !existsSync(network));
if (unknown !== undefined)
  fail(`--networks must name some of ${NETWORKS.join(', ')}, or model files, got '${unknown}'`);
// Unless it is tuned for itself, Meta-Dataset's sampling takes what was chosen with 5 ways and 5 shots.
const samplings =
  args.tune && args.sampling === undefined ? [TUNED_SAMPLING] : listed('sampling', Object.keys(SAMPLINGS));
const rows = listed('rows', ROWS);
const [tasks, workers, trials] = [count('tasks', 10000), count('workers', 1024), count('trials', MAX_TRIALS)];
try {
  checkPages(args.page, args.readme);
} catch (error) {
  fail(error.message);
}

if (!args.draw) {
  const root = process.env.TINYTRAIN_DATA;
  if (!root || !DOMAINS.every((domain) => existsSync(join(root, 'data', `${domain}.zip`)))) {
    fail('set TINYTRAIN_DATA to the folder that holds models/ and data/, or give --draw');
  }
  mkdirSync(args.results, { recursive: true });
  // Drawing needs no build.
  const { Bench } = await import('./tasks.mjs');
  const benches = [];
  for (const sampling of samplings) {
    for (const network of networks) benches.push(await Bench.open({ root, results: args.results, network, sampling }));
  }
  if (args.tune) for (const bench of benches) await bench.tune(trials, tasks, workers, rows);
  else {
    for (let task = 0; task < tasks; task++) for (const bench of benches) await bench.round(task, workers, rows);
  }
}
draw(args.results, args.page, args.readme);
