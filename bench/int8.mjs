// Inference of a network in floats and of the same in int8, in the same run: interleaved, best of many.
//
//   npm run -s build && node bench/int8.mjs [--model models/default.ttm] [--binary simd|scalar] [--runs 200]
//     [--ort FOLDER --onnx FLOAT.onnx --quantised QDQ.onnx] [--json]
//
// The int8 network is made with ranges of the same noise that is timed: how long it takes does not depend on them. With
// --ort, a folder with onnxruntime-web in its node_modules (bench/peers/install.mjs makes one), that runs the two ONNX files
// too (WebAssembly, one thread). Python's onnxruntime makes the second of the first: quantize_static of
// onnxruntime.quantization with QuantFormat.QDQ, per_channel, activations QUInt8, weights QInt8; QInt8 for both is as fast.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { compileBinary } from '../dist/binary.js';
import { Engine } from '../dist/engine.js';
import { JOB } from '../dist/job.js';
import { readModel } from '../dist/model/read.js';
import { writeModel } from '../dist/model/write.js';
import { noise } from '../dist/node/bench/networks.js';
import { importOnnx } from '../dist/onnx/index.js';
import { quantiseModel } from '../dist/quantise/model.js';
import { calibrate } from '../dist/quantise/ranges.js';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/default.ttm' },
    binary: { type: 'string', default: 'simd' },
    runs: { type: 'string', default: '200' },
    ort: { type: 'string' },
    onnx: { type: 'string' },
    quantised: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const bytes = new Uint8Array(readFileSync(args.model));
const model = readModel(args.model.endsWith('.onnx') ? importOnnx(bytes) : bytes);
const image = noise(model.input, 1)[0].image;
const compiled = await compileBinary(args.binary);

/** An engine with a model open in it, as a function that runs it. */
async function ours(of) {
  const engine = await Engine.create(compiled);
  engine.open(writeModel(of));
  return {
    engine,
    run: () => {
      engine.begin(JOB.embed);
      engine.pump({ sample: () => image });
    },
  };
}

/** A session of onnxruntime-web, as a function that runs it. */
async function theirs(ort, file) {
  const session = await ort.InferenceSession.create(file, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
  });
  const [height, width, channels] = model.input;
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', image, [1, channels, height, width]) };
  return { run: () => session.run(feeds) };
}

const float = await ours(model);
const runners = {
  float32: float,
  int8: await ours(quantiseModel(model, calibrate(float.engine, model, [image], 'minmax'))),
};
if (args.ort) {
  const require = createRequire(`${pathToFileURL(args.ort).href}/`);
  const ort = await import(pathToFileURL(require.resolve('onnxruntime-web')).href).then((m) => m.default ?? m);
  ort.env.wasm.numThreads = 1;
  runners['onnxruntime-web float32'] = await theirs(ort, args.onnx);
  runners['onnxruntime-web int8'] = await theirs(ort, args.quantised);
}
const best = Object.fromEntries(Object.keys(runners).map((name) => [name, Number.POSITIVE_INFINITY]));
for (let i = 0; i < Number(args.runs); i++) {
  for (const [name, { run }] of Object.entries(runners)) {
    const begun = performance.now();
    await run();
    best[name] = Math.min(best[name], performance.now() - begun);
  }
}
if (args.json) console.log(JSON.stringify({ model: model.name, binary: args.binary, ms: best }));
else for (const [name, ms] of Object.entries(best)) console.log(`${name.padEnd(26)}${ms.toFixed(2)} ms`);
