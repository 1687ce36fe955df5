// onnxruntime-web 1.19.2, the last with its training API: training steps, WebAssembly, one thread. Its learning rate
// cannot be set from JavaScript: every step is of its own 0.001.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { turned } from './ort-input.mjs';
import { readNetwork } from './read.mjs';
import { repeat, serve } from './worker.mjs';

const [folder, packages, name] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const dist = dirname(require.resolve(name));
const ort = await import(pathToFileURL(join(dist, 'ort.training.wasm.min.mjs')).href);
ort.env.wasm.numThreads = 1;
// It warns of its optimiser's shapes in every step, and printing takes time.
ort.env.logLevel = 'error';

const LABEL = 3n;
const network = readNetwork(folder);
const [height, width, channels] = network.input;
const feeds = {
  image: new ort.Tensor('float32', turned(network.pictures[0], network.input), [1, channels, height, width]),
  labels: new ort.Tensor('int64', BigInt64Array.of(LABEL), [1]),
};

/** A step as a function; it gives the loss from before the step. */
async function trainer(step) {
  const file = (part) => new Uint8Array(readFileSync(join(folder, `ort-${step}`, part)));
  const session = await ort.TrainingSession.create(
    {
      checkpointState: file('checkpoint'),
      trainModel: file('training_model.onnx'),
      evalModel: file('eval_model.onnx'),
      optimizerModel: file('optimizer_model.onnx'),
    },
    { executionProviders: ['wasm'], graphOptimizationLevel: 'all' },
  );
  const run = async () => {
    const result = await session.runTrainStep(feeds);
    await session.runOptimizerStep();
    await session.lazyResetGrad();
    return Number(result[session.trainingOutputNames[0]].data[0]);
  };
  return { session, run };
}

const steps = {};
const trainers = {};
for (const step of ['training', 'blocks']) {
  try {
    trainers[step] = (await trainer(step)).run;
    await trainers[step]();
    steps[step] = true;
  } catch (error) {
    steps[step] = String(error.message ?? error).split('\n')[0];
  }
}

await serve(
  { version: ort.env.versions?.web ?? '1.19.2', steps },
  {
    losses: async ({ step, count }) => {
      const { run, session } = await trainer(step);
      const losses = [];
      for (let i = 0; i < count; i++) losses.push(await run());
      await session.release();
      return { losses };
    },
    time: async ({ step, ms }) => ({ ms: await repeat(trainers[step], ms) }),
  },
);
