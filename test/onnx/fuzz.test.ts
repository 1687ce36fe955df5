import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/model/read.js';
import { writeModel } from '../../src/model/write.js';
import { importOnnx, OnnxError } from '../../src/onnx/index.js';
import { filled, node, onnx, type TestGraph } from './builder.js';

const golden = (name: string) => new Uint8Array(readFileSync(new URL(`../golden/onnx/${name}.onnx`, import.meta.url)));

/** What an import of damaged bytes may do: one line of refusal, or a model that stands every check. */
function survives(bytes: Uint8Array): Uint8Array | undefined {
  let model: Uint8Array;
  try {
    model = importOnnx(bytes);
  } catch (error) {
    // Another error than the import's own is a defect of the import.
    if (!(error instanceof OnnxError)) throw error;
    if (error.message === '' || error.message.length > 1000 || /[\n\r]/.test(error.message)) throw error;
    return undefined;
  }
  expect(Buffer.compare(writeModel(readModel(model)), model)).toBe(0);
  return model;
}

/** Seeded 32-bit numbers. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}

/** A copy with a few bytes changed: bits, whole bytes, values at the edge, bytes taken out or put in. */
function mutated(bytes: Uint8Array, next: () => number): Uint8Array {
  let copy = bytes.slice();
  for (let changes = 1 + (next() % 4); changes > 0; changes--) {
    const at = next() % copy.length;
    const kind = next() % 5;
    if (kind === 0) copy[at] = copy[at]! ^ (1 << (next() % 8));
    else if (kind === 1) copy[at] = next();
    else if (kind === 2) copy[at] = [0, 1, 0x7f, 0x80, 0xff][next() % 5]!;
    else if (kind === 3) copy = Uint8Array.of(...copy.subarray(0, at), ...copy.subarray(at + 1 + (next() % 4)));
    else copy = Uint8Array.of(...copy.subarray(0, at), next(), ...copy.subarray(at));
  }
  return copy;
}

const FILES = ['matmul-legacy', 'view-unfolded', 'pads', 'old', 'weights-f2', 'normalise-dynamo'];

describe('damaged ONNX files', () => {
  it.each(FILES)('%s cut off at any byte is refused, or is whole without what is missing', (name) => {
    const bytes = golden(name);
    const whole = importOnnx(bytes);
    for (let length = 0; length < bytes.length; length++) {
      const model = survives(bytes.subarray(0, length));
      if (model) expect(Buffer.compare(model, whole)).toBe(0);
    }
  });

  it.each(FILES)('%s with bytes changed is refused, or gives a sound model', (name) => {
    const bytes = golden(name);
    const next = random(1);
    const start = performance.now();
    for (let run = 0; run < 2000; run++) survives(mutated(bytes, next));
    expect(performance.now() - start).toBeLessThan(60_000);
  });

  it('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        survives(bytes);
        survives(Uint8Array.of(0x08, 0x07, 0x3a, ...bytes));
      }),
      { seed: 3, numRuns: 2000 },
    );
  });
});

describe('incomplete graphs', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'y'];
  const graph: TestGraph = {
    nodes: [
      node('Conv', 'image w', 'a', { pads: [1, 1, 1, 1] }),
      node('BatchNormalization', 'a g g g g', 'b'),
      node('Relu', 'b', 'c'),
      node('Add', 'c a', 'd'),
      node('Flatten', 'd', 'e'),
      node('Gemm', 'e dense', 'y'),
    ],
    tensors: { w: filled([4, 3, 3, 3]), g: filled([4]), dense: filled([256, 2]) },
  };

  it('are refused, or give a sound model, whichever nodes, tensors and attributes are missing or exchanged', () => {
    const subset = <T>(items: T[]) => fc.subarray(items);
    const changed = fc.record({
      nodes: subset(graph.nodes),
      tensors: subset(Object.entries(graph.tensors!)),
      outputs: subset([...names, 'image']),
      features: fc.constantFrom(undefined, ...names),
      moved: fc.tuple(fc.nat(), fc.nat(), fc.constantFrom(...names, 'image', 'w', 'g', 'dense', '-', '')),
      op: fc.tuple(
        fc.nat(),
        fc.constantFrom('Conv', 'MatMul', 'Pad', 'MaxPool', 'Clip', 'Reshape', 'Shape', 'ReduceMean'),
      ),
    });
    fc.assert(
      fc.property(changed, ({ nodes, tensors, outputs, moved: [which, input, to], op }) => {
        const copies = nodes.map((one) => ({ ...one, inputs: [...one.inputs] }));
        if (copies.length > 0) {
          const one = copies[which % copies.length]!;
          one.inputs[input % one.inputs.length] = to;
          if (op[0] % 3 === 0) copies[op[0] % copies.length]!.op = op[1];
        }
        survives(onnx({ ...graph, nodes: copies, tensors: Object.fromEntries(tensors), outputs }));
      }),
      { seed: 5, numRuns: 3000 },
    );
  });

  it('a small file cannot ask for much memory', () => {
    // Each Concat doubles a list: 40 of them would be a thousand billion entries.
    const doubling = Array.from({ length: 40 }, (_, i) => node('Concat', `v${i} v${i}`, `v${i + 1}`, { axis: 0 }));
    const tensors = { v0: filled([1000]), ...graph.tensors };
    expect(() => importOnnx(onnx({ nodes: [...doubling, node('Add', 'image v40', 'y')], tensors }))).toThrow(
      'concat.v7 (Concat): makes a list of 128000 constants; supported are 65536',
    );
    const products = Array.from({ length: 5000 }, (_, i) => node('Mul', `v${i} v0`, `v${i + 1}`));
    const large = { v0: filled([65536], 1) };
    expect(() => importOnnx(onnx({ nodes: [...products, node('Add', 'image v5000', 'y')], tensors: large }))).toThrow(
      /^mul\.v\d+ \(Mul\): the network has more than 2\^28 weights and constants$/,
    );
  });
});
