// A whole adaptation, from picture files to the patch: tinytrain (1 MB / 15%) next to training all weights, in our engine
// and in PyTorch. 5 classes of 5 pictures, 40 iterations, one thread each.
//
//   npm run bench:adaptation [-- --json] [-- --rounds 3] [-- --python PATH ...]
//
// The network is mcunet-5fps with TINYTRAIN_DATA, else the embedded one. PyTorch runs the same iteration (pytorch-adapt.py)
// with the batch size and layout that it is fastest with; its losses are compared with ours before anything is timed. Its
// pictures are tensors already, and its pseudo-queries too: decoding, resizing and augmentation are in our times alone.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { DEFAULTS } from '../dist/defaults.js';
import { toTensor } from '../dist/image.js';
import { loadModel } from '../dist/load.js';
import { openData, readAll } from '../dist/node/data.js';
import { TinyTrain } from '../dist/node/index.js';
import { Random } from '../dist/random.js';
import { installTorch } from './peers/install.mjs';
import { writeParts } from './peers/network.mjs';
import { Peer } from './peers/peer.mjs';

const { values: args } = parseArgs({
  options: {
    json: { type: 'boolean' },
    python: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '3' },
  },
});
const rounds = Number(args.rounds);
const ITERATIONS = 40;
const [WAYS, SHOTS] = [5, 5];
/** Losses compared, and how far apart (of the value) they may be: Adam divides by gradients that may be nearly 0. */
const [COMPARED, APART] = [5, 0.01];
const folder = fileURLToPath(new URL('../build/bench/adaptation/', import.meta.url));
const data = process.env.TINYTRAIN_DATA;
const model = data ? join(data, 'models', 'mcunet-5fps.onnx') : 'default';

/** Pictures as files, a folder a class: noise under a colour of the class. */
async function writePictures(side) {
  const random = new Random(7);
  for (let k = 0; k < WAYS; k++) {
    const colour = [0, 1, 2].map(() => 40 + 150 * random.uniform());
    mkdirSync(join(folder, 'pictures', `class ${k}`), { recursive: true });
    for (let i = 0; i < SHOTS; i++) {
      const pixels = Uint8Array.from({ length: side * side * 3 }, (_, j) => colour[j % 3] + 60 * random.uniform());
      const picture = sharp(pixels, { raw: { width: side, height: side, channels: 3 } }).jpeg();
      writeFileSync(join(folder, 'pictures', `class ${k}`, `${i}.jpg`), await picture.toBuffer());
    }
  }
}

const { stored } = await loadModel(model, { binary: 'simd' });
await writePictures(2 * stored.input[0]);
const tt = await TinyTrain.load(model, { binary: 'simd' });

/** The whole of it: files, Fisher pass and selection, training, patch. */
async function adapt(options) {
  const begun = performance.now();
  const samples = await readAll(await openData(join(folder, 'pictures')), stored.input);
  const report = await tt.adapt(samples, { ...options, iterations: ITERATIONS });
  return { ms: performance.now() - begun, ...report.time, gmacs: work(report) / 1e9 };
}

/**
 * MACs of a whole training: the frozen prefix of every sample and variant once; in an iteration, of each sample, what is
 * behind it three times forward (prototype, query, support) and twice back; prototypes at the end.
 */
function work({ layers, macs, task }) {
  const first = layers.findIndex((layer) => layer.trains !== 'nothing');
  const trained = layers.slice(first).reduce((sum, layer) => sum + layer.macs, 0);
  const prefix = macs.forward - trained;
  return task.samples * (prefix * (1 + DEFAULTS.variants) + ITERATIONS * (3 * trained + 2 * macs.backward) + trained);
}

const samples = await readAll(await openData(join(folder, 'pictures')), stored.input);
const tensors = samples.map(({ image }) => toTensor(image, stored.input, stored.mean, stored.std));
const pictures = new Float32Array(tensors.length * tensors[0].length);
for (const [i, tensor] of tensors.entries()) pictures.set(tensor, i * tensor.length);
const names = [...new Set(samples.map(({ label }) => label))];
const full = { method: 'fulltrain' };
const plain = await tt.adapt(samples, { ...full, augment: 'none', iterations: COMPARED });
const { lr, temperature } = plain;
writeParts(folder, stored, pictures, { labels: samples.map(({ label }) => names.indexOf(label)), lr, temperature });

const peers = [];
for (const python of installTorch(fileURLToPath(new URL('../build/bench/peers', import.meta.url)), args.python)) {
  console.error(`starting PyTorch of ${python}`);
  const script = fileURLToPath(new URL('peers/pytorch-adapt.py', import.meta.url));
  const peer = await Peer.start(`PyTorch of ${python}`, [python, script, folder]);
  const { losses } = await peer.ask({ ask: 'losses', count: COMPARED });
  const apart = Math.max(...losses.map((loss, i) => Math.abs(loss / plain.loss[i] - 1)));
  if (!(apart < APART)) {
    throw new Error(`bench:adaptation: other losses in PyTorch: ${losses.join(', ')}; ours: ${plain.loss.join(', ')}`);
  }
  const best = peer.about.tried.reduce((a, b) => (b.ms < a.ms ? b : a));
  peers.push({ peer, best, apart });
}

const rows = [
  { name: 'tinytrain', run: () => adapt({}) },
  { name: 'fulltrain, same engine', run: () => adapt(full) },
  ...peers.map(({ peer, best }) => ({
    name: `fulltrain, PyTorch ${peer.about.version}, batches of ${best.batch}, ${best.layout}`,
    run: () => peer.ask({ ask: 'adapt', way: [best.batch, best.layout], iterations: ITERATIONS }),
  })),
];
await adapt({ iterations: 1 });
for (let round = 0; round < rounds; round++) {
  for (const row of rows) {
    console.error(`round ${round + 1} of ${rounds}: ${row.name}`);
    row.rounds = [...(row.rounds ?? []), await row.run()];
  }
}
for (const { peer } of peers) peer.end();

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const result = rows.map(({ name, rounds: runs }) => ({
  name,
  ms: median(runs.map(({ ms }) => ms)),
  best: Math.min(...runs.map(({ ms }) => ms)),
  times: median(runs.map(({ ms }, i) => ms / rows[0].rounds[i].ms)),
}));
const ours = rows[0].rounds.reduce((a, b) => (b.ms < a.ms ? b : a));
const gmacs = { tinytrain: ours.gmacs, fulltrain: rows[1].rounds[0].gmacs };
const report = {
  model: stored.name,
  result,
  fisherShare: ours.fisherMs / ours.ms,
  time: { fisherMs: ours.fisherMs, trainMs: ours.trainMs, totalMs: ours.totalMs, filesMs: ours.ms - ours.totalMs },
  gmacs,
  peers: peers.map(({ peer, apart }) => ({ ...peer.about, apart })),
};
if (args.json) console.log(JSON.stringify(report, null, 2));
else {
  console.log('| | ms | best | times tinytrain |\n| --- | ---: | ---: | ---: |');
  for (const { name, ms, best, times } of result) {
    console.log(`| ${name} | ${Math.round(ms)} | ${Math.round(best)} | ${times.toFixed(2)} |`);
  }
  const { filesMs, fisherMs, trainMs } = report.time;
  const share = (100 * report.fisherShare).toFixed(1);
  console.log(
    `\ntinytrain's best: files ${filesMs.toFixed(0)} ms, Fisher pass and selection ${fisherMs.toFixed(0)} ms`,
  );
  console.log(`(${share}%), training ${trainMs.toFixed(0)} ms`);
  const [few, all] = [gmacs.tinytrain, gmacs.fulltrain];
  console.log(`training: ${few.toFixed(1)} GMAC, of all weights ${all.toFixed(1)}: ${(all / few).toFixed(2)} times`);
}
process.exit(0);
