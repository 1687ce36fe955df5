// Backward memory and backward MACs of every method on three networks at 128x128, batch 1, next to the figures of the
// TinyTrain paper (Kwon et al., ICML 2024, table 2; FullTrain and TinyTL there at batch 100).
//
//   npm run bench:memory [-- --json] [-- --domain NAME]      TINYTRAIN_DATA names the folder of models/ and data/
//
// The figures are those of the engine's plan for a 5-way 5-shot task of the domain: what it lays out and runs.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sampleEpisode } from '../dist/episodes.js';
import { openData, readSamples } from '../dist/node/data.js';
import { TinyTrain } from '../dist/node/index.js';

const { values: args } = parseArgs({
  options: { json: { type: 'boolean' }, domain: { type: 'string', default: 'clothing' } },
});
const root = process.env.TINYTRAIN_DATA;
if (!root || !existsSync(join(root, 'models'))) {
  console.error('bench:memory: set TINYTRAIN_DATA to the folder that holds models/ and data/');
  process.exit(1);
}

/** Paper: memory in MB, MACs in millions. */
const PAPER = {
  'mcunet-5fps': {
    fulltrain: [906, 44.9],
    lastlayer: [2.03, 1.57],
    sparseupdate: [1.43, 11.9],
    tinytrain: [0.89, 6.51],
  },
  'mbv2-w0.35': { fulltrain: [1049, 34.9], lastlayer: [1.64, 0.8], sparseupdate: [2.08, 8.1], tinytrain: [1.06, 4.9] },
  'proxyless-w0.3': {
    fulltrain: [857, 38.4],
    lastlayer: [1.06, 0.59],
    sparseupdate: [1.74, 7.6],
    tinytrain: [0.78, 5.0],
  },
};
const RUNS = [
  ['fulltrain', {}],
  ['lastlayer', {}],
  ['sparseupdate', {}],
  ['tinytrain', { memory: '1MB', compute: '15%' }],
  ['tinytrain', { memory: '256KB', compute: '15%' }],
];

const data = await openData(join(root, 'data', `${args.domain}.zip`));
const sizes = data.classes.map((c) => c.files.length);
const episode = sampleEpisode(sizes, { way: 5, shot: 5, query: 10, seed: 0 }, 0);
const rows = [];
for (const model of Object.keys(PAPER)) {
  const tt = await TinyTrain.load(join(root, 'models', `${model}.onnx`));
  const support = await readSamples(data, episode.support, tt.model.input);
  for (const [method, options] of RUNS) {
    const file = new URL(`../selections/${model}.json`, import.meta.url);
    const selection = method === 'sparseupdate' ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
    const report = await tt.select(support, { method, selection, ...options });
    const [memory, macs] = PAPER[model][method];
    rows.push({
      model,
      method,
      budgets: options,
      backwardBytes: report.memory.backwardBytes,
      peakBytes: report.memory.peakBytes,
      backwardMacs: report.macs.backward,
      paper: { memoryMB: memory, macsM: macs },
    });
  }
}
if (args.json) console.log(JSON.stringify({ domain: args.domain, rows }, null, 2));
else {
  const mb = (bytes) => (bytes / 2 ** 20).toFixed(2);
  console.log(
    '| network | method | budgets | backward memory, MB | paper | backward MACs, M | paper | peak of linear memory, MB |',
  );
  console.log('| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |');
  for (const row of rows) {
    const budgets = Object.values(row.budgets).join(' / ');
    const figures = [mb(row.backwardBytes), row.paper.memoryMB, (row.backwardMacs / 1e6).toFixed(2), row.paper.macsM];
    console.log(`| ${row.model} | ${row.method} | ${budgets} | ${figures.join(' | ')} | ${mb(row.peakBytes)} |`);
  }
}
