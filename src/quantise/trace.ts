import type { Engine } from '../engine.js';
import { JOB } from '../job.js';
import { type Model, sizeOf } from '../model/model.js';

/** Code of a forward step and bytes of a step (assembly/engine/program.ts); the address of its output is at 12. */
const FORWARD = 3;
const STEP_BYTES = 20;
const OUTPUT = 12;

/**
 * Runs a model, open in an engine, on one image, and shows every value as the engine has it: of floats or of int8. What
 * is shown is valid only while it is shown.
 */
export function traceValues(
  engine: Engine,
  model: Model,
  image: Float32Array,
  show: (value: number, numbers: Float32Array | Int8Array) => void,
): void {
  engine.begin(JOB.embed);
  const { buffer } = engine.memory;
  const view = new DataView(buffer);
  const outputs = new Map<number, number>();
  const end = engine.control.get('planLow');
  for (let at = engine.control.get('freePointer'); at < end; at += STEP_BYTES) {
    if (view.getUint8(at) === FORWARD) outputs.set(view.getUint16(at + 2, true), view.getUint32(at + OUTPUT, true));
  }
  show(0, image);
  engine.profile({ sample: () => image }, ({ code, operator }) => {
    if (code !== FORWARD) return;
    const { out, int8 } = model.operators[operator]!;
    const at = outputs.get(operator)!;
    show(operator + 1, int8 ? new Int8Array(buffer, at, sizeOf(out)) : new Float32Array(buffer, at, sizeOf(out)));
  });
}
