/**
 * All weights and biases of a model as one vector: the block of weights of its file (docs/formats.md), padding included,
 * so that a vector and a file are copies of each other. Gradients have the same places; padding has none, and stays zero.
 */
import { LAYER, LAYER_BYTES } from '../control.js';
import { crc32 } from '../crc32.js';
import type { Engine } from '../engine.js';
import { layersOf } from '../model/model.js';
import type { StoredModel, StoredOperator } from '../model/ttm.js';

/** The vector of a model's file. */
export function readVector(file: Uint8Array, model: StoredModel): Float32Array<ArrayBuffer> {
  return new Float32Array(file.slice(model.weightsOffset).buffer);
}

/** The model's file with other weights, and the checksum that goes with them. */
export function writeVector(file: Uint8Array, model: StoredModel, vector: Float32Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(file);
  out.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength), model.weightsOffset);
  new DataView(out.buffer).setUint32(12, crc32(out, 16), true);
  return out;
}

/** Puts other weights into an engine that has the model open, all of it in its memory. */
export function putVector(engine: Engine, model: StoredModel, vector: Float32Array): void {
  new Float32Array(engine.memory.buffer, engine.base + model.weightsOffset, vector.length).set(vector);
}

/** Ranges of the vector that hold weights, each once. */
export function weightRanges(model: StoredModel): (readonly [start: number, end: number])[] {
  const ranges = new Map<number, number>();
  for (const layer of layersOf(model) as StoredOperator[]) {
    const { weights } = placesOf(model, layer);
    ranges.set(weights, weights + layer.weights!.length);
  }
  return [...ranges];
}

/** First float of the weights and of the biases of a layer. */
function placesOf(model: StoredModel, layer: StoredOperator): { weights: number; bias: number } {
  const place = (offset: number) => (offset - model.weightsOffset) / 4;
  return { weights: place(layer.weightsOffset), bias: place(layer.biasOffset) };
}

/**
 * Takes the gradient of the first iteration out of an engine that trains every channel of every layer with momentum: the
 * velocity is then 0.9 times 0 plus the gradient, with all its bits (docs/abi.md).
 */
export function takeGradient(engine: Engine, model: StoredModel, out: Float32Array): void {
  const { buffer } = engine.memory;
  const layers = layersOf(model) as StoredOperator[];
  const table = new DataView(buffer, engine.control.get('layersPointer'));
  const field = (index: number, offset: number) => table.getInt32(index * LAYER_BYTES + offset, true);
  // The velocities of all layers lie behind the gradients of all of them.
  const behind = 4 * layers.reduce((sum, _, index) => sum + field(index, LAYER.floats), 0);
  out.fill(0);
  for (const [index, layer] of layers.entries()) {
    const floats = field(index, LAYER.floats);
    const velocity = new Float32Array(buffer, field(index, LAYER.gradient) + behind, floats);
    const channels = layer.out[2];
    const row = floats / channels - 1;
    const at = placesOf(model, layer);
    // Layers may share weights: their gradients add up.
    for (let k = 0; k < channels; k++) out[at.bias + k]! += velocity[k]!;
    const spread = layer.op === 'depthwise';
    for (let k = 0, i = channels; k < channels; k++) {
      for (let t = 0; t < row; t++, i++) out[at.weights + (spread ? t * channels + k : k * row + t)]! += velocity[i]!;
    }
  }
}
