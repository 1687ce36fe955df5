// The tables of docs/accuracy.md (summary) and docs/accuracy-tables.md (one section a network and sampling).
import {
  ABLATED,
  ABLATIONS,
  COMPARISONS,
  DOMAINS,
  labelOf,
  METHODS,
  methodOf,
  README,
  TITLES,
  TUNED_SAMPLING,
  TWIN_ROWS,
  trainingOf,
  VIEWS,
} from './plan.mjs';

const percent = (e) => (e ? e.mean.toFixed(1) : '');
const signed = (x) => `${x < 0 ? '-' : '+'}${Math.abs(x).toFixed(1)}`.replace('-0.0', '+0.0');
/** The interval of fewer tasks is wider than what it is about. */
const FEWEST = 5;
const interval = (e) =>
  e ? `${signed(e.mean)}${e.ci95 === null || e.tasks < FEWEST ? '' : ` ± ${e.ci95.toFixed(1)}`}` : '';
const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(2);
const millions = (macs) => (macs / 1e6).toFixed(2);

const line = (cells) => `| ${cells.join(' | ')} |`;
const markdown = (head, rows) =>
  [line(head), line(head.map((_, i) => (i ? '---:' : '---'))), ...rows.map(line)].join('\n');

const title = (row) => TITLES[row] ?? row;
/** The name of a row by what it says of classifying. */
const named = (row) => row.replace(/:views=(\d+)/, ', $1 views').replace(':together=yes', ', together');
/** The name of a row where rows of several methods stand together. */
const fullName = (row) => (ABLATIONS.includes(row) ? `${methodOf(row)}, ${title(row)}` : (TITLES[row] ?? named(row)));
const cells = ({ domains, mean }) => [...DOMAINS.map((domain) => percent(domains[domain])), `**${percent(mean)}**`];
const costs = (table, row) => {
  const { backwardBytes, backwardMacs } = table.cost(row);
  return [megabytes(backwardBytes), millions(backwardMacs)];
};

/** Accuracy, cost and paired differences of the methods. */
function methods(table) {
  const rows = METHODS.filter((row) => table.has(row));
  const head = ['method', ...DOMAINS, 'mean', 'tasks', 'to fulltrain', 'memory, MB', 'MACs, M'];
  const body = rows.map((row) => {
    const accuracy = table.accuracy(row);
    const difference = row === 'fulltrain' ? '' : interval(table.difference(row, 'fulltrain').mean);
    return [title(row), ...cells(accuracy), accuracy.mean.tasks, difference, ...costs(table, row)];
  });
  return markdown(head, body);
}

/** Paired differences to fulltrain, domain by domain. */
function differences(table) {
  const rows = METHODS.filter((row) => row !== 'fulltrain' && table.has(row));
  const body = rows.map((row) => {
    const { domains } = table.difference(row, 'fulltrain');
    return [title(row), ...DOMAINS.map((domain) => interval(domains[domain]))];
  });
  return markdown(['to fulltrain', ...DOMAINS], body);
}

/** Numbers of classes between which tasks that differ in it are told apart. */
const CLASSES = [5, 10, 20, 35, Infinity];

/** Paired differences to fulltrain by the number of classes, where tasks differ in it. */
function byClasses(table) {
  if (table.sampling === TUNED_SAMPLING) return undefined;
  const spans = CLASSES.slice(0, -1).map((least, i) => [least, CLASSES[i + 1] - 1]);
  const rows = METHODS.filter((row) => row !== 'fulltrain' && table.has(row));
  const body = rows.map((row) => {
    return [title(row), ...spans.map((span) => interval(table.byClasses(row, 'fulltrain', ...span)))];
  });
  const tasks = spans.map((span) => table.byClasses('fulltrain', 'fulltrain', ...span)?.tasks ?? 0);
  const names = spans.map(([least, most]) => (most === Infinity ? `${least} and more` : `${least} to ${most}`));
  return markdown(['to fulltrain, by classes', ...names], [...body, ['tasks', ...tasks]]);
}

/** Ablations of a method, beside it on the tasks that they ran. */
function ablations(table, method) {
  const rows = ABLATIONS.filter((row) => methodOf(row) === method && table.has(row));
  if (!rows.length) return undefined;
  const { itself, to } = ABLATED[method];
  const bases = [method, ...to];
  const costly = ['memory, MB', 'MACs, M'];
  const head = [`${method} with`, ...DOMAINS, 'mean', 'tasks', ...bases.map((base) => `to ${base}`), ...costly];
  const body = [method, ...rows].map((row) => {
    const among = row === method ? rows[0] : method;
    const accuracy = table.accuracy(row, among);
    const differences = bases.map((base) => {
      return row === base ? '' : interval(table.difference(row, base, table, among).mean);
    });
    return [
      row === method ? itself : title(row),
      ...cells(accuracy),
      accuracy.mean.tasks,
      ...differences,
      ...costs(table, row),
    ];
  });
  return markdown(head, body);
}

/** Several views of each picture in place of one, and pictures together, on the tasks that all such rows ran. */
function views(table) {
  const last = VIEWS.at(-1);
  if (!table.has(last)) return undefined;
  const head = ['views', ...DOMAINS, 'mean', 'tasks', 'to one view', 'to fulltrain', `to ${named(last)}`];
  const rows = METHODS.filter((row) => trainingOf(row) === row).flatMap((method) => {
    return [...METHODS, ...VIEWS].filter((row) => row !== method && trainingOf(row) === method).sort();
  });
  const body = rows
    .filter((row) => table.has(row))
    .map((row) => {
      const accuracy = table.accuracy(row, last);
      const to = [trainingOf(row), 'fulltrain', last].map((base) => {
        return base === row ? '' : interval(table.difference(row, base, table, last).mean);
      });
      return [named(row), ...cells(accuracy), accuracy.mean.tasks, ...to];
    });
  return markdown(head, body);
}

/** The network after meta-training, or before it, beside the network itself on the same tasks. */
function twins(table, twin) {
  const { state } = twin.twin;
  const head = [state, ...DOMAINS, 'mean', 'tasks', 'to the network above', 'to fulltrain'];
  const body = TWIN_ROWS.filter((row) => twin.has(row)).map((row) => {
    const accuracy = twin.accuracy(row);
    const without = interval(twin.difference(row, row, table).mean);
    const full = row === 'fulltrain' ? '' : interval(twin.difference(row, 'fulltrain').mean);
    return [title(row), ...cells(accuracy), accuracy.mean.tasks, without, full];
  });
  return markdown(head, body);
}

/** What was tried, what it reached, and for how many domains it was chosen. */
function settings({ tuning }) {
  if (tuning.trials < 2) return 'Rates and iterations are the defaults: nothing was tuned for this network.';
  const lines = tuning.methods.map((method) => {
    const trials = Array.from({ length: tuning.made }, (_, trial) => {
      const times = DOMAINS.filter((domain) => tuning.choose(method, domain) === trial).length;
      const [, lr, iterations] = labelOf(method, trial).match(/lr=(.*):iterations=(.*)$/);
      return `${lr} x ${iterations}: ${tuning.reached(method, trial).toFixed(1)} (${times})`;
    });
    return [title(method), ...trials];
  });
  const counted = (trial) => (trial < tuning.trials ? '' : ', not counted');
  const head = Array.from({ length: tuning.made }, (_, trial) => `trial ${trial + 1}${counted(trial)}`);
  return markdown([`rate x iterations, ${tuning.tasks} tasks of each domain`, ...head], lines);
}

const NAMES = { '5way5shot': '5-way 5-shot', 'meta-dataset': 'sampled as Meta-Dataset' };
/** Head of the column of a table. */
const column = ({ network, sampling }) => (sampling === TUNED_SAMPLING ? network : `${network}, ${NAMES[sampling]}`);

/** From the least to the greatest, once where they read the same. */
const range = (values, digits) => {
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits));
  return least === most ? least : `${least} to ${most}`;
};

/** Networks and samplings side by side: mean of the domains, paired difference to fulltrain; of 5-way tasks, what methods take. */
export function summary(tables) {
  const usual = tables.filter(({ sampling }) => sampling === TUNED_SAMPLING);
  const rows = METHODS.filter((row) => usual.some((table) => table.has(row)));
  const body = rows.map((row) => {
    const means = tables.map((table) => {
      if (!table.has(row)) return '';
      const accuracy = table.accuracy(row).mean;
      if (row === 'fulltrain') return percent(accuracy);
      const difference = table.difference(row, 'fulltrain').mean;
      // A mean over other tasks than the rest of the column can't stand beside it.
      const all = accuracy.tasks === table.accuracy('fulltrain').mean.tasks;
      return all
        ? `${percent(accuracy)}, ${interval(difference)}`
        : `${interval(difference)} (${difference.tasks} tasks)`;
    });
    const costs = usual.filter((table) => table.has(row)).map((table) => [table.cost(row), table.cost('fulltrain')]);
    const memory = costs.map(([{ backwardBytes }]) => backwardBytes / 2 ** 20);
    const macs = costs.map(([{ backwardMacs }, full]) => (100 * backwardMacs) / full.backwardMacs);
    return [title(row), ...means, range(memory, 2), range(macs, 0)];
  });
  const tasks = tables.map((table) => table.accuracy('fulltrain').mean.tasks);
  return markdown(
    ['method', ...tables.map(column), 'memory, MB', 'MACs, % of fulltrain'],
    [...body, ['tasks', ...tasks, '', '']],
  );
}

/** Networks and samplings side by side: paired differences that the summary's page speaks of, and the number of 5-way tasks. */
export function comparisons(tables) {
  const pairs = COMPARISONS.flatMap(([row, bases]) => bases.map((base) => [row, base]));
  const body = pairs.flatMap(([row, base]) => {
    const found = tables.map((table) => table.has(row) && table.has(base) && table.difference(row, base).mean);
    const tasks = found.filter((e, i) => e && tables[i].sampling === TUNED_SAMPLING).map((e) => e.tasks);
    if (!tasks.length) return [];
    const differences = found.map((e, i) => {
      // One task of each domain says nothing.
      if (!e || e.ci95 === null) return '';
      // The last column is about 5-way tasks; of others, those that not all rows have are counted where they stand.
      const fewer = tables[i].sampling !== TUNED_SAMPLING && e.tasks < tables[i].accuracy('fulltrain').mean.tasks;
      return `${interval(e)}${fewer ? ` (${e.tasks} tasks)` : ''}`;
    });
    return [[`${fullName(row)} over ${fullName(base)}`, ...differences, range(tasks, 0)]];
  });
  return `### Paired differences\n\n${markdown(['difference', ...tables.map(column), 'tasks'], body)}`;
}

/** One network as the README shows it: every domain, the paired difference to fulltrain, and what the methods take. */
export function readme(table) {
  const rows = README.rows.filter((row) => table.has(row));
  const accuracies = rows.map((row) => table.accuracy(row));
  const perDomain = DOMAINS.map((domain) => {
    const estimates = accuracies.map(({ domains }) => domains[domain]);
    return [domain, ...estimates.map((e) => `${percent(e)}${e.ci95 === null ? '' : ` ± ${e.ci95.toFixed(1)}`}`)];
  });
  const difference = (row) => (row === 'fulltrain' ? '' : interval(table.difference(row, 'fulltrain').mean));
  const taken = rows.map((row) => costs(table, row));
  const tasks = accuracies[0].domains[DOMAINS[0]].tasks;
  return markdown(
    [`${table.network}, ${tasks} tasks a domain`, ...rows.map(title)],
    [
      ...perDomain,
      ['**mean**', ...accuracies.map(({ mean }) => `**${percent(mean)}**`)],
      ['to fulltrain', ...rows.map(difference)],
      ['backward memory, MB', ...taken.map(([memory]) => memory)],
      ['backward MACs, M', ...taken.map(([, macs]) => macs)],
    ],
  );
}

/** Everything that is known of one network and sampling; `others` are its twins. */
export function section(table, others) {
  const parts = [
    `### ${table.network}, ${NAMES[table.sampling]}`,
    methods(table),
    differences(table),
    byClasses(table),
    ...Object.keys(ABLATED).map((method) => ablations(table, method)),
    views(table),
    ...others.map((twin) => twins(table, twin)),
  ];
  if (table.sampling === table.tuning.sampling) parts.push(settings(table));
  return parts.filter(Boolean).join('\n\n');
}
