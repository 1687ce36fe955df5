import type { Engine, ModelOptions, Session } from '../node/engine.js';
import type { BinaryChoice } from '../types.js';
import type { Context, ImportOnnx } from './context.js';

/** The one place where the command line gets the engine from, so that `--help` and usage errors don't wait for it. */
export const engineUrl = new URL('../node/index.js', import.meta.url).href;

export async function loadEngine(): Promise<Engine> {
  const module = (await import(engineUrl)) as { TinyTrain: Engine };
  return module.TinyTrain;
}

export async function loadImporter(): Promise<ImportOnnx> {
  const url = new URL('../onnx/index.js', import.meta.url).href;
  return ((await import(url)) as { importOnnx: ImportOnnx }).importOnnx;
}

/** Options of every command that takes a model. */
export interface ModelArgs {
  model: string;
  binary: BinaryChoice;
  mean?: number[];
  std?: number[];
  features?: string;
}

export const modelOptions = ({ binary, mean, std, features }: ModelArgs): ModelOptions => ({
  binary,
  mean,
  std,
  features,
});

/** Loads the model that `--model` names: an embedded one, or a .ttm or .onnx file. */
export async function loadModel(context: Context, args: ModelArgs): Promise<Session> {
  const engine = await context.engine();
  return engine.load(args.model, modelOptions(args));
}
