// What a limit of all memory (--ram) costs in accuracy, from the least possible upwards: the embedded network on three
// domains; and what three networks at 128x128 need at least. Writes a table to stdout and docs/ram.svg.
//
//   npm run bench:ram [-- --tasks 10] [-- --workers 2] [-- --json]    TINYTRAIN_DATA names the folder of models/ and data/
//
// Every single result is kept in build/bench/ram.jsonl: a run that was cut off goes on where it was.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sampleEpisode } from '../dist/episodes.js';
import { openData, readSamples } from '../dist/node/data.js';
import { TinyTrain } from '../dist/node/index.js';
import { COLOURS, endLabels, Plot, savePicture } from './picture.mjs';

const { values: args } = parseArgs({
  options: {
    json: { type: 'boolean' },
    tasks: { type: 'string', default: '10' },
    workers: { type: 'string', default: '2' },
  },
});
const root = process.env.TINYTRAIN_DATA;
if (!root || !existsSync(join(root, 'data'))) {
  console.error('bench:ram: set TINYTRAIN_DATA to the folder that holds models/ and data/');
  process.exit(1);
}
const DOMAINS = ['gtsrb', 'handsign', 'bloodcells'];
const NETWORKS = ['mcunet-5fps', 'mbv2-w0.35', 'proxyless-w0.3'];
const kib = (bytes) => `${Math.ceil(bytes / 1024)} KB`;

/** Support set of one task of 5 classes with 5 samples each. */
async function support(domain, tt) {
  const data = await openData(join(root, 'data', `${domain}.zip`));
  const sizes = data.classes.map((c) => c.files.length);
  const episode = sampleEpisode(sizes, { way: 5, shot: 5, query: 10, seed: 0 }, 0);
  return readSamples(data, episode.support, tt.model.input);
}

/** Plans of the support set at some limits; `least` is the least limit that trains anything. */
async function plans(tt, samples, limits) {
  const select = (ram) => tt.select(samples, { ram });
  const least = await select(1).then(
    () => 1,
    (error) => Number(/least possible is (\d+) bytes/.exec(error.message)?.[1]),
  );
  if (!least) throw new Error('the least possible limit is not known');
  const rows = [];
  for (const ram of [least, ...limits.filter((limit) => limit > least)]) {
    const { memory, macs, layers } = await select(ram);
    const chosen = layers.filter((layer) => layer.selected.length > 0).length;
    rows.push({
      ram,
      peakBytes: memory.peakBytes,
      backwardBytes: memory.backwardBytes,
      backwardMacs: macs.backward,
      chosen,
    });
  }
  return { least, rows };
}

const KB = 1024;
// The binary of microcontrollers.
const binary = 'scalar';
const tt = await TinyTrain.load('default', { binary });
const leasts = [];
for (const domain of DOMAINS) leasts.push((await plans(tt, await support(domain, tt), [])).least);
// Names of classes are part of the patch, so that the least possible differs by some bytes.
const least = Math.ceil(Math.max(...leasts) / KB) * KB;
const limits = [least, ...[256, 288, 320, 384, 512, 1024].map((n) => n * KB).filter((n) => n > least)];
const curve = (await plans(tt, await support(DOMAINS[0], tt), limits)).rows.filter((row) => limits.includes(row.ram));

mkdirSync(new URL('../build/bench/', import.meta.url), { recursive: true });
const methods = ['none', ...limits.map((ram) => `tinytrain:ram=${ram}`), 'tinytrain'];
const out = execFileSync(
  process.execPath,
  [
    fileURLToPath(new URL('../dist/cli/main.js', import.meta.url)),
    ...[
      'evaluate',
      '--json',
      '--binary',
      binary,
      '--tasks',
      args.tasks,
      '--workers',
      args.workers,
      '--methods',
      methods.join(','),
    ],
    ...['--data', DOMAINS.map((domain) => join(root, 'data', `${domain}.zip`)).join(',')],
    ...['--raw', fileURLToPath(new URL('../build/bench/ram.jsonl', import.meta.url))],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 2 ** 26 },
);
const { rows } = JSON.parse(out);
const accuracy = (data, method) => rows.find((row) => row.data === data && row.method === method);

const networks = {};
for (const name of NETWORKS) {
  const network = await TinyTrain.load(join(root, 'models', `${name}.onnx`), { binary });
  networks[name] = (
    await plans(
      network,
      await support('gtsrb', network),
      [768, 1024, 1536].map((n) => n * KB),
    )
  ).rows;
}

if (args.json) {
  console.log(JSON.stringify({ domains: DOMAINS, limits, curve, rows, networks }, null, 2));
} else {
  const cell = (row) => `${row.accuracy.toFixed(1)} ± ${row.ci95?.toFixed(1) ?? '?'}`;
  const columns = [...DOMAINS, 'mean'];
  const plan = (ram) => curve.find((row) => row.ram === ram);
  console.log(`| RAM | backward memory | backward MACs, M | layers | ${columns.join(' | ')} |`);
  console.log(`| ---: | ---: | ---: | ---: |${' ---: |'.repeat(columns.length)}`);
  for (const [i, method] of methods.entries()) {
    const ram = limits[i - 1];
    const p = plan(ram);
    const figures = p ? [kib(p.backwardBytes), (p.backwardMacs / 1e6).toFixed(2), p.chosen] : ['', '', ''];
    const name = ram ? kib(ram) : method === 'none' ? 'not adapted' : 'no limit';
    console.log(`| ${[name, ...figures, ...columns.map((data) => cell(accuracy(data, method)))].join(' | ')} |`);
  }
  console.log('\n| network at 128x128 | RAM | backward memory | backward MACs, M | layers |');
  console.log('| --- | ---: | ---: | ---: | ---: |');
  for (const [name, list] of Object.entries(networks)) {
    for (const [i, p] of list.entries()) {
      const figures = [
        kib(p.ram) + (i ? '' : ' (least)'),
        kib(p.backwardBytes),
        (p.backwardMacs / 1e6).toFixed(2),
        p.chosen,
      ];
      console.log(`| ${[name, ...figures].join(' | ')} |`);
    }
  }
}

const points = limits.flatMap((ram) =>
  [...DOMAINS, 'mean'].map((data) => ({ ram: ram / KB, data, ...accuracy(data, `tinytrain:ram=${ram}`) })),
);
const flat = [...DOMAINS, 'mean'].map((data) => ({ data, ...accuracy(data, 'none') }));
const last = limits.at(-1) / KB;
savePicture(fileURLToPath(new URL('../docs/ram.svg', import.meta.url)), {
  x: {
    type: 'log',
    label: 'limit of all linear memory, KB',
    ticks: limits.map((n) => n / KB),
    tickFormat: (n) => `${n}`,
  },
  y: { label: 'accuracy, 5-way 5-shot, %', grid: true, nice: true },
  color: { domain: [...DOMAINS, 'mean'], range: COLOURS },
  marks: [
    Plot.ruleY(flat, { y: 'accuracy', stroke: 'data', strokeDasharray: '3 4', strokeOpacity: 0.7 }),
    Plot.line(points, { x: 'ram', y: 'accuracy', stroke: 'data', strokeWidth: (d) => (d.data === 'mean' ? 3 : 1.5) }),
    Plot.dot(points, { x: 'ram', y: 'accuracy', fill: 'data', r: 3 }),
    endLabels(
      points.filter((p) => p.ram === last),
      { x: 'ram', y: 'accuracy', name: 'data', least: 2.2 },
    ),
    Plot.text(['dashed: not adapted'], { frameAnchor: 'bottom-right', dy: -6, dx: -4, fill: '#555' }),
  ],
});
