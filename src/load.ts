import { provideBinary } from './binary.js';
import type { Loaded } from './choose.js';
import { Engine } from './engine.js';
import { describe } from './inspect.js';
import type { Crew } from './job.js';
import { parseModel, type StoredModel } from './model/ttm.js';
import { EMBEDDED_MODELS, readNamed } from './resources.js';
import type { LoadOptions } from './types.js';

/** Options for models that are not `.ttm`: what an ONNX file doesn't say. */
export interface ImportOptions {
  mean?: number[];
  std?: number[];
  features?: string;
}

/** Reads a model, imports it if it is an ONNX file, and gives it an engine of its own. */
export async function loadModel(
  model: string | URL | Uint8Array | ArrayBuffer,
  options: LoadOptions & ImportOptions & { crew?: Crew },
): Promise<{ loaded: Loaded; stored: StoredModel }> {
  const { binary, module } = await provideBinary(options);
  const name = typeof model === 'string' || model instanceof URL ? String(model) : '';
  const source = typeof model === 'string' || model instanceof URL ? await readNamed(model) : model;
  let bytes = new Uint8Array(source instanceof ArrayBuffer ? source.slice(0) : source);
  if (!(bytes[0] === 0x54 && bytes[1] === 0x54 && bytes[2] === 0x4d)) {
    const { importOnnx } = await import('./onnx/index.js');
    const base = name
      .split(/[\\/]/)
      .pop()
      ?.replace(/\.onnx$/i, '');
    const { mean, std, features } = options;
    bytes = new Uint8Array(importOnnx(bytes, { name: base || 'model', mean, std, features }));
  }
  // Embedded models were checked when they were made: a page that uses no other one need not load the checks.
  const stored = Object.hasOwn(EMBEDDED_MODELS, name)
    ? parseModel(bytes)
    : (await import('./model/read.js')).readModel(bytes);
  const engine = await Engine.create(module);
  return { loaded: { engine, binary, bytes, crew: options.crew, ...describe(stored) }, stored };
}
