import { compileBinary } from '../../src/binary.js';
import { Engine } from '../../src/engine.js';
import { JOB } from '../../src/job.js';
import { layersOf, type Model } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import type { Binary, LayerChoice, Sample } from '../../src/types.js';
import '../relaxed.js';

/** The binaries that give the same on every machine. */
export const BINARIES = ['scalar', 'simd'] as const;
/** Those and the relaxed one, which gives the same on one machine. */
export const ALL = [...BINARIES, 'relaxed'] as const;

const OPTIMIZER = { sgd: 0, momentum: 1, adam: 2, lomo: 3 } as const;

export interface Job {
  /** Layers by index; a layer that is not named is frozen. */
  selection?: Record<number, LayerChoice>;
  iterations?: number;
  optimizer?: keyof typeof OPTIMIZER;
  lr?: number;
  augment?: number;
  variants?: number;
  seed?: number;
  draws?: number;
  memoryBudget?: number;
  computeBudget?: number;
}

/** One engine with a model and a task, run job by job, with its memory in view. */
export class Rig {
  readonly file: Uint8Array;
  readonly labels: number[];
  readonly ways: number;
  loss: number[] = [];

  private constructor(
    readonly engine: Engine,
    readonly model: Model,
    readonly support: readonly Sample[],
    readonly outside: boolean,
  ) {
    this.file = writeModel(model);
    const classes = [...new Set(support.map((sample) => sample.label))];
    this.labels = support.map((sample) => classes.indexOf(sample.label));
    this.ways = classes.length;
    this.reset();
  }

  /** With `outside`, the weights stay with the host. */
  static async create(binary: Binary, model: Model, support: readonly Sample[], outside = false): Promise<Rig> {
    return new Rig(await Engine.create(await compileBinary(binary)), model, support, outside);
  }

  /** The original weights, and the task. */
  reset(): void {
    this.engine.open(this.file, this.outside);
    this.engine.task(this.labels, this.ways);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.engine.memory.buffer);
  }

  /** Sets options and selection. */
  set(job: Job): void {
    const { control } = this.engine;
    control.set('iterations', job.iterations ?? 3);
    control.set('optimizer', OPTIMIZER[job.optimizer ?? 'momentum']);
    control.set('lr', job.lr ?? 0.01);
    control.set('draws', job.draws ?? 0);
    control.set('temperature', 10);
    control.set('augment', job.augment ?? 0);
    control.set('variants', job.variants ?? 0);
    control.set('seed', job.seed ?? 0);
    control.set('criterion', 0);
    control.set('memoryBudget', job.memoryBudget ?? 0xffffffff);
    control.set('computeBudget', job.computeBudget ?? Number.MAX_VALUE);
    for (const [layer, operator] of layersOf(this.model).entries()) {
      const choice = job.selection?.[layer] ?? 'none';
      const every = Array.from({ length: operator.out[2] }, (_, channel) => channel);
      this.engine.setSelection(layer, choice === 'all' ? every : choice === 'none' ? 'none' : choice);
    }
  }

  /** Runs a job to its end. */
  run(job: keyof typeof JOB): void {
    this.engine.begin(JOB[job]);
    this.finish();
  }

  /** Runs the job that has begun to its end. */
  finish(): void {
    this.loss = [];
    this.engine.pump({
      sample: (index) => this.support[index]!.image as Float32Array,
      iteration: (loss) => this.loss.push(loss),
    });
  }

  /** The steps of the job that has begun (assembly/engine/program.ts). */
  steps(): { code: number; op: number; a: number; b: number; c: number; d: number }[] {
    const { control, memory } = this.engine;
    const view = new DataView(memory.buffer);
    const steps = [];
    let at = control.get('freePointer');
    for (; at < control.get('planLow') && view.getUint8(at) > 0; at += 20) {
      const [a, b, c, d] = [4, 8, 12, 16].map((offset) => view.getUint32(at + offset, true)) as [
        number,
        number,
        number,
        number,
      ];
      steps.push({ code: view.getUint8(at), op: view.getUint16(at + 2, true), a, b, c, d });
    }
    return steps;
  }

  patch(): Uint8Array {
    return this.engine.patch(Array.from({ length: this.ways }, (_, k) => `class ${k}`));
  }
}

/** All channels of the layers of a model from the given one on. */
export function everyLayer(model: Model, from = 0): Record<number, LayerChoice> {
  return Object.fromEntries(layersOf(model).flatMap((_, layer) => (layer < from ? [] : [[layer, 'all']])));
}
