/** The page of the bench: tinytrain and tfjs, and what Node calls, in `globalThis.bench`. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import { setWasmPaths, version_wasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
// The package as pages get it.
import { TinyTrain } from '/package/browser/tinytrain.js';
import { TinyTrain as InThread } from '/package/browser/worker.js';
import { toTensor } from '../../../dist/image.js';
import { readModel } from '../../../dist/model/read.js';
import { importOnnx } from '../../../dist/onnx/index.js';
import { taskOf } from '../../../dist/task.js';
import { Graph } from './graph.mjs';
import { adapt } from './peer.mjs';
import { fetchSamples } from './samples.mjs';

setWasmPaths('/wasm/');
tf.enableProdMode();

const BACKENDS = ['cpu', 'wasm', 'webgl'];
const LAST_BLOCKS = 2;

let tt;
let thread;
let threads;
let model;
let trained;
let support;
let task;
const graphs = new Map();

globalThis.bench = {
  /** Loads a network and its samples; says what will be trained. */
  async load({ name, url }) {
    thread?.close();
    threads?.close();
    for (const graph of graphs.values()) graph.dispose();
    graphs.clear();
    tt = await TinyTrain.load(url, { binary: 'simd' });
    thread = await InThread.load(url, { binary: 'simd' });
    // As many as tfjs has of its own: one a core.
    threads = await InThread.load(url, { binary: 'simd', workers: Math.max(2, navigator.hardwareConcurrency) });
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    model = readModel(url.endsWith('.onnx') ? importOnnx(bytes, { name }) : bytes);
    trained = lastBlocks(model, LAST_BLOCKS);
    support = await fetchSamples(name);
    task = taskOf(support, (image) => toTensor(image, model.input, model.mean, model.std));
    const parameters = model.operators.filter((operator) => trained.includes(operator.name));
    return {
      name,
      input: model.input,
      samples: task.labels.length,
      ways: task.classes.length,
      trained,
      parameters: parameters.reduce((sum, { weights, bias }) => sum + weights.length + bias.length, 0),
    };
  },

  /** Backends of tfjs that begin here, with what they are; those that don't, with what they say. */
  async backends() {
    const found = [];
    for (const backend of BACKENDS) {
      const entry = { backend, version: backend === 'wasm' ? version_wasm : tf.version_core };
      try {
        if (!(await tf.setBackend(backend))) throw new Error('it does not begin');
        if (backend === 'webgl') entry.renderer = renderer();
        if (backend === 'wasm') {
          entry.simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
          entry.threads = await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT');
        }
        found.push(entry);
      } catch (error) {
        found.push({ ...entry, problem: firstLine(error) });
      }
    }
    return found;
  },

  /** Compares the features of every sample, and one step of training, with tinytrain's. */
  async check(backend, form, options) {
    await tf.setBackend(backend);
    const graph = new Graph(model, trained, form);
    graphs.set(`${backend} ${form}`, graph);
    const answer = { backend, form };
    try {
      const computed = tf.tidy(() => {
        const images = tf.stack(task.tensors.map((values) => tf.tensor3d(values, model.input)));
        return graph.features(graph.run([images], 0, graph.first));
      });
      const rows = await computed.array();
      computed.dispose();
      // What an adaptation before this one changed.
      tt.reset();
      const own = task.tensors.map((tensor) => tt.embed(tensor));
      answer.features = Math.max(...own.flatMap((row, i) => [...row].map((value, k) => Math.abs(value - rows[i][k]))));
      answer.largest = Math.max(...own.flatMap((row) => [...row].map(Math.abs)));
      const { loss } = await adapt(graph, task.tensors, task.labels, options);
      answer.loss = loss;
    } catch (error) {
      answer.problem = firstLine(error);
    }
    return answer;
  },

  /** One adaptation of tfjs, timed. */
  async peer(backend, form, options) {
    await tf.setBackend(backend);
    const { kept, ...answer } = await adapt(graphs.get(`${backend} ${form}`), task.tensors, task.labels, options);
    return { ...answer, values: kept.reduce((sum, { length }) => sum + length, 0) };
  },

  /** The same adaptation of tinytrain, in the page's thread, in a worker or in one a core, timed. */
  async own(where, { iterations, lr, temperature }) {
    const selection = { layers: Object.fromEntries(trained.map((name) => [name, 'all'])) };
    const options = { selection, augment: 'none', optimizer: 'momentum', iterations, lr, temperature };
    return timed(where, () => task.tensors.map((image, i) => ({ image, label: support[i].label })), options);
  },

  /** An adaptation as the package does it when nothing is said. */
  async usual(where) {
    return timed(where, () => support, {});
  },
};

async function timed(where, samples, options) {
  const engine = { page: tt, thread, threads }[where];
  const given = samples();
  const begun = performance.now();
  const { loss, binary, memory, macs, patch } = await engine.adapt(given, options);
  return { totalMs: performance.now() - begun, loss, binary, memory, macs, patch: patch.bytes };
}

/** Names of the layers of the last blocks; a block is what its layers' names have before the first point. */
function lastBlocks({ operators }, count) {
  const names = operators.filter(({ weights }) => weights).map(({ name }) => name);
  const block = (name) => name.split('.')[0];
  const last = [...new Set(names.map(block))].slice(-count);
  return names.filter((name) => last.includes(block(name)));
}

function renderer() {
  const gl = tf.backend().gpgpu.gl;
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  return gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
}

const firstLine = (error) => String(error?.message ?? error).split('\n')[0];
