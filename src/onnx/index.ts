import { writeModel } from '../model/write.js';
import { type ImportOptions, importModel } from './import.js';

export { OnnxError } from './error.js';
export { type ImportOptions, importModel } from './import.js';

/**
 * Imports a convolutional network from an ONNX file as a `.ttm` model. Batch normalisation, activations and paddings
 * are folded; the classifier at the end is cut off, so that the model's output is the feature vector. A feature map of
 * more than one position stays one: its vector is in the order height, width, channels, not ONNX's channels, height,
 * width. What is not supported, or damaged, is refused with an OnnxError of one line that names the node and says why.
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): Uint8Array {
  // A Node Buffer's `slice` shares memory where Uint8Array's copies: the reader gets a plain view.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return writeModel(importModel(plain, options));
}
