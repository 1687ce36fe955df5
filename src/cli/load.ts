import type { AnySession, Engine, ModelOptions, Session } from '../node/engine.js';
import type { BinaryChoice } from '../types.js';
import type { Context, ImportOnnx } from './context.js';

/** The one place where the command line gets the engine from, so that `--help` and usage errors don't wait for it. */
export const engineUrl = new URL('../node/index.js', import.meta.url).href;

export async function loadEngine(): Promise<Engine> {
  return (await import('../node/index.js')).TinyTrain;
}

export async function loadImporter(): Promise<ImportOnnx> {
  return (await import('../onnx/index.js')).importOnnx;
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

/** Loads what `--model` names; an error says which model it is about. */
export async function aboutModel<T>(model: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { message } = error as Error;
    throw message.includes(model) ? error : new Error(`${model}: ${message}`, { cause: error });
  }
}

/** Loads the model that `--model` names: an embedded one, or a .ttm or .onnx file. */
export async function loadModel(context: Context, args: ModelArgs): Promise<Session> {
  const engine = await context.engine();
  return aboutModel(args.model, () => engine.load(args.model, modelOptions(args)));
}

/** The same in `workers` threads that share the samples of an iteration. */
export async function loadInThreads(context: Context, args: ModelArgs, workers: number): Promise<AnySession> {
  if (workers === 1) return loadModel(context, args);
  const { TinyTrain } = await import('../node/worker.js');
  return aboutModel(args.model, () => TinyTrain.load(args.model, { ...modelOptions(args), workers }));
}
