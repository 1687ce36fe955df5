// tinytrain, as its hosts drive it. A training step is what one query costs in the engine's training: forward, loss, way
// back; and the update. With a frozen prefix the engine runs that once for each sample and keeps its values, which no
// peer does: here its time counts in every step.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileBinary } from '../../dist/binary.js';
import { Engine } from '../../dist/engine.js';
import { JOB } from '../../dist/job.js';
import { macs } from '../../dist/model/model.js';
import { profileRows, STEP, typicalSteps } from '../../dist/profile.js';
import { readNetwork } from './read.mjs';
import { repeat, serve } from './worker.mjs';

const folder = process.argv[2];
const network = readNetwork(folder);
const file = new Uint8Array(readFileSync(join(folder, 'network.ttm')));
const module = await compileBinary('simd');
/** Phases of assembly/engine/episode.ts. */
const PHASE = { keeping: 3, queries: 4 };
/** Steps that the host answers. */
const ASKING = [STEP.sample, STEP.store, STEP.fetch];
/** The task: two classes, two pictures each. */
const LABELS = [0, 0, 1, 1];
const host = { sample: (index) => network.pictures[index] };

/** An engine that is to train every layer from operator `from` on. */
async function trainer(from) {
  const engine = await Engine.create(module);
  const layers = network.operators.map((o, index) => ({ ...o, index })).filter((o) => o.weights);
  const begin = (lr, iterations) => {
    engine.open(file);
    engine.task(LABELS, 2);
    const settings = { iterations, optimizer: 0, lr, temperature: 10, seed: 0, augment: 0, variants: 0 };
    for (const [name, value] of Object.entries(settings)) engine.control.set(name, value);
    engine.control.set('memoryBudget', 0xffffffff);
    for (const [layer, { index, out }] of layers.entries()) {
      engine.setSelection(layer, index < from ? 'none' : Array.from({ length: out[2] }, (_, channel) => channel));
    }
    engine.begin(JOB.train);
  };
  return { engine, begin };
}

const trainers = { training: await trainer(0), blocks: await trainer(network.lastBlocks) };
const reader = await Engine.create(module);
reader.open(file);
const embed = (index) => {
  reader.begin(JOB.embed);
  reader.pump({ sample: () => network.pictures[index] });
};
/** So small that weights stay what they are, however often the step is timed. */
const TIMED_LR = 1e-9;
/** Milliseconds of a step before, for how many fit a time. */
const guess = { training: 20, blocks: 20 };

function timeTraining(step, ms) {
  const { engine, begin } = trainers[step];
  const iterations = Math.max(1, Math.round(ms / (2.5 * LABELS.length * guess[step])));
  begin(TIMED_LR, iterations);
  const times = [];
  let [kept, query] = [0, 0];
  let queries = [];
  let pass = engine.control.get('phase');
  let asked = false;
  let last = performance.now();
  engine.profile(host, ({ code, phase, ms, endsIteration }) => {
    // A step's own time, and what the host takes to answer one that asks; what is written down between steps is the
    // bench's work, 0.4 us a step.
    const spent = asked ? performance.now() - last : ms;
    asked = ASKING.includes(code);
    if (endsIteration) {
      times.push(...queries.map((ms) => kept / LABELS.length + ms + spent));
      queries = [];
    } else if (pass === PHASE.keeping) kept += spent;
    else if (pass === PHASE.queries) {
      query += spent;
      if (code === STEP.end) {
        queries.push(query);
        query = 0;
      }
    }
    pass = phase;
    last = performance.now();
  });
  guess[step] = times[times.length >> 1];
  return times;
}

/** Where the time of a query and the update goes: the medians of each step of the program, summed by kind. */
function profileTraining(step, iterations) {
  const { engine, begin } = trainers[step];
  begin(TIMED_LR, iterations);
  const first = step === 'training' ? 0 : network.lastBlocks;
  const timed = [];
  let pass = engine.control.get('phase');
  engine.profile(host, (step) => {
    // Of a frozen prefix the operators ran before, once.
    if (pass === PHASE.keeping || pass === PHASE.queries || step.endsIteration) timed.push(step);
    pass = step.phase;
  });
  const once = typicalSteps(timed).map((step) => ({ ...step, count: 1 }));
  const operators = network.operators.map((o, index) => ({
    op: o.op,
    pointwise: o.op === 'convolution' && o.kernel[0] === 1,
    macs: macs(o),
    trained: index >= first ? 1 : 0,
  }));
  return { rows: profileRows(once, operators) };
}

await serve(
  { name: 'tinytrain', version: 'simd', steps: { inference: true, training: true, blocks: true } },
  {
    outputs: () => ({
      outputs: network.pictures.map((_, i) => {
        embed(i);
        return [...reader.floats('featuresPointer', network.classes)];
      }),
    }),
    losses: ({ step, lr, count }) => {
      const { engine, begin } = trainers[step];
      begin(lr, count);
      const losses = [];
      engine.pump({ ...host, iteration: (loss) => losses.push(loss) });
      return { losses };
    },
    profile: ({ step, iterations }) => profileTraining(step, iterations),
    time: async ({ step, ms }) => ({
      ms: step === 'inference' ? await repeat(() => embed(0), ms) : timeTraining(step, ms),
    }),
  },
);
