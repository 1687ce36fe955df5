import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Geometry, Kernels } from './harness.js';
import { expectClose, GRADIENTS, type Layer, pixels, run, VALUES } from './layers.js';

type Name = 'x' | 'w' | 'b' | 'r' | 'out' | 'dx' | 'dw' | 'db' | 'fisher';

interface Case {
  layer: Layer;
  geometry: Geometry;
  arrays: Record<Name, [number, number]>;
}

const file = (name: string) => readFileSync(new URL(`../golden/${name}`, import.meta.url));
const data = new Float32Array(new Uint8Array(file('conv.bin')).buffer);
const cases: Case[] = JSON.parse(file('conv.json').toString()).cases;

/** The stored PyTorch cases of a layer (test/reference/conv_reference.py), each with a title. */
export function golden(layer: Layer): [string, Case][] {
  return cases
    .filter((c) => c.layer === layer)
    .map((c) => {
      const g = c.geometry;
      return [`${g.inH}x${g.inW}x${g.inC} to ${g.outH}x${g.outW}x${g.outC}, kernel ${g.kernelH}x${g.kernelW}`, c];
    });
}

/** A layer with its activation, back and forth, as a training step runs it, against what PyTorch gave. */
export function checkGolden(k: Kernels, { layer, geometry: g, arrays }: Case): void {
  const stored = (name: Name) => data.subarray(arrays[name][0], arrays[name][0] + arrays[name][1]);
  const values = { x: stored('x'), w: stored('w'), b: stored('b'), dy: stored('r') };
  const { out } = run(k, layer, g, values);
  expectClose(out, stored('out'), VALUES, 'out');

  const zeros = (length: number) => k.floats(new Float32Array(length));
  const delta = zeros(g.outC);
  k.call.fisher_accumulate!(delta, k.floats(out), k.floats(values.dy), pixels(g), g.outC, 1);
  expectClose(k.read(delta, g.outC), stored('fisher'), GRADIENTS, 'fisher');

  const dy = k.floats(values.dy);
  if (g.activation) k.call.relu_backward!(dy, k.floats(out), out.length, g.limit);
  const db = zeros(g.outC);
  k.call.bias_backward!(db, dy, pixels(g), g.outC, 0, g.outC);
  expectClose(k.read(db, g.outC), stored('db'), GRADIENTS, 'db');

  const gradients = run(k, layer, g, { ...values, dy: k.read(dy, out.length) });
  expectClose(gradients.dx, stored('dx'), GRADIENTS, 'dx');
  expectClose(gradients.dw, stored('dw'), GRADIENTS, 'dw');

  const channels = Array.from({ length: g.outC }, (_, o) => o).filter((o) => o % 3 !== 1);
  const size = gradients.dw.length / g.outC;
  const listed = run(k, layer, g, { ...values, dy: k.read(dy, out.length) }, { channels }).dw;
  const want = channels.flatMap((o) => Array.from(stored('dw').subarray(o * size, (o + 1) * size)));
  expectClose(listed, want, GRADIENTS, 'dw of listed channels');
  expect(listed.length).toBe(channels.length * size);
}
