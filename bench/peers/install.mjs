// Installs the peers into build/bench/peers, at pinned versions; they are no dependencies of the package.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGES = {
  '@tensorflow/tfjs': '4.22.0',
  '@tensorflow/tfjs-backend-wasm': '4.22.0',
  ort: 'npm:onnxruntime-web@1.30.0',
  'ort-training': 'npm:onnxruntime-web@1.19.2',
};
/** Writes ONNX files and onnxruntime-web's training files. There are wheels for these Pythons alone. */
const ONNX_TOOLS = ['onnx==1.16.2', 'onnxruntime-training-cpu==1.19.2'];
const ONNX_PYTHONS = ['python3.11', 'python3.10', 'python3.9', 'python3'];
const TORCH = 'torch==2.15.0';

const say = (text) => process.stderr.write(`${text}\n`);

/** Runs a program; what it prints goes to stderr only if it fails. */
function run(program, args, cwd) {
  try {
    execFileSync(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' } });
  } catch (error) {
    const why =
      String(error.stderr ?? '')
        .trim()
        .split('\n')
        .at(-1) || error.message;
    throw new Error(`${program} ${args.slice(0, 3).join(' ')}: ${why}`);
  }
}

/** The peers of the npm registry: the folder that holds their node_modules. */
export function installPackages(folder) {
  const manifest = `${JSON.stringify({ private: true, dependencies: PACKAGES }, null, 2)}\n`;
  const path = join(folder, 'installed.json');
  if (existsSync(path) && readFileSync(path, 'utf8') === manifest) return folder;
  say('installing TensorFlow.js and onnxruntime-web');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), manifest);
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], folder);
  writeFileSync(path, manifest);
  return folder;
}

/** A virtual environment with some packages of PyPI, of the first of `pythons` that gets them: its interpreter. */
function environment(folder, pythons, packages) {
  const python = join(folder, 'bin', 'python');
  const wanted = `${packages.join('\n')}\n`;
  const path = join(folder, 'installed.txt');
  if (existsSync(path) && readFileSync(path, 'utf8') === wanted) return python;
  let failure;
  for (const base of pythons) {
    try {
      run(base, ['-m', 'venv', '--clear', folder]);
      say(`installing ${packages.join(', ')}`);
      run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
      writeFileSync(path, wanted);
      return python;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** An interpreter that can write the ONNX files. */
export function installOnnxTools(folder) {
  return environment(join(folder, 'onnx-tools'), ONNX_PYTHONS, ONNX_TOOLS);
}

/** Whether an interpreter has PyTorch. */
function hasTorch(python) {
  try {
    execFileSync(python, ['-c', 'import torch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Interpreters with PyTorch: those asked for, else the machine's own, else one that it is installed for. */
export function installTorch(folder, asked) {
  for (const python of asked)
    if (!hasTorch(python)) throw new Error(`${python} has no PyTorch: leave --python out, and it is installed`);
  if (asked.length > 0) return asked;
  if (hasTorch('python3')) return ['python3'];
  return [environment(join(folder, 'torch'), ['python3'], [TORCH, 'numpy'])];
}
