// Runs tasks of bench:accuracy: one network, one way of sampling; what is in the raw results is not run again.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addAdapters } from '../../dist/adapters.js';
import { parseMethods } from '../../dist/cli/methods.js';
import { chooseSelection } from '../../dist/cli/selection.js';
import { criterionOf, DEFAULTS, TRAINING } from '../../dist/defaults.js';
import { layersOf } from '../../dist/model/model.js';
import { readModel } from '../../dist/model/read.js';
import { writeModel } from '../../dist/model/write.js';
import { openData, readSamples } from '../../dist/node/data.js';
import { runJobs } from '../../dist/node/evaluate.js';
import { TinyTrain } from '../../dist/node/index.js';
import { openRaw, Settings } from '../../dist/node/raw.js';
import { importOnnx } from '../../dist/onnx/index.js';
import { isAdapter, selectionOf } from '../../dist/selection.js';
import { DOMAINS, hasAdapters, labelOf, MAX_TRIALS, NETWORKS, ROWS, rowsOfTask, SAMPLINGS, TUNED } from './plan.mjs';
import { Results, rawPath } from './results.mjs';
import { TUNING_TASKS, Tuning } from './tuning.mjs';

const PACKAGE = new URL('../../', import.meta.url);

/** Classes and samples of each class, of the source domain, by which the static selection is found. */
const STATIC = { data: 'tiny-imagenet/tiny-imagenet-0.zip/train', classes: 20, samples: 5 };

/** What tinytrain chooses for samples of the source domain: used for every task, it is a static selection. */
async function staticSelection(tt, root) {
  const data = await openData(join(root, 'data', STATIC.data));
  const which = data.classes.slice(0, STATIC.classes).flatMap((_, c) => {
    return Array.from({ length: STATIC.samples }, (_, image) => ({ class: c, image }));
  });
  return selectionOf(await tt.select(await readSamples(data, which, tt.model.input)));
}

/** A method of `parseMethods` with every setting that its results depend on, or nothing where the network has no selection. */
async function complete({ label, options, selectionFile, together }, tt, statically) {
  const { memory, compute, temperature, augment, variants, iterations } = DEFAULTS;
  const { optimizer } = TRAINING[options.method];
  const criterion = criterionOf(options.method);
  const common = { memory, compute, criterion, temperature, augment, variants, iterations, optimizer };
  let selection;
  if (selectionFile === 'static') selection = statically;
  else if (options.method === 'sparseupdate') {
    if (!existsSync(new URL(`selections/${tt.model.name}.json`, PACKAGE))) return undefined;
    selection = await chooseSelection('sparseupdate', undefined, tt, PACKAGE);
  }
  return { label, options: { ...common, ...options, ...(selection && { selection }) }, together };
}

/** An embedded network's name, or the path of a file. */
function modelOf(root, network) {
  if (network === 'default') return network;
  return NETWORKS.includes(network) ? join(root, 'models', `${network}.onnx`) : network;
}

/** The file of a network with adapters, written for this run; nothing for a network that can't have them. */
async function withAdapters(model, name) {
  const bytes = readFileSync(model === 'default' ? new URL('models/default.ttm', PACKAGE) : model);
  const plain = readModel(model.endsWith('.onnx') ? importOnnx(bytes, { name }) : new Uint8Array(bytes));
  if (layersOf(plain).some(isAdapter)) return model;
  let wide;
  try {
    wide = addAdapters(plain);
  } catch (error) {
    console.error(`${name} ${error.message}: no row tinytl`);
    return undefined;
  }
  const folder = new URL('build/bench/adapters/', PACKAGE);
  mkdirSync(folder, { recursive: true });
  const path = fileURLToPath(new URL(`${name}.ttm`, folder));
  writeFileSync(path, writeModel(wide));
  return path;
}

export class Bench {
  /** Opens a network with its raw results. `root` holds models/ and data/. */
  static async open({ root, results, network, sampling }) {
    const bench = new Bench();
    const model = modelOf(root, network);
    const name = basename(model).replace(/\.(ttm|onnx)$/, '');
    const tt = await TinyTrain.load(model);
    const labels = ROWS.flatMap((row) => Array.from({ length: MAX_TRIALS }, (_, trial) => labelOf(row, trial)));
    const parsed = parseMethods([...new Set(labels)].join(','));
    const statically = await staticSelection(tt, root);
    const methods = (await Promise.all(parsed.map((method) => complete(method, tt, statically)))).filter(Boolean);
    const data = DOMAINS.map((name) => ({ name, path: join(root, 'data', `${name}.zip`) }));
    const sizes = [];
    for (const { path } of data) sizes.push((await openData(path)).classes.map((c) => c.files.length));
    const config = {
      engineUrl: new URL('dist/node/index.js', PACKAGE).href,
      model,
      modelOptions: {},
      data,
      episode: SAMPLINGS[sampling],
      methods,
    };
    const raw = openRaw(rawPath(results, name, sampling), new Settings(config, tt.model.checksum, sizes));
    bench.wide = await withAdapters(model, name);
    Object.assign(bench, { network: name, sampling, config, raw, results: new Results(raw.done), folder: results });
    bench.indices = new Map(methods.map(({ label }, i) => [label, i]));
    return bench;
  }

  /** Methods that this network has. */
  #has(methods) {
    return methods.filter((method) => this.indices.has(labelOf(method, 0)));
  }

  /** Tries the first `trials` settings of the methods among some rows on the first tasks of every domain, `most` of them. */
  async tune(trials, most, workers, rows) {
    for (let task = 0; task < Math.min(TUNING_TASKS, most); task++) {
      const labels = this.#has(TUNED.filter((method) => rows.includes(method))).flatMap((method) => {
        return Array.from({ length: trials }, (_, trial) => labelOf(method, trial));
      });
      await this.#run(task, () => labels, workers);
    }
  }

  /** One task of every domain, with some rows of the table, in the settings chosen by the other domains. */
  async round(task, workers, only) {
    const tuning = Tuning.of(this.results, this.folder, this.network, this.sampling);
    const rows = rowsOfTask(task, this.network).filter((row) => only.includes(row));
    await this.#run(task, (domain) => rows.map((row) => labelOf(row, tuning.choose(row, domain))), workers);
  }

  async #run(task, labelsOf, workers) {
    const missing = (domain) => labelsOf(domain).filter((label) => !this.results.get(domain, label, task));
    const jobsWith = (adapters) =>
      DOMAINS.flatMap((domain, data) => {
        const labels = missing(domain).filter((label) => this.indices.has(label) && hasAdapters(label) === adapters);
        return labels.length ? [{ data, task, methods: labels.map((label) => this.indices.get(label)) }] : [];
      });
    await this.#runJobs(this.config, jobsWith(false), workers);
    if (this.wide) await this.#runJobs({ ...this.config, model: this.wide }, jobsWith(true), workers);
  }

  async #runJobs(config, jobs, workers) {
    if (!jobs.length) return;
    const { task } = jobs[0];
    await runJobs(config, jobs, workers, (results) => {
      for (const result of results) {
        this.raw.append(result);
        this.results.add(result);
      }
      const [{ data }] = results;
      const line = results.map((r) => `${r.method.replace(/:iterations=.*/, '')} ${r.accuracy.toFixed(0)}`).join(', ');
      console.error(`${this.network} ${this.sampling} task ${task} ${data}: ${line}`);
    });
  }
}
