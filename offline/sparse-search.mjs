// Searches the static selection of method `sparseupdate` for one network (after Lin et al., "On-Device Training Under
// 256KB Memory", NeurIPS 2022, section 3.2: contribution of each layer by itself, then evolution under the budgets).
//
//   npm run build
//   node offline/sparse-search.mjs --model NET.onnx --data FOLDER --memory 1.43MB --macs 11.9M -o selections/NET.json
//
// FOLDER holds one folder a class of the *source* domain (for instance the validation images of Tiny ImageNet), never
// of the domains that methods are compared on. Where the network knows these classes so well that training any layer on
// a few samples harms, --shifted turns every picture upside down and inverts it: classes that it does not know. Steps:
//   1. contribution of a layer and a share of its channels: by how much the queries' cross-entropy falls when it alone
//      is trained, the mean over some tasks; the channels are those with the largest L2 norm of their weights;
//   2. evolution of sets of (layer, share) whose plan holds both budgets; fitness is the sum of the contributions;
//   3. the best sets are trained in full on other tasks; the one with the lowest cross-entropy is written.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { sampleEpisode } from '../dist/episodes.js';
import { layersOf } from '../dist/model/model.js';
import { readModel } from '../dist/model/read.js';
import { openData, readSamples } from '../dist/node/data.js';
import { TinyTrain } from '../dist/node/index.js';
import { importOnnx } from '../dist/onnx/index.js';
import { parseMemory } from '../dist/options.js';
import { Random } from '../dist/random.js';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    memory: { type: 'string', default: '1.5MB' },
    macs: { type: 'string', default: '8M' },
    tasks: { type: 'string', default: '4' },
    checks: { type: 'string', default: '6' },
    iterations: { type: 'string', default: '12' },
    finalists: { type: 'string', default: '4' },
    generations: { type: 'string', default: '60' },
    lr: { type: 'string', default: '0.01' },
    seed: { type: 'string', default: '0' },
    shifted: { type: 'boolean', default: false },
    contributions: { type: 'string' },
    output: { type: 'string', short: 'o' },
  },
});
const SHARES = [1, 0.5, 0.25, 0.125];
const TEMPERATURE = 10;
const limits = { bytes: parseMemory(args.memory), macs: Number(args.macs.replace(/M$/, 'e6')) };
const training = { method: 'sparseupdate', optimizer: 'momentum', lr: Number(args.lr) };

const name = basename(args.model).replace(/\.(onnx|ttm)$/, '');
const file = readFileSync(args.model);
const bytes = args.model.endsWith('.ttm') ? file : importOnnx(file, { name });
const tt = await TinyTrain.load(bytes);
const layers = tt.inspect().layers;
const byNorm = layersOf(readModel(new Uint8Array(bytes))).map(channelsByNorm);
const data = await openData(args.data);
const tasks = await Promise.all([...Array(Number(args.tasks)).keys()].map(task));
const random = new Random(Number(args.seed), 1);

const contributions = await knownContributions();
const finalists = (await evolve()).slice(0, Number(args.finalists));
await writeBest(finalists);

/** Support and query samples of task t. */
async function task(t) {
  const sizes = data.classes.map((c) => c.files.length);
  const episode = sampleEpisode(sizes, { way: 5, shot: 5, query: 10, seed: Number(args.seed) }, t);
  const read = async (which) => {
    const samples = await readSamples(data, which, tt.model.input);
    return args.shifted ? samples.map(({ image, label }) => ({ image: shifted(image), label })) : samples;
  };
  return { support: await read(episode.support), query: await read(episode.query) };
}

/** An RGB picture upside down, its colours inverted. */
function shifted({ data: pixels, width, height }) {
  const row = pixels.length / height;
  const turned = pixels.map((_, i) => 255 - pixels[(height - 1 - Math.floor(i / row)) * row + (i % row)]);
  return { data: turned, width, height };
}

/** Output channels in order of falling L2 norm of their weights. */
function channelsByNorm({ op, out, weights }) {
  const channels = out[2];
  const row = weights.length / channels;
  const sums = new Float64Array(channels);
  weights.forEach((w, i) => {
    sums[op === 'depthwise' ? i % channels : Math.floor(i / row)] += w * w;
  });
  return [...sums.keys()].sort((a, b) => sums[b] - sums[a]);
}

/** A set of genes { layer, share } as a selection file. */
function selection(genes) {
  const chosen = [...genes]
    .sort((a, b) => a.layer - b.layer)
    .map(({ layer, share }) => {
      const channels = layers[layer].out[2];
      const count = Math.max(1, Math.floor(channels * share));
      return [layers[layer].name, share === 1 ? 'all' : byNorm[layer].slice(0, count).sort((a, b) => a - b)];
    });
  return { layers: Object.fromEntries(chosen) };
}

/** Bytes and MACs of the plan of a set of genes, as the engine's planner computes them. */
async function cost(genes) {
  const options = { ...training, selection: selection(genes), augment: 'none' };
  const report = await tt.select(tasks[0].support, options);
  return { bytes: report.memory.backwardBytes, macs: report.macs.backward };
}

async function fits(genes) {
  const used = await cost(genes);
  return used.bytes <= limits.bytes && used.macs <= limits.macs;
}

/** Mean cross-entropy of the queries after adapting to the support set; without genes, before. */
async function queryLoss({ support, query }, genes, iterations) {
  const options = genes.length ? { ...training, selection: selection(genes), iterations } : { method: 'none' };
  await tt.adapt(support, options);
  let sum = 0;
  for (const { image, label } of query) {
    const { scores } = tt.classify(image);
    const total = Object.values(scores).reduce((s, cosine) => s + Math.exp(TEMPERATURE * cosine), 0);
    sum += Math.log(total) - TEMPERATURE * scores[label];
  }
  return sum / query.length;
}

async function meanLoss(set, genes, iterations) {
  let sum = 0;
  for (const one of set) sum += await queryLoss(one, genes, iterations);
  return sum / set.length;
}

/** The table of step 1: out of the file that --contributions names if it is there, else measured and kept in it. */
async function knownContributions() {
  if (args.contributions && existsSync(args.contributions)) {
    const known = JSON.parse(readFileSync(args.contributions, 'utf8'));
    return layers.map((layer) => known[layer.name] ?? {});
  }
  const table = await measureContributions();
  if (args.contributions) {
    const named = Object.fromEntries(layers.map((layer) => [layer.name, table[layer.index]]));
    writeFileSync(args.contributions, `${JSON.stringify(named, null, 1)}\n`);
  }
  return table;
}

/** Step 1: a table layer -> share -> contribution; what does not fit alone is left out. */
async function measureContributions() {
  const before = await meanLoss(tasks, [], 0);
  const table = [];
  for (const layer of layers.map((l) => l.index).reverse()) {
    const gains = {};
    for (const share of [SHARES[0], SHARES[2]]) {
      const gene = [{ layer, share }];
      if (await fits(gene)) gains[share] = before - (await meanLoss(tasks, gene, Number(args.iterations)));
    }
    // Shares between and below the two measured ones are interpolated in the logarithm of the share.
    if (gains[1] !== undefined) gains[0.5] = (gains[1] + gains[0.25]) / 2;
    if (gains[0.25] !== undefined) gains[0.125] = gains[0.25] / 2;
    table[layer] = gains;
    if (Object.keys(gains).length) console.error(layers[layer].name, JSON.stringify(gains));
  }
  return table;
}

function fitness(genes) {
  return genes.reduce((sum, { layer, share }) => sum + contributions[layer][share], 0);
}

/** Step 2: keeps a population of sets that hold the budgets; returns them in order of falling fitness. */
async function evolve() {
  const pool = contributions.flatMap((gains, layer) =>
    Object.entries(gains)
      .filter(([, gain]) => gain > 0)
      .map(([share, gain]) => ({ layer, share: Number(share), gain })),
  );
  const pick = (list) => list[Math.floor(random.uniform() * list.length)];
  const grown = async (start) => {
    let genes = start;
    for (let tries = 0; tries < 24; tries++) {
      const { layer, share } = pick(pool);
      const next = [...genes.filter((g) => g.layer !== layer), { layer, share }];
      if (fitness(next) > fitness(genes) && (await fits(next))) genes = next;
    }
    return genes;
  };
  let population = [];
  for (let i = 0; i < 16; i++) population.push(await grown([]));
  for (let generation = 0; generation < Number(args.generations); generation++) {
    const parent = pick(population.slice(0, 8));
    const other = pick(population);
    const mixed = parent.filter(() => random.uniform() < 0.7);
    for (const gene of other)
      if (random.uniform() < 0.4 && !mixed.some((g) => g.layer === gene.layer)) mixed.push(gene);
    population.push(await grown((await fits(mixed)) ? mixed : parent.slice(1)));
    population.sort((a, b) => fitness(b) - fitness(a));
    const seen = new Set();
    population = population
      .filter((genes) => {
        const key = JSON.stringify(selection(genes));
        return !seen.has(key) && seen.add(key);
      })
      .slice(0, 16);
  }
  return population;
}

/** Step 3: trains the finalists in full on tasks of their own, and writes the best. */
async function writeBest(sets) {
  const first = Number(args.tasks);
  const checks = await Promise.all([...Array(Number(args.checks)).keys()].map((t) => task(first + t)));
  let best;
  for (const genes of sets) {
    const loss = await meanLoss(checks, genes, 40);
    const used = await cost(genes);
    console.error(
      loss.toFixed(4),
      JSON.stringify(used),
      genes.map((g) => `${layers[g.layer].name}:${g.share}`).join(' '),
    );
    if (!best || loss < best.loss) best = { loss, genes, used };
  }
  const lines = Object.entries(selection(best.genes).layers).map(
    ([layer, choice]) => `    ${JSON.stringify(layer)}: ${JSON.stringify(choice)}`,
  );
  const { backwardBytes, backwardMacs } = { backwardBytes: best.used.bytes, backwardMacs: best.used.macs };
  const head = { model: name, checksum: tt.model.checksum, backwardBytes, backwardMacs };
  const text = `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "layers": {\n${lines.join(',\n')}\n  }\n}\n`;
  if (args.output) writeFileSync(args.output, text);
  else process.stdout.write(text);
}
