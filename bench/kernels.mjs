// Times the dense kernels on layers of usual networks, as multiply-adds a second and as a share of the peak that a probe
// reaches in the same run: independent chains of multiply and add in registers, without a load.
//
//   npm run build && node bench/kernels.mjs [NAME...]     names of layers; default: all
//
// Each answer is checked before it is timed: some elements of the output are compared to a plain sum, and gradients by
// <out(x), dy> = <x, dx> = <w, dw>, which holds for a layer without bias.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { peakGmacs } from '../dist/node/bench/peak.js';

// Optimised code from the first call: on a busy machine the switch to it can come after the timing.
setFlagsFromString('--no-liftoff');

const ROUNDS = 60;
const ROUND_MS = 2;

const conv = (size, inC, outC, kernel, stride) => ({
  layer: 'conv2d',
  inH: size,
  inW: size,
  inC,
  outC,
  kernel,
  stride,
});
const pointwise = (size, inC, outC) => ({ ...conv(size, inC, outC, 1, 1), layer: 'pointwise' });
const linear = (inC, outC) => ({ ...conv(1, inC, outC, 1, 1), layer: 'linear' });
const LAYERS = {
  'pointwise 32x32 48>96': pointwise(32, 48, 96),
  'pointwise 16x16 96>128': pointwise(16, 96, 128),
  'pointwise 8x8 192>320': pointwise(8, 192, 320),
  'pointwise 4x4 160>960': pointwise(4, 160, 960),
  'pointwise 4x4 48>240': pointwise(4, 48, 240),
  'pointwise 9x9 20>44': pointwise(9, 20, 44),
  'pointwise 16x16 27>45': pointwise(16, 27, 45),
  'pointwise 1x1 96>24': pointwise(1, 96, 24),
  'conv 3x3/2 128x128 3>16': conv(128, 3, 16, 3, 2),
  'conv 3x3 16x16 32>32': conv(16, 32, 32, 3, 1),
  'conv 3x3 4x4 256>256': conv(4, 256, 256, 3, 1),
  'linear 1280>10': linear(1280, 10),
};

/**
 * Seconds of a call, of many short rounds: the best, which is what the code can do on a machine that does other things
 * as well, and how much longer the median took, as a share of the best.
 */
function time(call) {
  const repeat = (n) => {
    const start = performance.now();
    for (let i = 0; i < n; i++) call();
    return (performance.now() - start) / n;
  };
  const warm = performance.now();
  while (performance.now() - warm < 50) call();
  const n = Math.max(1, Math.round(ROUND_MS / repeat(1)));
  const rounds = Array.from({ length: ROUNDS }, () => repeat(n) / 1e3).sort((a, b) => a - b);
  return { best: rounds[0], spread: rounds[ROUNDS / 2] / rounds[0] - 1 };
}

/** A layer in the memory of a binary: the kernels as functions without arguments. */
function place(file, l) {
  const bytes = readFileSync(new URL(`../build/${file}`, import.meta.url));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  exports.memory.grow(512);
  let top = (exports.__heap_base.value + 63) & ~63;
  const floats = (n, seed = 0) => {
    const view = new Float32Array(exports.memory.buffer, top, n);
    for (let i = 0, state = seed; seed && i < n; i++) {
      state = Math.imul(state, 1103515245) + 12345;
      view[i] = (state >> 0) / 2 ** 31;
    }
    top = (top + n * 4 + 63) & ~63;
    return view;
  };
  const pad = (l.kernel - 1) >> 1;
  const out = Math.floor((l.inH + 2 * pad - l.kernel) / l.stride) + 1;
  const g = floats(16);
  const words = [l.inH, l.inW, l.inC, out, out, l.outC, l.kernel, l.kernel, l.stride, l.stride, pad, pad, pad, pad, 0];
  new Int32Array(g.buffer, g.byteOffset, 15).set(words);
  const fan = l.kernel ** 2 * l.inC;
  const x = floats(l.inH * l.inW * l.inC, 1);
  const w = floats(l.outC * fan, 2);
  const b = floats(l.outC);
  const y = floats(out * out * l.outC);
  const dy = floats(out * out * l.outC, 3);
  const dx = floats(x.length);
  const dw = floats(w.length);
  const eighth = Math.ceil(l.outC / 8);
  const list = floats(eighth);
  new Uint16Array(list.buffer, list.byteOffset, eighth).set(Array.from({ length: eighth }, (_, i) => i * 8 + (i % 8)));
  const [gp, xp, wp, bp, yp, dyp, dxp, dwp, lp] = [g, x, w, b, y, dy, dx, dw, list].map((v) => v.byteOffset);
  const scratch = floats(exports[`${l.layer}_scratch`](gp) / 4).byteOffset;
  const kernel = (name) => exports[`${l.layer}_${name}`];
  const macs = out * out * l.outC * fan;
  const calls = {
    forward: [macs, () => kernel('forward')(yp, xp, wp, bp, scratch, gp, 0, l.outC)],
    'input gradient': [macs, () => kernel('backward_input')(dxp, dyp, wp, scratch, gp, 0, 0, l.outC)],
    'weight gradient': [macs, () => kernel('backward_weight')(dwp, dyp, xp, scratch, gp, 0, l.outC)],
    'of 1/8': [(macs * eighth) / l.outC, () => kernel('backward_weight')(dwp, dyp, xp, scratch, gp, lp, eighth)],
  };

  const inner = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  for (const name of ['forward', 'input gradient', 'weight gradient']) calls[name][1]();
  const near = (got, want, what) => {
    const size = Math.sqrt(macs) * 1e-4;
    if (!(Math.abs(got - want) < size)) throw new Error(`${file}, ${what}: ${got}, expected ${want} within ${size}`);
  };
  const want = inner(y, dy);
  near(inner(x, dx), want, 'input gradient');
  near(inner(w, dw), want, 'weight gradient');
  for (let i = 0; i < y.length; i += Math.ceil(y.length / 50)) {
    const [o, ox, oy] = [i % l.outC, Math.floor(i / l.outC) % out, Math.floor(i / l.outC / out)];
    let sum = 0;
    for (let k = 0; k < fan; k++) {
      const iy = oy * l.stride - pad + Math.floor(k / l.inC / l.kernel);
      const ix = ox * l.stride - pad + (Math.floor(k / l.inC) % l.kernel);
      if (iy >= 0 && ix >= 0 && iy < l.inH && ix < l.inW)
        sum += x[(iy * l.inW + ix) * l.inC + (k % l.inC)] * w[o * fan + k];
    }
    near(y[i], sum, `forward, element ${i}`);
  }
  return calls;
}

const wanted = process.argv.slice(2);
console.log(
  `${cpus()[0].model}, Node ${process.version}; GMAC/s, best of ${ROUNDS} rounds; share of the peak; (median over best)`,
);
for (const [file, simd] of [
  ['kernels.simd.wasm', true],
  ['kernels.wasm', false],
]) {
  const top = 1e9 * (await peakGmacs(simd ? 'simd' : 'scalar'));
  console.log(`\n${file}: peak ${(top / 1e9).toFixed(1)} GMAC/s`);
  for (const [name, layer] of Object.entries(LAYERS)) {
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    const cells = Object.entries(place(file, layer)).map(([what, [macs, call]]) => {
      const { best, spread } = time(call);
      const share = ((100 * macs) / best / top).toFixed(0);
      return `${what} ${(macs / best / 1e9).toFixed(1)} ${share}% (+${(100 * spread).toFixed(0)}%)`;
    });
    console.log(`  ${name.padEnd(24)} ${cells.join('   ')}`);
  }
}
