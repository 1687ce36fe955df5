import { performance } from 'node:perf_hooks';
import { type EpisodeOptions, sampleEpisode } from '../episodes.js';
import type { AdaptOptions, AdaptReport } from '../types.js';
import { type DataSet, openData, readSamples } from './data.js';
import type { Engine, ModelOptions, Session } from './engine.js';
import { addViews } from './more-views.js';

/** A method with its own settings, as `tinytrain:lr=0.003` names one. */
export interface MethodSpec {
  label: string;
  options: Omit<AdaptOptions, 'signal' | 'onProgress'>;
  /** Classifies all queries of a task together. */
  together?: boolean;
}

/** Everything a worker needs; only plain data, because it crosses threads. */
export interface EvaluateConfig {
  /** URL of the module that exports `TinyTrain`. */
  engineUrl: string;
  model: string;
  modelOptions: ModelOptions;
  /** Path and shown name of each data set. */
  data: { path: string; name: string }[];
  episode: EpisodeOptions;
  methods: MethodSpec[];
}

/** Some methods on one task. */
export interface Job {
  data: number;
  task: number;
  methods: number[];
}

/** What one method reached on one task. */
export interface TaskResult {
  /** Name and checksum of the model. */
  model: string;
  checksum: string;
  data: string;
  method: string;
  task: number;
  ways: number;
  support: number;
  queries: number;
  /** Percent of the queries. */
  accuracy: number;
  backwardBytes: number;
  peakBytes: number;
  backwardMacs: number;
  /** Wall-clock time of the adaptation: Fisher pass, selection and training. */
  seconds: number;
  /** Number of channels trained in each chosen layer, of a method that chooses by the task. */
  layers?: Record<string, number>;
}

/** An adaptation with one view of a picture. */
interface Adapted {
  patch: Uint8Array;
  report: AdaptReport;
  seconds: number;
}

/** The layers that a report says are trained, with the number of their channels; none for a method without a choice. */
function chosenLayers({ criterion, layers }: AdaptReport): Record<string, number> | undefined {
  if (criterion === 'none') return undefined;
  const chosen = layers.filter((layer) => layer.selected.length > 0);
  return Object.fromEntries(chosen.map((layer) => [layer.name, layer.selected.length]));
}

/** Loads the model once and returns what runs jobs one after the other. */
export async function createRunner(config: EvaluateConfig): Promise<(job: Job) => Promise<TaskResult[]>> {
  const { TinyTrain } = (await import(config.engineUrl)) as { TinyTrain: Engine };
  const session: Session = await TinyTrain.load(config.model, config.modelOptions);
  const sets = new Map<number, DataSet>();
  const { input } = session.model;

  return async (job) => {
    const source = config.data[job.data]!;
    const data = sets.get(job.data) ?? (await openData(source.path));
    sets.set(job.data, data);
    const sizes = data.classes.map((c) => c.files.length);
    const episode = sampleEpisode(sizes, config.episode, job.task);
    const samples = await readSamples(data, [...episode.support, ...episode.query], input);
    const support = samples.slice(0, episode.support.length);
    const query = samples.slice(episode.support.length);

    const results: TaskResult[] = [];
    // Methods that differ only in how they classify train once.
    const trained = new Map<string, Adapted>();
    for (const m of job.methods) {
      const { label, options, together } = config.methods[m]!;
      const { views = 1, ...training } = options;
      const key = JSON.stringify(training);
      let adapted = trained.get(key);
      if (adapted) session.apply(adapted.patch);
      else {
        session.reset();
        const start = performance.now();
        // Each task has its own augmentation and random choices, all from the one seed.
        const report = await session.adapt(support, { ...training, seed: (config.episode.seed + job.task) >>> 0 });
        adapted = { patch: session.patch(), report, seconds: (performance.now() - start) / 1000 };
        trained.set(key, adapted);
      }
      const { report } = adapted;
      const begun = performance.now();
      if (views > 1) await addViews(session, support, views);
      const seconds = adapted.seconds + (performance.now() - begun) / 1000;
      const images = query.map(({ image }) => image);
      const found = together ? await session.classifyTogether(images) : images.map((image) => session.classify(image));
      const right = query.filter((sample, i) => found[i]!.label === sample.label).length;
      const layers = chosenLayers(report);
      results.push({
        model: session.model.name,
        checksum: session.model.checksum,
        data: source.name,
        method: label,
        task: job.task,
        ways: episode.classes.length,
        support: support.length,
        queries: query.length,
        accuracy: (100 * right) / query.length,
        backwardBytes: report.memory.backwardBytes,
        peakBytes: report.memory.peakBytes,
        backwardMacs: report.macs.backward,
        seconds: Math.round(seconds * 1000) / 1000,
        ...(layers && { layers }),
      });
    }
    return results;
  };
}
