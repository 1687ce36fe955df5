// What int8 costs in accuracy, method by method, and how far a limit of all memory (--ram) can go with it: three networks at
// 128x128 on three domains, the same tasks in floats and in int8. Writes docs/int8.md between its markers.
//
//   npm run -s build && node bench/int8-accuracy.mjs [--tasks 10] [--networks a,b] [--methods none,ram]
//   node bench/int8-accuracy.mjs --draw         draws the tables from the raw results, runs nothing
//
// TINYTRAIN_DATA names the folder of models/ and data/. The int8 networks are what `tinytrain quantize` makes of the float
// ones with images of the source domain. `ram` stands for tinytrain under the limits. Every single result is kept in
// docs/int8/ (--results FOLDER, --page FILE.md): a run that was cut off goes on where it was. Tasks are done in turn, the
// first one of every network and domain first.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { draw } from './int8/draw.mjs';
import { DOMAINS, LIMITS, METHODS, NETWORKS, TASKS } from './int8/plan.mjs';

const { values: args } = parseArgs({
  options: {
    tasks: { type: 'string', default: String(TASKS) },
    networks: { type: 'string', default: NETWORKS.join(',') },
    methods: { type: 'string', default: [...Object.keys(METHODS), 'ram'].join(',') },
    results: { type: 'string', default: fileURLToPath(new URL('../docs/int8/', import.meta.url)) },
    page: { type: 'string', default: fileURLToPath(new URL('../docs/int8.md', import.meta.url)) },
    draw: { type: 'boolean', default: false },
  },
});

const root = process.env.TINYTRAIN_DATA;
if (!args.draw && (!root || !existsSync(join(root, 'data')))) {
  console.error('bench/int8-accuracy: set TINYTRAIN_DATA to the folder that holds models/ and data/, or give --draw');
  process.exit(1);
}

const wanted = args.methods.split(',');

/** Opens a network, in floats and in int8, with the results that are known of it. */
async function open(name) {
  const { openData, readSpread } = await import('../dist/node/data.js');
  const { TinyTrain } = await import('../dist/node/index.js');
  const { importOnnx } = await import('../dist/onnx/index.js');
  const { quantize } = await import('../dist/quantise/index.js');
  const float = importOnnx(readFileSync(join(root, 'models', `${name}.onnx`)), { name });
  const input = (await TinyTrain.load(float)).model.input;
  const source = await openData(join(root, 'data', 'tiny-imagenet', 'tiny-imagenet-0.zip', 'train'));
  const { bytes } = await quantize(float, await readSpread(source, 200, input));
  const path = join(args.results, `${name}.jsonl`);
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  return {
    ...{ name, path, input },
    sessions: { float32: await TinyTrain.load(float), int8: await TinyTrain.load(bytes) },
    done: new Set(lines.map((line) => keyOf(JSON.parse(line)))),
  };
}

const keyOf = ({ type, data, method, task }) => `${type} ${data} ${method} ${task}`;

/** Support and query samples of a task of 5 classes with 5 samples each. */
async function samplesOf(domain, task, input) {
  const { sampleEpisode } = await import('../dist/episodes.js');
  const { openData, readSamples } = await import('../dist/node/data.js');
  const data = await openData(join(root, 'data', `${domain}.zip`));
  const sizes = data.classes.map((c) => c.files.length);
  const episode = sampleEpisode(sizes, { way: 5, shot: 5, query: 10, seed: 0 }, task);
  return {
    support: await readSamples(data, episode.support, input),
    query: await readSamples(data, episode.query, input),
  };
}

/** Adapts to a task and classifies its queries. */
async function measure(session, { support, query }, options) {
  session.reset();
  const { memory, macs } = await session.adapt(support, options);
  const right = query.filter(({ image, label }) => session.classify(image).label === label).length;
  return { accuracy: (100 * right) / query.length, ...memory, backwardMacs: macs.backward };
}

/** Bytes of static memory that the SIMD binary has beyond that of microcontrollers. */
async function moreStatic() {
  const { compileBinary } = await import('../dist/binary.js');
  const { Engine } = await import('../dist/engine.js');
  const base = async (binary) => (await Engine.create(await compileBinary(binary))).base;
  return (await base('simd')) - (await base('scalar'));
}

/**
 * Under a limit of all memory, as on a microcontroller: the limit is raised by what the SIMD binary, which is faster, has
 * more of static memory. Training gives the same bytes with and without a limit, so that it is trained without, and two limits
 * with the same selection are trained once.
 */
async function limited(network, samples, ram, seed, known) {
  const { selectionOf } = await import('../dist/selection.js');
  const more = await moreStatic();
  const options = { ram: 1024 * ram + more, seed };
  const report = await network.sessions.int8.select(samples.support, options).catch((error) => {
    if (/least possible/.test(error.message)) return undefined;
    throw error;
  });
  if (!report) return { accuracy: null };
  const selection = selectionOf(report);
  const key = JSON.stringify(selection);
  if (!known.has(key)) known.set(key, (await measure(network.sessions.int8, samples, { selection, seed })).accuracy);
  const { backwardBytes, peakBytes } = report.memory;
  return { accuracy: known.get(key), backwardBytes, peakBytes: peakBytes - more, backwardMacs: report.macs.backward };
}

async function selectionFor(method, session) {
  if (method !== 'sparseupdate') return {};
  const { chooseSelection } = await import('../dist/cli/selection.js');
  return { selection: await chooseSelection(method, undefined, session, new URL('../', import.meta.url)) };
}

async function run(network, domain, task) {
  const samples = await samplesOf(domain, task, network.input);
  const keep = async (type, method, what) => {
    const cell = { type, data: domain, method, task };
    if (network.done.has(keyOf(cell))) return;
    const result = { ...cell, ...(await what()) };
    appendFileSync(network.path, `${JSON.stringify(result)}\n`);
    console.error(`${network.name} ${keyOf(cell)}: ${result.accuracy}`);
  };
  for (const [type, session] of Object.entries(network.sessions)) {
    for (const [method, tasks] of Object.entries(METHODS)) {
      if (task >= tasks || !wanted.includes(method)) continue;
      const options = { method, seed: task, ...(await selectionFor(method, session)) };
      await keep(type, method, () => measure(session, samples, options));
    }
  }
  if (!wanted.includes('ram') || task >= TASKS) return;
  const known = new Map();
  for (const ram of LIMITS) await keep('int8', `ram=${ram}KB`, () => limited(network, samples, ram, task, known));
}

if (!args.draw) {
  mkdirSync(args.results, { recursive: true });
  const networks = [];
  for (const name of args.networks.split(',')) networks.push(await open(name));
  for (let task = 0; task < Number(args.tasks); task++) {
    for (const network of networks) for (const domain of DOMAINS) await run(network, domain, task);
  }
}
draw(args.results, args.page);
