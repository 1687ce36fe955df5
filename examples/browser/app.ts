import type { Sample } from 'tinytrain/worker';
import { settled, words } from './dom.js';
import { type ModelOptions, Networks } from './networks.js';
import { pictureOf } from './pictures.js';
import { type Adapted, type Klass, type Picture, State } from './state.js';

/** Where an error is shown: each panel has a line of its own. */
export type Place = 'model' | 'classes' | 'budget' | 'train' | 'try';

/** A model as it is kept: the file, and what an ONNX file doesn't say. */
export interface ModelFile {
  name: string;
  bytes: Uint8Array;
  options: ModelOptions;
  /** Whether the person gave it; else it came with the page. */
  own: boolean;
}

/** What a person can do: every panel calls these, and listens to `state`. */
export class App {
  readonly state = new State();
  readonly networks: Networks;
  model!: ModelFile;
  /** The model that the page begins with, and the same in int8, which comes later. */
  standard!: ModelFile;
  int8!: Promise<ModelFile>;
  /** Counts the changes of classes and pictures. */
  version = 0;
  #abort: AbortController | undefined;
  readonly #places = new Map<Place, HTMLElement>();
  readonly #later = settled(120, () => void this.#plan());
  readonly #soon = settled(30, () => void this.#plan());
  readonly #afterClasses = settled(60, () => void this.#prototypes());

  constructor(thread: string) {
    this.networks = new Networks(thread);
    this.state.on(['classes', 'model'], () => {
      this.#afterClasses();
      this.#later();
    });
    this.state.on('budgets', this.#soon);
  }

  /** Names the line of the page where errors of a panel are shown. */
  errorsOf(place: Place, element: HTMLElement): void {
    this.#places.set(place, element);
  }

  /** Shows what went wrong; an empty text takes it away. */
  error(place: Place, error: unknown): void {
    const element = this.#places.get(place);
    const text = error === '' ? '' : words(error);
    if (!element) return;
    element.textContent = text;
    element.hidden = text === '';
  }

  /** Runs what may fail; the error ends in the line of its panel. */
  async try<T>(place: Place, run: () => T | Promise<T>): Promise<T | undefined> {
    this.error(place, '');
    try {
      return await run();
    } catch (error) {
      this.error(place, error);
      return undefined;
    }
  }

  /** Every picture with its label, class after class: the support set. */
  support(): Sample[] {
    return this.state.filled().flatMap(({ name, pictures }) => pictures.map(({ image }) => ({ image, label: name })));
  }

  /** Replaces the model; pictures are read again in its size, a patch of another model is let go. */
  async useModel(model: ModelFile): Promise<void> {
    const { state } = this;
    this.abort();
    await this.networks.load(model.bytes, model.options);
    this.model = model;
    const { input } = this.networks.info.model;
    const all = [...state.classes.flatMap((k) => k.pictures), ...state.heldOut.map((held) => held.picture)];
    for (const picture of all) picture.image = (await pictureOf(picture.blob, input)).image;
    state.adapted = undefined;
    state.before = false;
    state.plan = undefined;
    state.changed('before');
    state.changed('adapted');
    state.changed('plan');
    state.changed('model');
  }

  /** Reads files into a class. One that is no picture is named, the others are taken. */
  async addPictures(klass: Klass, files: readonly (File | Blob)[]): Promise<void> {
    const problems: string[] = [];
    for (const file of files) {
      try {
        klass.pictures.push(await this.picture(file));
      } catch (error) {
        problems.push(words(error));
      }
    }
    this.classesChanged();
    if (problems.length === 1) throw new Error(problems[0]);
    if (problems.length > 1) throw new Error(`${problems.length} files were left out: ${problems.join('; ')}`);
  }

  /** A file in the size of the model. */
  picture(file: File | Blob): Promise<Picture> {
    return pictureOf(file, this.networks.info.model.input, file instanceof File ? file.name : undefined);
  }

  /** To be called after every change of classes or their pictures. */
  classesChanged(): void {
    const { state } = this;
    this.version++;
    if (state.adapted) {
      state.adapted.stale = true;
      state.changed('adapted');
    }
    state.changed('classes');
  }

  /** Trains; false where the person aborted it. */
  async adapt(): Promise<boolean> {
    const { state, networks } = this;
    const abort = new AbortController();
    this.#abort = abort;
    const training: State['training'] = { begun: performance.now(), curve: [] };
    state.training = training;
    state.changed('training');
    const { version } = this;
    try {
      const { report, patch } = await networks.adapt(
        this.support(),
        state.budgets,
        (progress) => {
          training.progress = progress;
          const { iteration, loss } = progress;
          if (iteration && loss !== undefined) training.curve.push([iteration, loss]);
          state.changed('training');
        },
        abort.signal,
      );
      state.adapted = { patch, report, stale: version !== this.version };
      return true;
    } catch (error) {
      if (abort.signal.aborted) return false;
      throw error;
    } finally {
      state.training = undefined;
      this.#abort = undefined;
      state.changed('training');
      state.changed('adapted');
      if (version !== this.version) this.#later();
    }
  }

  abort(): void {
    this.#abort?.abort();
  }

  /** Takes a patch that was saved; one of another model is refused in words. */
  async usePatch(patch: Uint8Array, known: Pick<Adapted, 'report' | 'stale'> = { stale: false }): Promise<void> {
    await this.networks.apply(patch);
    this.state.adapted = { patch, ...known };
    this.state.changed('adapted');
  }

  /** The network is the file's again. */
  async reset(): Promise<void> {
    await this.networks.reset();
    this.state.adapted = undefined;
    this.state.changed('adapted');
  }

  async #prototypes(): Promise<void> {
    const { state } = this;
    try {
      const support = state.filled().length >= 2 ? this.support() : [];
      state.before = await this.networks.prototypes(support);
    } catch (error) {
      state.before = false;
      this.error('classes', error);
    }
    state.changed('before');
  }

  async #plan(): Promise<void> {
    const { state, networks } = this;
    if (state.training) return;
    if (state.filled().length < 2) {
      state.plan = undefined;
      this.error('budget', '');
      state.changed('plan');
      return;
    }
    try {
      const chosen = await networks.select(this.support(), state.budgets);
      if (!chosen) return;
      state.plan = chosen.plan;
      state.information = chosen.information;
      this.error('budget', '');
    } catch (error) {
      state.plan = undefined;
      this.error('budget', error);
    }
    state.changed('plan');
  }
}
