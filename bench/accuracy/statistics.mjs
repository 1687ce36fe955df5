// Means and intervals over the raw results of one network and sampling, in the settings chosen for each domain.
import { DOMAINS, labelOf, SAMPLINGS, TUNED } from './plan.mjs';
import { chooseTrial, Results, rawPath, reached, trialsDone } from './results.mjs';

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Mean and half of its 95% interval (null for a single value), over tasks. */
function estimate(values) {
  const m = mean(values);
  if (values.length < 2) return { mean: m, ci95: null, tasks: values.length };
  const variance = values.reduce((sum, x) => sum + (x - m) ** 2, 0) / (values.length - 1);
  return { mean: m, ci95: 1.96 * Math.sqrt(variance / values.length), tasks: values.length };
}

/** The mean over domains, each counting the same; undefined if one has nothing. */
function overDomains(estimates) {
  if (estimates.some((e) => e === undefined)) return undefined;
  const known = estimates.every((e) => e.ci95 !== null);
  return {
    mean: mean(estimates.map((e) => e.mean)),
    ci95: known ? Math.sqrt(estimates.reduce((sum, e) => sum + e.ci95 ** 2, 0)) / estimates.length : null,
    tasks: estimates.reduce((sum, e) => sum + e.tasks, 0),
  };
}

const perDomain = (of) => {
  const domains = Object.fromEntries(DOMAINS.map((domain) => [domain, of(domain)]));
  return { domains, mean: overDomains(Object.values(domains)) };
};

/** Results of one network and sampling, as the table shows them. */
export class Table {
  #chosen = new Map();

  constructor(folder, network, sampling) {
    Object.assign(this, { network, sampling });
    const results = Results.read(rawPath(folder, network, sampling));
    const tuned = Object.keys(SAMPLINGS)[0];
    this.tried = sampling === tuned ? results : Results.read(rawPath(folder, network, tuned));
    // A network without a static selection has no row sparseupdate.
    this.methods = TUNED.filter((method) => this.tried.get(DOMAINS[0], labelOf(method, 0), 0));
    this.trials = trialsDone(this.tried, this.methods);
    this.results = results;
    this.tasks = results.tasks;
  }

  trialOf(row, domain) {
    return chooseTrial(this.tried, row, domain, this.trials);
  }

  /** Results of a row on a domain, by number of the task; only tasks that `other` has too, if it is given. */
  of(row, domain, other) {
    const key = `${row} ${domain}`;
    let found = this.#chosen.get(key);
    if (!found) {
      const label = labelOf(row, this.trialOf(row, domain));
      found = new Map();
      for (let task = 0; task < this.tasks; task++) {
        const result = this.results.get(domain, label, task);
        if (result) found.set(task, result);
      }
      this.#chosen.set(key, found);
    }
    if (other === undefined) return found;
    const tasks = this.of(other, domain);
    return new Map([...found].filter(([task]) => tasks.has(task)));
  }

  /** What a trial of a method reached on the tuning tasks of all domains. */
  trial(method, trial) {
    return { mean: reached(this.tried, method, trial, DOMAINS) };
  }

  has(row) {
    return DOMAINS.every((domain) => this.of(row, domain).size > 0);
  }

  /** Accuracy of a row for each domain and the mean, over the tasks that `other` has too. */
  accuracy(row, other) {
    return perDomain((domain) => {
      const values = [...this.of(row, domain, other).values()].map((result) => result.accuracy);
      return values.length ? estimate(values) : undefined;
    });
  }

  /** Difference of a row to another on the same tasks, for each domain and the mean. */
  difference(row, base) {
    return perDomain((domain) => {
      const others = this.of(base, domain);
      const values = [...this.of(row, domain, base)].map(
        ([task, { accuracy }]) => accuracy - others.get(task).accuracy,
      );
      return values.length ? estimate(values) : undefined;
    });
  }

  /** The highest backward memory of all tasks, and the mean of backward MACs. */
  cost(row) {
    const results = DOMAINS.flatMap((domain) => [...this.of(row, domain).values()]);
    return {
      backwardBytes: Math.max(...results.map((result) => result.backwardBytes)),
      backwardMacs: mean(results.map((result) => result.backwardMacs)),
    };
  }
}
