/** The offline stage: episodic training of all weights of a model, on threads. */
import { sampleEpisode } from '../episodes.js';
import type { loadModel } from '../load.js';
import {
  beginTraining,
  meanGradient,
  type OptimizerOptions,
  type TrainingState,
  trainingStep,
} from '../meta/optimizer.js';
import { readVector, weightRanges, writeVector } from '../meta/parameters.js';
import { checksumText, type StoredModel } from '../model/ttm.js';
import { TinyTrainError } from '../status.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { type ClassSet, identityOf, readFiles, sizesOf } from './classes.js';
import { createEpisodes, type EpisodeConfig, type EpisodeJob, type EpisodeResult } from './metatrain-run.js';
import type { MetatrainOptions, MetatrainProgress, MetatrainResult, Validation } from './metatrain-types.js';
import { createPool, type Pool } from './pool.js';
import './index.js';

export { loadModel } from '../load.js';

/** What a checkpoint holds; between two steps of the program it is always whole. */
interface Run {
  settings: Record<string, unknown>;
  state: TrainingState;
  done: number;
  history: Validation[];
  before: number[];
  /** The best weights so far. */
  best?: { at: number; accuracies: number[]; weights: Float32Array };
  /** Validations since then. */
  since: number;
  /** Sum of losses since the last validation. */
  loss: { sum: number; count: number };
  seconds: number;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** A model as `loadModel` gives it. */
type LoadedModel = Awaited<ReturnType<typeof loadModel>>;

/** Trains a model. An aborted run leaves its checkpoint, and the same call goes on from there. */
export async function metatrain(model: LoadedModel, options: MetatrainOptions): Promise<MetatrainResult> {
  const { loaded, stored } = model;
  return new Metatraining(loaded.bytes, stored, loaded.binary, options).run();
}

class Metatraining {
  readonly #config: EpisodeConfig;
  readonly #optimizer: OptimizerOptions;
  readonly #gradient: Float32Array;
  readonly #gradients: Float32Array[];
  readonly #ranges: (readonly [number, number])[];
  #run: Run;
  #saved = performance.now();

  constructor(
    private readonly file: Uint8Array,
    private readonly stored: StoredModel,
    binary: EpisodeConfig['binary'],
    private readonly options: MetatrainOptions,
  ) {
    const { settings } = options;
    const start = readVector(file, stored);
    const shared = () => new SharedArrayBuffer(start.byteLength);
    const { temperature, augment, seed } = settings;
    const gradients = Array.from({ length: settings.batch }, shared);
    this.#config = { file, binary, temperature, augment, seed, weights: shared(), averaged: shared(), gradients };
    this.#gradient = new Float32Array(start.length);
    this.#gradients = gradients.map((buffer) => new Float32Array(buffer));
    this.#ranges = weightRanges(stored);
    const steps = Math.ceil(settings.episodes / settings.batch);
    this.#optimizer = { ...settings, steps, warmup: Math.floor(settings.warmup * steps) };
    const [weights, averaged] = [new Float32Array(this.#config.weights), new Float32Array(this.#config.averaged)];
    weights.set(start);
    averaged.set(start);
    this.#run = {
      settings: {
        model: stored.checksum.toString(16),
        binary,
        data: identityOf(options.training),
        validation: options.validation ? identityOf(options.validation) : 'none',
        ...settings,
      },
      state: beginTraining(weights, averaged, settings.optimizer),
      done: 0,
      history: [],
      before: [],
      since: 0,
      loss: { sum: 0, count: 0 },
      seconds: 0,
    };
  }

  async run(): Promise<MetatrainResult> {
    const { options } = this;
    if (!options.restart) await this.#resume();
    const pool = createPool<EpisodeJob, EpisodeResult>(
      new URL('./metatrain-worker.js', import.meta.url),
      this.#config,
      Math.min(options.workers, Math.max(options.settings.batch, options.validation ? options.settings.tasks : 1)),
      () => createEpisodes(this.#config),
    );
    try {
      const aborted = new Promise<never>((_, reject) => {
        const { signal } = options;
        if (signal?.aborted) reject(signal.reason);
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      await Promise.race([this.#train(pool), aborted]);
    } catch (error) {
      if (options.signal?.aborted) await this.#save();
      throw error;
    } finally {
      await pool.close();
    }
    const { state, best, done, history, before, seconds } = this.#run;
    const file = writeVector(this.file, this.stored, best?.weights ?? state.averaged);
    return {
      file,
      checksum: checksumText(new DataView(file.buffer).getUint32(12, true)),
      episodes: done,
      chosen: best?.at ?? done,
      stopped: done < options.settings.episodes ? 'patience' : 'end',
      before,
      after: best?.accuracies ?? [],
      history,
      seconds,
    };
  }

  async #train(pool: Pool<EpisodeJob, EpisodeResult>): Promise<void> {
    const { settings, validation, interval = 60 } = this.options;
    const total = settings.episodes;
    const first = this.#run.done;
    const begun = performance.now();
    const secondsBefore = this.#run.seconds;
    let next: Promise<EpisodeJob[]> | undefined;
    for (;;) {
      const run = this.#run;
      if (validation && this.#validationDue()) {
        const made = await this.#validate(pool, validation);
        this.#tell({ validation: made });
      }
      if (run.done >= total || (settings.patience > 0 && run.since >= settings.patience)) return;
      const jobs = await (next ?? this.#jobs(run.done));
      const answers = Promise.all(jobs.map((job) => pool.run(job)));
      // The images of the next step are read while the threads work.
      next = this.#jobs(run.done + jobs.length);
      // What goes wrong there is told when its turn comes.
      next.catch(() => {});
      const losses = (await answers).map((loss, slot) => loss / Math.log(jobs[slot]!.ways));
      this.#step(losses);
      run.seconds = secondsBefore + (performance.now() - begun) / 1000;
      const left = ((run.seconds - secondsBefore) / (run.done - first)) * (total - run.done);
      this.#tell({ loss: mean(losses), secondsLeft: left });
      if (performance.now() - this.#saved > interval * 1000) await this.#save();
    }
  }

  /** The episodes of the step after `done` episodes, with their images. */
  async #jobs(done: number): Promise<EpisodeJob[]> {
    const { settings, training } = this.options;
    const jobs: EpisodeJob[] = [];
    for (let slot = 0; slot < settings.batch && done + slot < settings.episodes; slot++) {
      jobs.push({ ...(await this.#job(training, done + slot)), slot });
    }
    return jobs;
  }

  async #job(set: ClassSet, number: number): Promise<EpisodeJob> {
    const { classes, support, query } = sampleEpisode(sizesOf(set), this.options.settings, number);
    const samples = [...support, ...query];
    const labels = samples.map((s) => classes.indexOf(s.class));
    return { number, ways: classes.length, labels, queries: query.length, images: await readFiles(set, samples) };
  }

  /** One step of the optimiser with the gradients of as many episodes as there are losses. */
  #step(losses: readonly number[]): void {
    const run = this.#run;
    const norm = meanGradient(this.#gradients.slice(0, losses.length), this.#optimizer.clip, this.#gradient);
    if (!Number.isFinite(norm)) {
      throw new TinyTrainError('training diverged: the gradient is no longer a number; lower the learning rate (--lr)');
    }
    trainingStep(run.state, this.#gradient, this.#optimizer, this.#ranges);
    run.done += losses.length;
    for (const loss of losses) run.loss.sum += loss;
    run.loss.count += losses.length;
  }

  #validationDue(): boolean {
    const { done, history } = this.#run;
    const { every, episodes } = this.options.settings;
    const last = history.at(-1)?.episode ?? -1;
    return Math.floor(done / every) > Math.floor(last / every) || (done >= episodes && last < done);
  }

  async #validate(pool: Pool<EpisodeJob, EpisodeResult>, set: ClassSet): Promise<Validation> {
    const { tasks } = this.options.settings;
    const accuracies: number[] = [];
    let task = 0;
    const lane = async () => {
      while (task < tasks) {
        const number = task++;
        accuracies[number] = 100 * (await pool.run(await this.#job(set, number)));
        this.#tell({ tested: accuracies.filter(Number.isFinite).length });
      }
    };
    // One task more than there are threads, so that reading its images makes none of them wait.
    await Promise.all(Array.from({ length: this.options.workers + 1 }, lane));
    const run = this.#run;
    const { sum, count } = run.loss;
    const made = { episode: run.done, loss: count ? sum / count : null, accuracy: mean(accuracies) };
    if (run.history.length === 0) run.before = accuracies;
    run.history.push(made);
    run.loss = { sum: 0, count: 0 };
    if (!run.best || made.accuracy > mean(run.best.accuracies)) {
      run.best = { at: run.done, accuracies, weights: run.state.averaged.slice() };
      run.since = 0;
    } else run.since++;
    return made;
  }

  #tell(what: Partial<MetatrainProgress>): void {
    const { best, history, done } = this.#run;
    const found = best && history.find((validation) => validation.episode === best.at);
    this.options.onProgress?.({ done, total: this.options.settings.episodes, best: found, ...what });
  }

  async #save(): Promise<void> {
    this.#saved = performance.now();
    const { state, ...rest } = this.#run;
    // Shared memory can't be written as it is.
    const { weights, averaged } = state;
    await writeCheckpoint(this.options.checkpoint, {
      ...rest,
      state: { ...state, weights: weights.slice(), averaged: averaged.slice() },
    });
  }

  async #resume(): Promise<void> {
    const { checkpoint } = this.options;
    const found = (await readCheckpoint(checkpoint)) as Run | undefined;
    if (!found) return;
    const mine = this.#run.settings;
    const other = Object.keys({ ...mine, ...found.settings }).find(
      (key) => JSON.stringify(mine[key]) !== JSON.stringify(found.settings[key]),
    );
    if (other !== undefined) {
      const values = `${other} ${found.settings[other]} there, ${mine[other]} here`;
      throw new Error(
        `${checkpoint}: the checkpoint of another run (${values}); give that run's options, another output, or --restart`,
      );
    }
    const { weights, averaged } = this.#run.state;
    weights.set(found.state.weights);
    averaged.set(found.state.averaged);
    this.#run = { ...found, state: { ...found.state, weights, averaged } };
    this.#tell({ resumed: true });
  }
}
