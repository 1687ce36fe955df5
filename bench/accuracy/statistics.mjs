// Means and intervals over the raw results of one network and sampling, in the settings chosen for each domain.
import { DOMAINS, labelOf, twinOf } from './plan.mjs';
import { Results, rawPath } from './results.mjs';
import { Tuning } from './tuning.mjs';

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Student's t at 97.5%, for 1 to 10 degrees of freedom; beyond them an expansion right to three digits. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
export function student(df) {
  const n = Math.floor(df);
  if (n <= T.length) return T[Math.max(0, n - 1)];
  const z = 1.959964;
  return z + (z ** 3 + z) / (4 * n) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * n * n);
}

/** Mean over tasks, its variance (null for a single task), and half of its 95% interval. */
function estimate(values) {
  const m = mean(values);
  const n = values.length;
  if (n < 2) return { mean: m, variance: null, ci95: null, tasks: n };
  const variance = values.reduce((sum, x) => sum + (x - m) ** 2, 0) / (n - 1) / n;
  return { mean: m, variance, ci95: student(n - 1) * Math.sqrt(variance), tasks: n };
}

/** The mean over domains, each counting the same; undefined if one has nothing. */
function overDomains(estimates) {
  if (estimates.some((e) => e === undefined)) return undefined;
  const tasks = estimates.reduce((sum, e) => sum + e.tasks, 0);
  const middle = mean(estimates.map((e) => e.mean));
  if (estimates.some((e) => e.variance === null)) return { mean: middle, ci95: null, tasks };
  // Degrees of freedom after Welch and Satterthwaite: a domain with few tasks says little of its own variance.
  const sum = estimates.reduce((total, e) => total + e.variance, 0);
  const df = sum ** 2 / estimates.reduce((total, e) => total + e.variance ** 2 / (e.tasks - 1), 0);
  const ci95 = sum > 0 ? (student(df) * Math.sqrt(sum)) / estimates.length : 0;
  return { mean: middle, ci95, tasks };
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
    this.twin = twinOf(network);
    this.tuning = Tuning.of(results, folder, network, sampling);
    this.results = results;
    this.tasks = results.tasks;
  }

  /** Results of a row on a domain, by number of the task; only tasks that `other` has too, if it is given. */
  of(row, domain, other) {
    const key = `${row} ${domain}`;
    let found = this.#chosen.get(key);
    if (!found) {
      const label = labelOf(row, this.tuning.choose(row, domain));
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

  /**
   * Difference of a row to another, of this network or its twin, on the same tasks (and that `among` has too), for each
   * domain and the mean.
   */
  difference(row, base, other = this, among = undefined) {
    return perDomain((domain) => {
      const others = other.of(base, domain);
      const values = [...this.of(row, domain, among)].flatMap(([task, { accuracy }]) => {
        return others.has(task) ? [accuracy - others.get(task).accuracy] : [];
      });
      return values.length ? estimate(values) : undefined;
    });
  }

  /** Difference of a row to another over the tasks, of all domains alike, that have from `least` to `most` classes. */
  byClasses(row, base, least, most) {
    const values = DOMAINS.flatMap((domain) => {
      const others = this.of(base, domain);
      const tasks = [...this.of(row, domain, base)].filter(([, { ways }]) => ways >= least && ways <= most);
      return tasks.map(([task, { accuracy }]) => accuracy - others.get(task).accuracy);
    });
    return values.length ? estimate(values) : undefined;
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
