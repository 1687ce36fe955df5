// Draws docs/int8.md (between its markers) from the raw results of bench/int8-accuracy.mjs; runs nothing.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { student } from '../accuracy/statistics.mjs';
import { DOMAINS, LIMITS, METHODS, NETWORKS } from './plan.mjs';

const BEGIN = '<!-- drawn by node bench/int8-accuracy.mjs --draw; the text around it is not -->';
const END = '<!-- end of what is drawn -->';

const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;
const row = (cells) => `| ${cells.join(' | ')} |`;
const percent = (x) => (Number.isFinite(x) ? x.toFixed(1) : '');
const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(2);

/** Mean of paired differences with half of its 95% interval (Student's t). */
function difference(values) {
  if (values.length < 2) return '';
  const middle = mean(values);
  const variance = values.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (values.length - 1);
  const half = student(values.length - 1) * Math.sqrt(variance / values.length);
  return `${middle < 0 ? '' : '+'}${middle.toFixed(1)} ± ${half.toFixed(1)}`;
}

/** Results of one network. */
class Results {
  constructor(folder, network) {
    const path = join(folder, `${network}.jsonl`);
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
    this.found = lines.map((line) => JSON.parse(line));
  }

  /** Of one method, by domain and task; those that could not be trained are left out. */
  of(type, method) {
    const rows = this.found.filter((r) => r.type === type && r.method === method && r.accuracy !== null);
    return new Map(rows.map((r) => [`${r.data} ${r.task}`, r]));
  }

  /** Of one type and method on the tasks that another has done too. */
  common(one, other) {
    const tasks = this.of(...other);
    return [...this.of(...one)].flatMap(([key, result]) => (tasks.has(key) ? [result] : []));
  }

  /** Differences on the tasks that both have done. */
  paired(one, other) {
    const others = this.common(other, one);
    return this.common(one, other).map(({ data, task, accuracy }) => {
      return accuracy - others.find((r) => r.data === data && r.task === task).accuracy;
    });
  }
}

/** Mean accuracy in each domain, and of the domains. */
function means(rows) {
  const each = DOMAINS.map((domain) => rows.filter((r) => r.data === domain).map((r) => r.accuracy));
  const of = each.map((values) => (values.length ? mean(values) : Number.NaN));
  return [...of, mean(of)];
}

function methodTable(all) {
  const lines = [
    row(['network', 'method', ...DOMAINS, 'mean in float32', 'in int8', 'difference', 'tasks']),
    row(['---', '---', ...DOMAINS.map(() => '---:'), '---:', '---:', '---:', '---:']),
  ];
  for (const method of Object.keys(METHODS)) {
    const pooled = [];
    for (const [network, results] of Object.entries(all)) {
      const [one, other] = [
        ['float32', method],
        ['int8', method],
      ];
      const [float, int8] = [means(results.common(one, other)), means(results.common(other, one))];
      const pairs = results.paired(other, one);
      pooled.push(...pairs);
      const domains = DOMAINS.map((_, d) => `${percent(float[d])} → ${percent(int8[d])}`);
      const both = [percent(float.at(-1)), percent(int8.at(-1))];
      lines.push(row([network, method, ...domains, ...both, difference(pairs), pairs.length]));
    }
    const blank = [...DOMAINS.map(() => ''), '', ''];
    lines.push(row(['**all**', method, ...blank, `**${difference(pooled)}**`, pooled.length]));
  }
  return lines.join('\n');
}

function limitTable(all) {
  const names = ['most RAM, bytes', 'of it for the backward pass, MB', 'backward MACs, M'];
  const lines = [
    row(['network', 'limit', ...DOMAINS, 'mean', 'to float32', ...names, 'tasks']),
    row(['---', '---', ...DOMAINS.map(() => '---:'), '---:', '---:', '---:', '---:', '---:', '---:']),
  ];
  for (const [network, results] of Object.entries(all)) {
    const whole = ['float32', 'tinytrain'];
    const cases = [
      ['float32, none trained', ['float32', 'none']],
      ['float32, 1 MB for the backward pass', whole],
      ['int8, 1 MB for the backward pass', ['int8', 'tinytrain']],
      ...LIMITS.map((ram) => [`int8, ${ram} KB of RAM`, ['int8', `ram=${ram}KB`]]),
    ];
    for (const [title, which] of cases) {
      const rows = results.common(which, whole);
      if (rows.length === 0) {
        lines.push(row([network, title, ...DOMAINS.map(() => ''), 'too little', '', '', '', '', '']));
        continue;
      }
      const most = (field) => Math.max(...rows.map((r) => r[field]));
      const costs = [
        most('peakBytes').toLocaleString('en'),
        megabytes(most('backwardBytes')),
        (mean(rows.map((r) => r.backwardMacs)) / 1e6).toFixed(2),
      ];
      const against = which === whole ? '' : difference(results.paired(which, whole));
      lines.push(row([network, title, ...means(rows).map(percent), against, ...costs, rows.length]));
    }
  }
  for (const ram of LIMITS) {
    const pairs = Object.values(all).flatMap((results) =>
      results.paired(['int8', `ram=${ram}KB`], ['float32', 'tinytrain']),
    );
    const blank = [...DOMAINS.map(() => ''), ''];
    lines.push(
      row(['**all**', `int8, ${ram} KB of RAM`, ...blank, `**${difference(pairs)}**`, '', '', '', pairs.length]),
    );
  }
  return lines.join('\n');
}

/** Tables of the raw results in `folder`, into `page`. */
export function draw(folder, page) {
  const all = Object.fromEntries(NETWORKS.map((network) => [network, new Results(folder, network)]));
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${page}: the markers of the drawn part are missing`);
  const body = `### Method by method\n\n${methodTable(all)}\n\n### Less and less RAM\n\n${limitTable(all)}`;
  writeFileSync(`${page}.tmp`, `${text.slice(0, begin + BEGIN.length)}\n\n${body}\n\n${text.slice(end)}`);
  renameSync(`${page}.tmp`, page);
}
