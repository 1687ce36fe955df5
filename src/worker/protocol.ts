import { OptionError } from '../options.js';
import { TinyTrainError } from '../status.js';
import type { TinyTrain } from '../tinytrain.js';
import type { Progress } from '../types.js';

/** Methods of TinyTrain that the thread runs under the same name. */
export type Method = Exclude<keyof TinyTrain, 'model' | 'binary'>;

/** From the page to the thread. */
export type Request = { id: number; method: 'ping' | 'load' | Method; args: unknown[] } | { abort: number };

/** From the thread to the page: progress of a call, or how it ended. */
export type Reply =
  | { id: number; progress: Progress }
  | { id: number; value: unknown }
  | { id: number; error: WireError; aborted: boolean };

/** An error as it crosses the border: a class of one side is none on the other. */
export interface WireError {
  name: string;
  message: string;
}

/** An error for the way. */
export function toWire(error: unknown): WireError {
  return error instanceof Error ? { name: error.name, message: error.message } : { name: 'Error', message: `${error}` };
}

/** Classes of errors that are the same on both sides. */
const CLASSES: Record<string, new (message: string) => Error> = { TinyTrainError, OptionError, RangeError, TypeError };

/** The error that `toWire` was given. */
export function fromWire({ name, message }: WireError): Error {
  const Class = CLASSES[name];
  return Class ? new Class(message) : Object.assign(new Error(message), { name });
}

/** Buffers of a value's typed arrays that hold nothing else: they can be handed over instead of copied. */
export function wholeBuffers(values: Iterable<unknown>): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const value of values) {
    if (!ArrayBuffer.isView(value) || !(value.buffer instanceof ArrayBuffer)) continue;
    if (value.byteLength === value.buffer.byteLength) buffers.add(value.buffer);
  }
  return [...buffers];
}
