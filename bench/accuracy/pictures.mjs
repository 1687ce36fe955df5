// Pictures of docs/accuracy.md: what accuracy costs, and which layers are chosen for which domain.
import { join } from 'node:path';
import { COLOURS, Plot, savePicture } from '../picture.mjs';
import { DOMAINS, METHODS } from './plan.mjs';

const SHORT = {
  'tinytrain:memory=256KB': '256 KB',
  'tinytrain:memory=512KB': '512 KB',
  'tinytrain:compute=5%': '5%',
  'tinytrain:compute=10%': '10%',
  'tinytrain:compute=30%': '30%',
};
const [blue, red, green, pink, orange, , black] = COLOURS;
const COLOUR = {
  lastlayer: pink,
  biasonly: green,
  tinytl: orange,
  sparseupdate: blue,
  tinytrain: red,
  fulltrain: black,
};
const X = {
  memory: { label: 'backward memory, MB', of: ({ backwardBytes }) => backwardBytes / 2 ** 20 },
  macs: { label: 'backward MACs of a sample, M', of: ({ backwardMacs }) => backwardMacs / 1e6 },
};

/** A row's place: the mean of another row, and the difference to it on the tasks that both ran. */
function point(table, row, x, base) {
  const level = table.accuracy(base).mean.mean;
  const { mean, ci95 } = table.difference(row, base).mean;
  const [y, half] = row === base ? [level, 0] : [level + mean, ci95 ?? 0];
  return { network: table.network, row, x: X[x].of(table.cost(row)), y, low: y - half, high: y + half };
}

/** Whether the name above and right of a point would meet another one: it goes below then. */
function crowded(point, points) {
  const reach = Math.max(...points.map(({ y }) => y)) - Math.min(...points.map(({ y }) => y));
  return points.some(({ network, x, y }) => {
    if (network !== point.network || x <= point.x || x > 2.5 * point.x) return false;
    return y >= point.y && y < point.y + 0.3 * reach;
  });
}

/** Accuracy against memory or MACs, one panel a network; methods by name, tinytrain's other budgets as a line. */
export function costPicture(tables, x, folder) {
  const known = tables.filter((table) => ['fulltrain', 'tinytrain', 'none'].every((row) => table.has(row)));
  if (!known.length) return;
  const [points, budgets, levels] = [[], [], []];
  for (const table of known) {
    const at = (row) => point(table, row, x, 'fulltrain');
    const methods = METHODS.filter((row) => row !== 'none' && table.has(row)).map(at);
    points.push(...methods);
    levels.push(at('none'));
    const other = Object.keys(SHORT).filter(
      (row) => row.includes(x === 'memory' ? 'memory' : 'compute') && table.has(row),
    );
    if (other.length) budgets.push(...[...other, 'tinytrain'].map((row) => point(table, row, x, 'tinytrain')));
  }
  budgets.sort((a, b) => a.x - b.x);
  const facet = { fx: 'network' };
  savePicture(join(folder, `${x}.svg`), {
    width: Math.max(720, 420 * known.length),
    marginRight: 90,
    x: { type: 'log', label: X[x].label, nice: true, ticks: 5, tickFormat: (d) => String(d) },
    y: { label: 'accuracy, mean of the domains, %', grid: true, nice: true },
    fx: { label: null },
    color: { domain: METHODS, range: METHODS.map((method) => COLOUR[method] ?? '#777') },
    marginTop: 44,
    marks: [
      Plot.frame({ stroke: '#ddd' }),
      Plot.ruleY(levels, { ...facet, y: 'y', stroke: '#777', strokeDasharray: '4 3' }),
      Plot.text(levels, {
        ...facet,
        y: 'y',
        text: () => 'none (not adapted)',
        frameAnchor: 'left',
        dx: 6,
        dy: -8,
        fill: '#555',
      }),
      Plot.line(budgets, { ...facet, x: 'x', y: 'y', stroke: '#999', strokeDasharray: '2 2', z: 'network' }),
      Plot.dot(
        budgets.filter(({ row }) => row in SHORT),
        { ...facet, x: 'x', y: 'y', r: 3, fill: 'white', stroke: '#555' },
      ),
      Plot.text(
        budgets.filter(({ row }) => row in SHORT),
        { ...facet, x: 'x', y: 'y', text: ({ row }) => SHORT[row], dy: 12, fontSize: 11, fill: '#555' },
      ),
      Plot.ruleX(points, {
        ...facet,
        x: 'x',
        y1: 'low',
        y2: 'high',
        stroke: 'row',
        strokeWidth: 1.5,
        strokeOpacity: 0.5,
      }),
      Plot.dot(points, { ...facet, x: 'x', y: 'y', fill: 'row', r: 5 }),
      ...[false, true].map((below) =>
        Plot.text(
          points.filter((point) => crowded(point, points) === below),
          {
            ...{ ...facet, x: 'x', y: 'y', text: 'row', fill: 'row', textAnchor: 'start', dx: 8, dy: below ? 12 : -12 },
            ...{ stroke: 'white', strokeWidth: 4 },
          },
        ),
      ),
    ],
  });
}

/** How often each layer was chosen for each domain, and how many of its channels on average. */
export function layerPicture(table, folder) {
  const cells = [];
  const lists = [];
  for (const domain of DOMAINS) {
    const results = [...table.of('tinytrain', domain).values()].filter(({ layers }) => layers);
    if (!results.length) return;
    const names = new Set(results.flatMap(({ layers }) => Object.keys(layers)));
    for (const layer of names) {
      const channels = results.flatMap(({ layers }) => layers[layer] ?? []);
      cells.push({
        domain,
        layer,
        share: channels.length / results.length,
        channels: channels.reduce((a, b) => a + b, 0) / channels.length,
      });
    }
    lists.push(...results.map(({ layers }) => Object.keys(layers)));
  }
  const layers = merged(lists);
  savePicture(join(folder, `layers-${table.network}.svg`), {
    width: 110 + 78 * layers.length,
    height: 90 + 34 * DOMAINS.length,
    marginLeft: 84,
    marginRight: 16,
    x: { domain: layers, label: null },
    y: { domain: DOMAINS, label: null },
    color: { type: 'linear', domain: [0, 1], range: ['#eef4fa', '#0b5394'], legend: false },
    marks: [
      Plot.cell(cells, { x: 'layer', y: 'domain', fill: 'share', inset: 1 }),
      Plot.text(cells, {
        x: 'layer',
        y: 'domain',
        text: ({ share, channels }) => `${Math.round(100 * share)}% · ${channels.toFixed(0)}`,
        fill: ({ share }) => (share > 0.5 ? 'white' : '#222'),
        fontSize: 11,
      }),
    ],
  });
}

/** Names in the order of the network, merged from lists that each hold some of them in that order. */
function merged(lists) {
  const order = [];
  for (const list of lists) {
    let at = 0;
    for (const name of list) {
      const known = order.indexOf(name);
      if (known >= 0) at = known + 1;
      else order.splice(at++, 0, name);
    }
  }
  return order;
}
