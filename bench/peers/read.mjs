// Reads what network.mjs has written, for the peers that run in Node.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const floats = (path) => {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};

/** The description with its weights and pictures in it. */
export function readNetwork(folder) {
  const network = JSON.parse(readFileSync(join(folder, 'network.json'), 'utf8'));
  const all = floats(join(folder, 'weights.bin'));
  const pictures = floats(join(folder, 'pictures.bin'));
  const length = pictures.length / network.pictures;
  const slice = (place) => place && all.slice(place[0], place[0] + place[1]);
  return {
    ...network,
    operators: network.operators.map((o) => ({ ...o, weights: slice(o.weights), bias: slice(o.bias) })),
    pictures: Array.from({ length: network.pictures }, (_, i) => pictures.slice(i * length, (i + 1) * length)),
  };
}
