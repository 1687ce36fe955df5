// The network of the comparison: MobileNetV2 0.35 at 128x128 with batch normalisation folded (Sandler et al., 2018, and
// torchvision's rounding of channels), ReLU6, a 1280-wide head and 10 classes. Weights and pictures are seeded noise: time
// does not depend on them, and nobody has to download any.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { macs } from '../../dist/model/model.js';
import { writeModel } from '../../dist/model/write.js';
import { Random } from '../../dist/random.js';

export const CLASSES = 10;
export const PICTURES = 4;
const SIZE = 128;
const WIDTH = 0.35;
/** Expansion, channels at width 1, blocks, stride of the first. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];
/** Blocks at the end that the sparse step trains, with the head. */
const LAST_BLOCKS = 3;
/** What the two training steps and the inference must come to; anything else is another network. */
const MACS = { inference: 18_953_472, training: 55_090_944, blocks: 27_770_624 };

/** A number of channels: the nearest multiple of 8 that takes away no more than a tenth. */
function channels(full) {
  const wanted = full * WIDTH;
  const near = Math.max(8, Math.floor((wanted + 4) / 8) * 8);
  return near < 0.9 * wanted ? near + 8 : near;
}

/** The network as a model of ours, and the first operator of its last blocks. */
export function buildNetwork() {
  const random = new Random(2024);
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
  const operators = [];
  let shape = [SIZE, SIZE, 3];
  const add = (op, name, { outC = shape[2], kernel = 1, stride = 1, relu6 = true, second = null, gain = 2 } = {}) => {
    const pooled = op === 'globalAveragePooling' || op === 'linear';
    const pad = pooled ? 0 : (kernel - 1) >> 1;
    const side = pooled ? 1 : Math.floor((shape[0] + 2 * pad - kernel) / stride) + 1;
    const fan = kernel * kernel * (op === 'depthwise' ? 1 : shape[2]);
    const layer = op === 'convolution' || op === 'depthwise' || op === 'linear';
    const values = (n, scale) => Float32Array.from({ length: n }, () => gaussian() * scale);
    const out = [side, side, outC];
    operators.push({
      ...{ op, name, input: operators.length, second, in: shape, out },
      ...{ kernel: [kernel, kernel], stride: [stride, stride], padding: [pad, pad, pad, pad] },
      ...{ limit: relu6 ? 6 : null, wholeWindow: false },
      weights: layer ? values(outC * fan, Math.sqrt(gain / fan)) : null,
      bias: layer ? values(outC, 0.1) : null,
    });
    shape = out;
  };

  add('convolution', 'stem', { outC: channels(32), kernel: 3, stride: 2 });
  const blocks = [];
  for (const [expansion, full, count, first] of STAGES) {
    for (let i = 0; i < count; i++) {
      const name = `block${blocks.length}`;
      blocks.push(operators.length);
      const begin = operators.length;
      const stride = i === 0 ? first : 1;
      const [inC, outC] = [shape[2], channels(full)];
      if (expansion > 1) add('convolution', `${name}.expand`, { outC: inC * expansion });
      add('depthwise', `${name}.depthwise`, { kernel: 3, stride });
      add('convolution', `${name}.project`, { outC, relu6: false, gain: 1 });
      if (stride === 1 && inC === outC) add('addition', `${name}.add`, { relu6: false, second: begin });
    }
  }
  add('convolution', 'head', { outC: 1280 });
  const side = shape[0];
  add('globalAveragePooling', 'pool', { kernel: side, relu6: false });
  add('linear', 'classifier', { outC: CLASSES, relu6: false, gain: 1 });
  const half = [0.5, 0.5, 0.5];
  const model = { name: 'mbv2-0.35-bench', input: [SIZE, SIZE, 3], mean: half, std: half, operators };
  return { model, lastBlocks: blocks.at(-LAST_BLOCKS) };
}

/** MACs of each step: forward, and of the trained layers the weight and (but for the first) the input gradient. */
function countMacs({ model, lastBlocks }) {
  const sum = (from) => model.operators.slice(from).reduce((total, operator) => total + macs(operator), 0);
  const step = (from) => sum(0) + 2 * sum(from) - macs(model.operators[from]);
  return { inference: sum(0), training: step(0), blocks: step(lastBlocks) };
}

/**
 * Writes a model as the peers in Python read it (net.py): network.json (operators, with the places of their weights, and
 * `more`), weights.bin and pictures.bin (f32; weights as docs/formats.md has them, pictures height x width x channels).
 */
export function writeParts(folder, model, pictures, more = {}) {
  mkdirSync(folder, { recursive: true });
  const parts = [];
  let at = 0;
  const place = (values) => {
    if (!values) return null;
    parts.push(values);
    at += values.length;
    return [at - values.length, values.length];
  };
  const operators = model.operators.map((o) => ({ ...o, weights: place(o.weights), bias: place(o.bias) }));
  const all = new Float32Array(at);
  for (let i = 0, to = 0; i < parts.length; to += parts[i++].length) all.set(parts[i], to);
  const bytes = (floats) => new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  const description = { input: model.input, ...more, operators };
  writeFileSync(join(folder, 'network.json'), JSON.stringify(description));
  writeFileSync(join(folder, 'weights.bin'), bytes(all));
  writeFileSync(join(folder, 'pictures.bin'), bytes(pictures));
  return description;
}

/** Writes what the peers share into `folder`: the parts, and network.ttm. */
export function writeNetwork(folder) {
  const network = buildNetwork();
  const { model, lastBlocks } = network;
  const counted = countMacs(network);
  for (const [step, expected] of Object.entries(MACS)) {
    if (counted[step] !== expected) throw new Error(`${step} has ${counted[step]} MACs, expected ${expected}`);
  }
  const random = new Random(5);
  const length = SIZE * SIZE * 3;
  // Pictures of one colour each, under noise: of noise alone all would have nearly the same features.
  const pictures = new Float32Array(PICTURES * length);
  for (let p = 0; p < PICTURES; p++) {
    const colour = [0, 1, 2].map(() => random.uniform() * 2 - 1);
    for (let i = 0; i < length; i++) pictures[p * length + i] = colour[i % 3] + random.uniform() - 0.5;
  }
  const more = { classes: CLASSES, pictures: PICTURES, lastBlocks, macs: counted };
  const description = writeParts(folder, model, pictures, more);
  writeFileSync(join(folder, 'network.ttm'), writeModel(model));
  return description;
}
