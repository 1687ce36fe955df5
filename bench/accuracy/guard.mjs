// Whether the guard (src/guard.ts) gives the right adaptations up: tasks with 5 samples a class, with one, with unequal
// numbers, and with a tenth of the labels wrong; methods as they are, and with rates that ruin the network. Compares accuracy
// before and after on queries that the guard doesn't see. Every single result is a line of docs/accuracy/guard.jsonl.
//
//   node bench/accuracy/guard.mjs [--tasks 2] [--model default] [--methods tinytrain,fulltrain:lr=0.01] [--draw]
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseMethods } from '../../dist/cli/methods.js';
import { sampleEpisode } from '../../dist/episodes.js';
import { openData, readSamples } from '../../dist/node/data.js';
import { TinyTrain } from '../../dist/node/index.js';
import { Random } from '../../dist/random.js';
import { DOMAINS } from './plan.mjs';

const { values: args } = parseArgs({
  options: {
    tasks: { type: 'string', default: '2' },
    model: { type: 'string', default: 'default' },
    methods: { type: 'string', default: 'tinytrain,fulltrain:lr=0.003,fulltrain:lr=0.01' },
    results: { type: 'string', default: fileURLToPath(new URL('../../docs/accuracy/guard.jsonl', import.meta.url)) },
    draw: { type: 'boolean', default: false },
  },
});

/** Changes of a 5-way 5-shot support; `random` is the task's own. */
const CONDITIONS = {
  '5-shot': (support) => support,
  '1-shot': (support) => firsts(support, () => 1),
  '1 to 5 shots': (support) => firsts(support, (k) => k + 1),
  'wrong labels': (support, random) => {
    const classes = [...new Set(support.map(({ label }) => label))];
    const wrong = random.pick([...support.keys()], Math.ceil(support.length / 10));
    return support.map((sample, i) => {
      if (!wrong.includes(i)) return sample;
      const others = classes.filter((label) => label !== sample.label);
      return { ...sample, label: random.pick(others, 1)[0] };
    });
  },
};

/** The first samples of each class, as many as `count` says for its number. */
function firsts(support, count) {
  const seen = new Map();
  const classes = [...new Set(support.map(({ label }) => label))];
  return support.filter(({ label }) => {
    seen.set(label, (seen.get(label) ?? 0) + 1);
    return seen.get(label) <= count(classes.indexOf(label));
  });
}

const read = () =>
  existsSync(args.results)
    ? readFileSync(args.results, 'utf8')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    : [];
const keyOf = ({ model, method, condition, data, task }) => [model, method, condition, data, task].join(' ');

async function run() {
  const root = process.env.TINYTRAIN_DATA;
  if (!root) throw new Error('set TINYTRAIN_DATA to the folder that holds models/ and data/');
  const tt = await TinyTrain.load(args.model);
  const done = new Set(read().map(keyOf));
  for (let task = 0; task < Number(args.tasks); task++) {
    for (const data of DOMAINS) {
      const set = await openData(join(root, 'data', `${data}.zip`));
      const sizes = set.classes.map(({ files }) => files.length);
      const episode = sampleEpisode(sizes, { way: 5, shot: 5, query: 10, seed: 77 }, task);
      const samples = await readSamples(set, [...episode.support, ...episode.query], tt.model.input);
      const queries = samples.slice(episode.support.length);
      const accuracy = () =>
        (100 * queries.filter(({ image, label }) => tt.classify(image).label === label).length) / queries.length;
      for (const [condition, change] of Object.entries(CONDITIONS)) {
        const support = change(samples.slice(0, episode.support.length), new Random(5, task));
        for (const { label: method, options } of parseMethods(args.methods)) {
          const line = { model: tt.model.name, method, condition, data, task };
          if (done.has(keyOf(line))) continue;
          await tt.adapt(support, { method: 'none' });
          const none = accuracy();
          const { guard } = await tt.adapt(support, { ...options, seed: task, guard: true });
          // What the guard gave up is looked at all the same.
          if (guard.fallback) await tt.adapt(support, { ...options, seed: task });
          appendFileSync(args.results, `${JSON.stringify({ ...line, none, adapted: accuracy(), ...guard })}\n`);
        }
      }
    }
  }
}

/** A row for each model, method and condition: how often the guard spoke, and whether it was right. */
function table() {
  const groups = new Map();
  for (const row of read()) {
    const key = [row.model, row.method, row.condition].join(' | ');
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  console.log(
    '| network | method | samples | tasks | none | adapted | with the guard | given up | rightly | wrongly |',
  );
  console.log('| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  const mean = (rows, of) => (rows.reduce((sum, row) => sum + of(row), 0) / rows.length).toFixed(1);
  for (const [name, rows] of groups) {
    const up = rows.filter(({ fallback }) => fallback);
    const cells = [
      ...[rows.length, mean(rows, (r) => r.none), mean(rows, (r) => r.adapted)],
      ...[mean(rows, (r) => (r.fallback ? r.none : r.adapted)), up.length],
      ...[up.filter((r) => r.adapted < r.none).length, up.filter((r) => r.adapted > r.none).length],
    ];
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}

if (!args.draw) await run();
table();
