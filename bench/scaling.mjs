// How the time of an adaptation grows: with samples, classes, image size and budget, beside the multiply-accumulates that it
// does; and what several threads are worth. The work is seeded noise on the layout of the embedded network.
//
//   npm run bench:scaling [-- --json] [-- --rounds 5] [-- --parts curves,threads]
//
// Times are the least of the rounds, which other work on the machine disturbs least; with TINYTRAIN_DATA, threads adapt
// mcunet-5fps. Of a curve, the growth is the slope of log(time) over log(MACs) between its ends: 1 is proportional.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readModel } from '../dist/model/read.js';
import { writeModel } from '../dist/model/write.js';
import { TinyTrain } from '../dist/node/index.js';
import { TinyTrain as InThreads } from '../dist/node/worker.js';
import { Random } from '../dist/random.js';
import { readNamed } from '../dist/resources.js';

const { values: args } = parseArgs({
  options: {
    json: { type: 'boolean' },
    rounds: { type: 'string', default: '5' },
    parts: { type: 'string', default: 'curves,threads' },
  },
});
const rounds = Number(args.rounds);
const ITERATIONS = 20;

/** The model for another size of the image: the same layers, their sizes worked out anew. */
function resized(model, side) {
  const sizes = [[side, side, model.input[2]]];
  const operators = model.operators.map((operator) => {
    const from = sizes[operator.input];
    const global = operator.op === 'globalAveragePooling';
    const kernel = global ? [from[0], from[1]] : operator.kernel;
    const [top, left, bottom, right] = operator.padding;
    const out = (i, before, after) => Math.floor((from[i] + before + after - kernel[i]) / operator.stride[i]) + 1;
    const same = operator.op === 'addition' || operator.op === 'linear';
    const to = same ? [from[0], from[1], operator.out[2]] : [out(0, top, bottom), out(1, left, right), operator.out[2]];
    sizes.push(to);
    return { ...operator, in: from, out: to, kernel };
  });
  return writeModel({ ...model, input: sizes[0], operators });
}

function support(side, ways, shots) {
  const random = new Random(1);
  return Array.from({ length: ways * shots }, (_, i) => ({
    image: Float32Array.from({ length: side * side * 3 }, () => random.uniform() * 2 - 1 + ((i % ways) / ways) * 0.5),
    label: `class ${i % ways}`,
  }));
}

/** Least times of the parts of an adaptation, in ms: Fisher pass and selection, frozen prefix, one iteration; and its MACs. */
async function parts(tt, samples, options) {
  const best = { select: Infinity, prefix: Infinity, iteration: Infinity };
  let report;
  for (let round = 0; round <= rounds; round++) {
    const { time } = await tt.adapt(samples, { ...options, augment: 'noflip', iterations: 1 });
    report = await tt.adapt(samples, { ...options, augment: 'noflip', iterations: 1 + ITERATIONS });
    if (round === 0) continue; // warm-up
    const iteration = (report.time.trainMs - time.trainMs) / ITERATIONS;
    best.select = Math.min(best.select, time.fisherMs);
    best.iteration = Math.min(best.iteration, iteration);
    best.prefix = Math.min(best.prefix, time.trainMs - 2 * iteration);
  }
  return { ...best, report };
}

/** MACs of a sample from the first layer that is trained on: twice forward and back an iteration, and once for the prototype. */
function macsOf({ layers, macs }) {
  const first = layers.findIndex((layer) => layer.trains !== 'nothing');
  const trained = layers.slice(first).reduce((sum, layer) => sum + layer.macs, 0);
  return { prefix: macs.forward - trained, iteration: 3 * trained + 2 * macs.backward };
}

const growth = (rows, key) => {
  const [a, b] = [rows[0], rows.at(-1)];
  return Math.log(b[key].ms / a[key].ms) / Math.log(b[key].macs / a[key].macs);
};

async function curves() {
  const model = readModel(await readNamed('default'));
  const variants = 8;
  const cases = {
    'samples (5 classes)': [1, 2, 5, 10, 20].map((shots) => ({ value: 5 * shots, side: 64, ways: 5, shots })),
    'classes (2 samples each)': [2, 5, 10, 20, 50].map((ways) => ({ value: ways, side: 64, ways, shots: 2 })),
    'side of the image (5 classes, 5 each)': [32, 64, 96, 128].map((side) => ({
      value: side,
      side,
      ways: 5,
      shots: 5,
    })),
    'compute budget (5 classes, 5 each)': ['5%', '10%', '15%', '30%', '60%', '100%'].map((compute) => ({
      value: compute,
      side: 64,
      ways: 5,
      shots: 5,
      compute,
    })),
  };
  const result = [];
  for (const [name, list] of Object.entries(cases)) {
    const rows = [];
    for (const { value, side, ways, shots, compute = '15%' } of list) {
      const tt = await TinyTrain.load(resized(model, side), { binary: 'simd' });
      const n = ways * shots;
      const memory = '4MB';
      const { report, ...ms } = await parts(tt, support(side, ways, shots), { memory, compute, variants });
      const macs = macsOf(report);
      rows.push({
        value,
        select: { ms: ms.select, macs: n * 3 * macs.prefix },
        prefix: { ms: ms.prefix, macs: n * (1 + variants) * macs.prefix },
        iteration: { ms: ms.iteration, macs: n * macs.iteration },
      });
      console.error(`${name} ${value}: ${ms.iteration.toFixed(2)} ms an iteration`);
    }
    result.push({ name, rows, growth: { prefix: growth(rows, 'prefix'), iteration: growth(rows, 'iteration') } });
  }
  return result;
}

async function threads() {
  const data = process.env.TINYTRAIN_DATA;
  const model = data ? join(data, 'models', 'mcunet-5fps.onnx') : 'default';
  const side = data ? 128 : 64;
  const samples = support(side, 5, 5);
  const counts = [1, 2, 4].filter((n) => n === 1 || n <= availableParallelism());
  const all = await Promise.all(counts.map((workers) => InThreads.load(model, { workers, binary: 'simd' })));
  const methods = { tinytrain: {}, fulltrain: { method: 'fulltrain', iterations: 10 } };
  const result = [];
  for (const [method, options] of Object.entries(methods)) {
    const times = counts.map(() => []);
    const patches = new Set();
    for (let round = 0; round <= rounds; round++) {
      for (const [i, tt] of all.entries()) {
        const { time, patch } = await tt.adapt(samples, options);
        patches.add(patch.sha256);
        if (round > 0) times[i].push(time.totalMs);
      }
    }
    if (patches.size !== 1) throw new Error('bench:scaling: threads give other patches');
    const least = times.map((list) => Math.min(...list));
    result.push({
      model: data ? 'mcunet-5fps' : 'default',
      method,
      rows: counts.map((workers, i) => ({ workers, ms: least[i], times: least[0] / least[i] })),
    });
  }
  for (const tt of all) tt.close();
  return result;
}

const wanted = args.parts.split(',');
const result = {
  curves: wanted.includes('curves') ? await curves() : [],
  threads: wanted.includes('threads') ? await threads() : [],
};
if (args.json) console.log(JSON.stringify(result, null, 2));
else {
  const rate = ({ ms, macs }) => (macs / ms / 1e6).toFixed(1);
  for (const { name, rows, growth } of result.curves) {
    console.log(`| ${name} | prefix, ms | GMAC/s | iteration, ms | GMAC/s |\n| ---: | ---: | ---: | ---: | ---: |`);
    for (const { value, prefix, iteration } of rows) {
      console.log(
        `| ${value} | ${prefix.ms.toFixed(1)} | ${rate(prefix)} | ${iteration.ms.toFixed(2)} | ${rate(iteration)} |`,
      );
    }
    console.log(`| growth | ${growth.prefix.toFixed(2)} | | ${growth.iteration.toFixed(2)} | |\n`);
  }
  if (result.threads.length) console.log('| network, method | threads | ms | times |\n| --- | ---: | ---: | ---: |');
  for (const { model, method, rows } of result.threads) {
    for (const { workers, ms, times } of rows)
      console.log(`| ${model}, ${method} | ${workers} | ${Math.round(ms)} | ${times.toFixed(2)} |`);
  }
}
