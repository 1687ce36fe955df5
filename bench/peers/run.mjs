// tinytrain next to TensorFlow.js (cpu, wasm), onnxruntime-web and PyTorch: MobileNetV2 0.35 at 128x128, batch 1, f32, one
// thread; an inference, a training step of all weights, and one of the last 3 blocks and the head.
//
//   npm run bench:peers [-- --json] [-- --python PATH ...] [-- --rounds 9] [-- --save]
//
// The peers are installed into build/bench/peers. --python names interpreters whose PyTorch is measured (else: python3's
// own, or one that is installed). Everybody's outputs, and losses over some training steps, are compared before anything is
// timed. Then all have their turns, round by round; the ratios are those within a round, as other things may run on the
// machine. A table (with --json: all figures) goes to stdout, all figures to build/bench/peers/result.json, and with --save a
// picture to docs/speed.svg.
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compare } from './compare.mjs';
import { installOnnxTools, installPackages, installTorch } from './install.mjs';
import { writeNetwork } from './network.mjs';
import { Peer } from './peer.mjs';
import { picture, table } from './report.mjs';
import { STEPS, time } from './timing.mjs';

const { values: args } = parseArgs({
  options: {
    json: { type: 'boolean' },
    save: { type: 'boolean' },
    python: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '9' },
  },
});
const rounds = Number(args.rounds);
if (!Number.isInteger(rounds) || rounds < 1) fail('--rounds must be a whole number of at least 1');
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = here('../../build/bench/peers');
const network = `${folder}/network`;
const say = (text) => process.stderr.write(`${text}\n`);

function fail(text) {
  console.error(`bench:peers: ${text}`);
  process.exit(1);
}

/** Instruction sets that PyTorch is held to, besides all that the machine has. */
const LEVELS = {
  AVX2: {
    ATEN_CPU_CAPABILITY: 'avx2',
    ONEDNN_MAX_CPU_ISA: 'AVX2',
    DNNL_MAX_CPU_ISA: 'AVX2',
    MKL_ENABLE_INSTRUCTIONS: 'AVX2',
    OPENBLAS_CORETYPE: 'Haswell',
  },
  'SSE4.1': {
    ATEN_CPU_CAPABILITY: 'default',
    ONEDNN_MAX_CPU_ISA: 'SSE41',
    DNNL_MAX_CPU_ISA: 'SSE41',
    MKL_ENABLE_INSTRUCTIONS: 'SSE4_2',
    OPENBLAS_CORETYPE: 'Nehalem',
  },
};

/** Instruction sets to measure PyTorch with: all of the machine's, and on x86 the narrower ones. */
function levels() {
  if (process.arch !== 'x64') return { '': {} };
  let flags = '';
  try {
    flags = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return { '': {} };
  }
  if (flags.includes('avx512f')) return { 'AVX-512': {}, ...LEVELS };
  return flags.includes('avx2') ? LEVELS : { 'SSE4.1': LEVELS['SSE4.1'] };
}

const missing = [];
const peers = [];
/** Starts a peer; one that can't be had is named in the report, with the reason. */
async function start(name, id, command, env) {
  say(`starting ${id}`);
  try {
    const peer = await Peer.start(id, command, env);
    peer.name = name(peer.about);
    peers.push(peer);
  } catch (error) {
    missing.push({ name: id, reason: error.message });
  }
}
/** What has to be installed or written for some peers; without it they are missing. */
function provide(what, make) {
  try {
    return make();
  } catch (error) {
    missing.push({ name: what, reason: error.message });
    return null;
  }
}

writeNetwork(network);
const node = (file, ...rest) => [process.execPath, here(file), network, ...rest];
await start(() => 'tinytrain', 'tinytrain', node('ours.mjs'));
if (peers.length === 0) fail(missing[0].reason);

const packages = provide('TensorFlow.js, onnxruntime-web', () => installPackages(folder));
const onnx = provide('onnxruntime-web', () => {
  const python = installOnnxTools(folder);
  say('writing the ONNX files');
  execFileSync(python, [here('artifacts.py'), network], { stdio: 'ignore' });
  return true;
});
if (packages) {
  for (const backend of ['wasm', 'cpu']) {
    const name = ({ version }) => `TensorFlow.js ${version}, ${backend}`;
    await start(name, `TensorFlow.js ${backend}`, node('tfjs.mjs', packages, backend));
  }
}
if (packages && onnx) {
  const name = ({ version }) => `onnxruntime-web ${version}`;
  await start(name, 'onnxruntime-web', node('ort.mjs', packages, 'ort'));
  await start(name, 'onnxruntime-web 1.19.2', node('ort.mjs', packages, 'ort-training'));
  await start(name, 'onnxruntime-web 1.19.2, training', node('ort-training.mjs', packages, 'ort-training'));
}
for (const python of provide('PyTorch', () => installTorch(folder, args.python)) ?? []) {
  for (const [level, env] of Object.entries(levels())) {
    const name = ({ version, blas }) => [`PyTorch ${version}`, blas, level].filter(Boolean).join(', ');
    await start(name, `PyTorch of ${python} ${level}`, [python, here('pytorch.py'), network], env);
  }
}

let checked;
let rows;
const profile = {};
const load = [];
try {
  say('comparing answers');
  checked = await compare(peers);
  load.push(loadavg()[0]);
  rows = await time(peers, rounds, say);
  load.push(loadavg()[0]);
  for (const step of ['training', 'blocks']) {
    profile[step] = (await peers[0].ask({ ask: 'profile', step, iterations: 40 })).rows;
  }
} catch (error) {
  fail(error.message);
} finally {
  for (const peer of peers) peer.end();
}

const machine = { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, node: process.version, load };
const report = { machine, network: 'MobileNetV2 0.35, 128x128', steps: STEPS, rounds, checked, rows, profile, missing };
const path = `${folder}/result.json`;
writeFileSync(`${path}.tmp`, `${JSON.stringify(report, null, 2)}\n`);
renameSync(`${path}.tmp`, path);
if (args.save) picture(here('../../docs/speed.svg'), report);
console.log(args.json ? JSON.stringify(report, null, 2) : table(report));
process.exit(0);
