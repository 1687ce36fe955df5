import type { AdaptReport, Progress, RawImage, SelectReport } from 'tinytrain/worker';

/** A picture as the person gave it, and in the size of the model. */
export interface Picture {
  blob: Blob;
  image: RawImage;
}

/** A class that a person makes. */
export interface Klass {
  id: number;
  name: string;
  pictures: Picture[];
}

/** A picture that is not trained with and whose class is known. */
export interface HeldOut {
  label: string;
  picture: Picture;
}

/** What the two sliders say. */
export interface Budgets {
  /** Bytes. */
  memory: number;
  /** Share of the full backward pass. */
  compute: number;
}

/** An adaptation under way. */
export interface Training {
  begun: number;
  progress?: Progress;
  /** Iteration and loss, as far as they were reported. */
  curve: [iteration: number, loss: number][];
}

/** What the last adaptation, or a patch that was loaded, left. */
export interface Adapted {
  patch: Uint8Array;
  /** Missing for a patch that came as a file. */
  report?: AdaptReport;
  /** Whether classes or pictures were changed since. */
  stale: boolean;
}

export type Topic = 'model' | 'classes' | 'budgets' | 'plan' | 'training' | 'adapted' | 'before' | 'heldOut';

/** Everything the panels share; a panel changes it, says so, and the others look again. */
export class State {
  classes: Klass[] = [];
  heldOut: HeldOut[] = [];
  budgets: Budgets = { memory: 1 << 20, compute: 0.15 };
  /** What would be trained, Fisher information by layer and channel; undefined where nothing can be. */
  plan: SelectReport | undefined;
  information: Record<string, Float32Array> = {};
  training: Training | undefined;
  adapted: Adapted | undefined;
  /** Whether the network without training has prototypes of the classes. */
  before = false;
  readonly #listeners = new Map<Topic, (() => void)[]>();
  #nextId = 1;

  on(topics: Topic | Topic[], listener: () => void): void {
    for (const topic of [topics].flat()) {
      this.#listeners.set(topic, [...(this.#listeners.get(topic) ?? []), listener]);
    }
  }

  changed(topic: Topic): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener();
  }

  /** A new class; without a name it gets the next free number. */
  addClass(name?: string): Klass {
    let number = this.classes.length + 1;
    while (this.classes.some((k) => k.name === `Class ${number}`)) number++;
    const klass = { id: this.#nextId++, name: name ?? `Class ${number}`, pictures: [] };
    this.classes.push(klass);
    return klass;
  }

  /** The class of this name, made where there is none; an untouched first class takes the name. */
  classNamed(name: string): Klass {
    const found = this.classes.find((k) => k.name === name);
    if (found) return found;
    const blank = this.classes.find((k) => k.pictures.length === 0 && /^Class \d+$/.test(k.name));
    if (!blank) return this.addClass(name);
    blank.name = name;
    return blank;
  }

  /** Classes that have a picture: what can be trained with. */
  filled(): Klass[] {
    return this.classes.filter((k) => k.pictures.length > 0);
  }
}
