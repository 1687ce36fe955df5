// Which settings the rows of bench:accuracy have: for each domain those that were best on the others.
import { countedTrials, DOMAINS, labelOf, MAX_TRIALS, methodOf, TUNED, TUNED_SAMPLING, twinOf } from './plan.mjs';
import { Results, rawPath } from './results.mjs';

/** Tasks of each domain on which settings are tried. Until all of them are done everywhere, the first two alone count. */
export const TUNING_TASKS = 4;
const FIRST_TASKS = 2;

const numbers = (count) => [...Array(count).keys()];

/** What was tried on a network. */
export class Tuning {
  #results;

  /** What holds for these results of a network and sampling: what was tried with them, or else 5-way with its network. */
  static of(results, folder, network, sampling) {
    const twin = twinOf(network);
    const own = new Tuning(results, sampling, countedTrials(network, sampling));
    if (!twin && sampling === TUNED_SAMPLING) return own;
    const itself = twin?.network ?? network;
    const usual = Results.read(rawPath(folder, itself, TUNED_SAMPLING));
    const fallback = new Tuning(usual, TUNED_SAMPLING, countedTrials(itself, TUNED_SAMPLING));
    const complete = own.trials > 1 && fallback.methods.every((method) => own.methods.includes(method));
    return complete ? own : fallback;
  }

  /** Results of one way of sampling; of the trials the first `most` count. */
  constructor(results, sampling, most) {
    this.#results = results;
    this.sampling = sampling;
    /** Tasks of each domain that count. */
    this.tasks = FIRST_TASKS;
    /**
     * Methods that are being tuned: whose first trial is complete, and second begun. A network may be without one, and a new
     * one has none for a while; the first trial alone says nothing, as the rows of a table that was never tuned are the same runs.
     */
    this.methods = TUNED.filter((method) => this.reached(method, 0) !== undefined && this.#begun(method));
    /** How many trials, complete for every method alike, settings are chosen from; 0 where nothing was tuned. */
    this.trials = Math.min(most, this.#complete(FIRST_TASKS));
    if (this.trials > 0 && this.#complete(TUNING_TASKS) >= this.trials) this.tasks = TUNING_TASKS;
    /** How many are complete on the tasks that count, those that don't count themselves included. */
    this.made = this.#complete(this.tasks);
  }

  #begun(method) {
    const first = numbers(FIRST_TASKS);
    return DOMAINS.some((domain) => first.some((task) => this.#results.get(domain, labelOf(method, 1), task)));
  }

  /** Trials that every method has done on so many tasks. */
  #complete(tasks) {
    if (this.methods.length === 0) return 0;
    const missing = (trial) => this.methods.some((method) => this.reached(method, trial, DOMAINS, tasks) === undefined);
    const first = numbers(MAX_TRIALS).find(missing);
    return first ?? MAX_TRIALS;
  }

  /** Mean accuracy of a trial over the tuning tasks of some domains; undefined if one is missing. */
  reached(method, trial, domains = DOMAINS, tasks = this.tasks) {
    let sum = 0;
    for (const domain of domains) {
      for (const task of numbers(tasks)) {
        const result = this.#results.get(domain, labelOf(method, trial), task);
        if (!result) return undefined;
        sum += result.accuracy;
      }
    }
    return sum / (domains.length * tasks);
  }

  /** The trial of a row's method that was best on the other domains; its first where nothing was tuned. */
  choose(row, domain) {
    const method = methodOf(row);
    if (!TUNED.includes(method)) return 0;
    const others = DOMAINS.filter((other) => other !== domain);
    let best = 0;
    for (let trial = 1; trial < this.trials; trial++) {
      if (this.reached(method, trial, others) > this.reached(method, best, others)) best = trial;
    }
    return best;
  }
}
