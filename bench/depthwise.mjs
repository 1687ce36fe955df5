// Speed of the depthwise kernels, in G multiply-adds a second and as a share of the core's peak in WebAssembly.
//
//   npm run build && node bench/depthwise.mjs [kernels.simd.wasm | kernels.wasm]
//
// The peak is that of assembly/probe.ts in the same run, so that shares compare between
// machines. Answers are checked against the definition before anything is timed. Each figure is the best
// of ROUNDS: what else runs on the machine only ever adds time.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { peakGmacs } from '../dist/node/bench/peak.js';

const file = process.argv[2] ?? 'kernels.simd.wasm';
const simd = file.includes('simd');
const ROUNDS = 25;

// Optimised code from the first call: else a round may time the baseline compiler's.
setFlagsFromString('--no-liftoff');

/** Name, height = width, channels, kernel, stride. */
const CASES = [
  [64, 48, 3, 1],
  [64, 48, 3, 2],
  [64, 96, 7, 2],
  [32, 96, 5, 1],
  [32, 96, 5, 2],
  [16, 144, 7, 1],
  [16, 144, 7, 2],
  [16, 144, 3, 1],
  [16, 240, 5, 2],
  [8, 480, 5, 1],
  [8, 480, 5, 2],
  [8, 480, 3, 1],
  [4, 960, 7, 1],
];

const bytes = readFileSync(new URL(`../build/${file}`, import.meta.url));
const { exports: kernels } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
kernels.memory.grow(512);

const peak = await peakGmacs(simd ? 'simd' : 'scalar');
console.log(`${cpus()[0].model.trim()}, node ${process.version}, ${file}`);
console.log(`peak: ${peak.toFixed(1)} GMAC/s\n`);
console.log('case                      forward        input gradient  weight gradient  1/8 of the channels: cost');

for (const [size, c, kernel, stride] of CASES) {
  const pad = kernel >> 1;
  const outSize = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  let top = (kernels.__heap_base.value + 63) & ~63;
  const floats = (length, seed) => {
    const at = top;
    top = (top + length * 4 + 63) & ~63;
    const view = new Float32Array(kernels.memory.buffer, at, length);
    for (let i = 0; i < length; i++) view[i] = seed ? ((i * 7919 + seed * 104729) % 2003) / 1001 - 1 : 0;
    return at;
  };
  const x = floats(size * size * c, 1);
  const w = floats(kernel * kernel * c, 2);
  const b = floats(c, 3);
  const dy = floats(outSize * outSize * c, 4);
  const out = floats(outSize * outSize * c, 0);
  const dx = floats(size * size * c, 0);
  const dw = floats(kernel * kernel * c, 0);
  const g = floats(16, 0);
  new Int32Array(kernels.memory.buffer, g, 15).set([
    ...[size, size, c, outSize, outSize, c, kernel, kernel, stride, stride, pad, pad, pad, pad, 0],
  ]);
  const n = c >> 3;
  const list = floats(n, 0);
  // Spread unevenly, as a selection is.
  new Uint16Array(kernels.memory.buffer, list, n).set(Array.from({ length: n }, (_, i) => 8 * i + ((i * 5) & 7)));

  check(size, c, kernel, stride, outSize, { x, w, b, dy, out, dx, g });
  // Multiplications that touch the image: those on padding are not done, so they are not counted.
  const valid = countTaps(size, outSize, kernel, stride, pad) ** 2;
  const forward = time(() => kernels.depthwise_forward(out, x, w, b, g));
  const input = time(() => kernels.depthwise_backward_input(dx, dy, w, g, 0));
  const weight = time(() => kernels.depthwise_backward_weight(dw, dy, x, g, 0, c));
  const sparse = time(() => kernels.depthwise_backward_weight(dw, dy, x, g, list, n));
  const speed = (ms) => {
    const gmacs = (valid * c) / ms / 1e6;
    return `${gmacs.toFixed(1).padStart(5)} ${`${Math.round((100 * gmacs) / peak)}%`.padStart(4)}`;
  };
  const name = `${size}x${size}x${c} k${kernel} s${stride}`;
  console.log(
    `${name.padEnd(22)}${[forward, input, weight].map((ms) => speed(ms).padEnd(15)).join(' ')}    ` +
      `${(sparse / weight).toFixed(3)} (${speed((sparse * c) / n).trim()})`,
  );
}

/** Taps of one dimension that lie inside the image, over all outputs. */
function countTaps(size, outSize, kernel, stride, pad) {
  let taps = 0;
  for (let o = 0; o < outSize; o++)
    for (let k = 0; k < kernel; k++) {
      const i = o * stride - pad + k;
      if (i >= 0 && i < size) taps++;
    }
  return taps;
}

/** Throws unless forward and input gradient agree with the definition at some places. */
function check(size, c, kernel, stride, outSize, { x, w, b, dy, out, dx, g }) {
  kernels.depthwise_forward(out, x, w, b, g);
  kernels.depthwise_backward_input(dx, dy, w, g, 0);
  const f = new Float32Array(kernels.memory.buffer);
  const at = (pointer, y, x, width, channel) => f[pointer / 4 + (y * width + x) * c + channel];
  const pad = kernel >> 1;
  for (let probe = 0; probe < 200; probe++) {
    const channel = (probe * 37) % c;
    const [oy, ox] = [(probe * 11) % outSize, (probe * 5) % outSize];
    const [iy, ix] = [(probe * 11) % size, (probe * 5) % size];
    let value = f[b / 4 + channel];
    let gradient = 0;
    for (let ky = 0; ky < kernel; ky++)
      for (let kx = 0; kx < kernel; kx++) {
        const weight = at(w, ky, kx, kernel, channel);
        const [sy, sx] = [oy * stride - pad + ky, ox * stride - pad + kx];
        if (sy >= 0 && sy < size && sx >= 0 && sx < size) value += weight * at(x, sy, sx, size, channel);
        const [ty, tx] = [(iy + pad - ky) / stride, (ix + pad - kx) / stride];
        if (Number.isInteger(ty) && Number.isInteger(tx) && ty >= 0 && ty < outSize && tx >= 0 && tx < outSize)
          gradient += weight * at(dy, ty, tx, outSize, channel);
      }
    if (!(Math.abs(value - at(out, oy, ox, outSize, channel)) < 1e-4)) throw new Error('forward is wrong');
    if (!(Math.abs(gradient - at(dx, iy, ix, size, channel)) < 1e-4)) throw new Error('input gradient is wrong');
  }
}

/** Milliseconds of one call: the best of rounds of a few ms each. */
function time(call) {
  let calls = 1;
  for (;;) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) call();
    if (performance.now() - start > 4) break;
    calls *= 2;
  }
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < calls; i++) call();
    best = Math.min(best, (performance.now() - start) / calls);
  }
  return best;
}
