// onnxruntime-web's inference, WebAssembly, one thread.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { turned } from './ort-input.mjs';
import { readNetwork } from './read.mjs';
import { repeat, serve } from './worker.mjs';

const [folder, packages, name] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const ort = await import(pathToFileURL(require.resolve(name)).href).then((module) => module.default ?? module);
ort.env.wasm.numThreads = 1;

const network = readNetwork(folder);
const [height, width, channels] = network.input;
const feeds = network.pictures.map((picture) => ({
  image: new ort.Tensor('float32', turned(picture, network.input), [1, channels, height, width]),
}));
const session = await ort.InferenceSession.create(join(folder, 'network.onnx'), {
  executionProviders: ['wasm'],
  graphOptimizationLevel: 'all',
});
/** 1.20 took training out of the package. */
const without = ort.TrainingSession ? {} : { training: 'it has no training API', blocks: 'it has no training API' };
const infer = async (i) => (await session.run(feeds[i])).logits.data;

await serve(
  { version: ort.env.versions.web ?? ort.env.versions.common, steps: { inference: true, ...without } },
  {
    outputs: async () => {
      const outputs = [];
      for (let i = 0; i < feeds.length; i++) outputs.push([...(await infer(i))]);
      return { outputs };
    },
    time: async ({ ms }) => ({ ms: await repeat(() => infer(0), ms) }),
  },
);
