// Pictures of docs/accuracy.md: what accuracy costs, and which layers are chosen for which domain.
import { join } from 'node:path';
import { COLOURS, Plot, savePicture } from '../picture.mjs';
import { ABLATED, DOMAINS, METHODS, methodOf, TITLES } from './plan.mjs';

/** Names of other budgets of a method: KB, or a share of the MACs. */
const SHORT = {
  'tinytrain:memory=256KB': '256',
  'tinytrain:memory=512KB': '512',
  'tinytrain:compute=5%': '5%',
  'tinytrain:compute=10%': '10%',
  'tinytrain:compute=30%': '30%',
  'deeptrain:memory=256KB': '256',
  'deeptrain:memory=512KB': '512',
  'deeptrain:compute=5%': '5%',
  'thintrain:memory=256KB': '256',
  'thintrain:memory=512KB': '512',
};
const [blue, red, green, pink, orange, sky, black, violet] = COLOURS;
/** The rows that the pictures of costs show; other ways of classifying lie above the same place. */
const COLOUR = {
  lastlayer: pink,
  biasonly: green,
  tinytl: orange,
  sparseupdate: blue,
  tinytrain: red,
  'tinytrain:criterion=fisher': sky,
  deeptrain: violet,
  'deeptrain:views=6': violet,
  thintrain: '#8c5a2b',
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

/** Columns of panels, and pixels of a panel inside its frame. */
const COLUMNS = 2;
const PANEL = { width: 500, height: 430, gap: 90 };
/** Room of a letter and of a line of text, in pixels; places of a name beside its point, the best first. */
const LETTER = { width: 7, height: 14 };
const PLACES = [
  { dx: 8, dy: -10, textAnchor: 'start' },
  { dx: 8, dy: 11, textAnchor: 'start' },
  { dx: -8, dy: -10, textAnchor: 'end' },
  { dx: -8, dy: 11, textAnchor: 'end' },
  { dx: 8, dy: 25, textAnchor: 'start' },
  { dx: 8, dy: -24, textAnchor: 'start' },
  { dx: -8, dy: -24, textAnchor: 'end' },
  { dx: -8, dy: 25, textAnchor: 'end' },
  { dx: -8, dy: -38, textAnchor: 'end' },
  { dx: -8, dy: 39, textAnchor: 'end' },
];

/** Lowest and highest value in whole steps, so that the axes are known before anything is drawn. */
const span = (values, step) => [
  Math.floor(Math.min(...values) / step) * step,
  Math.ceil(Math.max(...values) / step) * step,
];

/**
 * Gives every point the place among `PLACES` where its name meets no point and no name that has its place already, or,
 * where there is none, the one that meets the fewest, points rather than names. `pixel` gives a point's place in its panel.
 */
function placed(points, pixel) {
  const overlap = (a, b) => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
  const taken = points.map((point) => {
    const [x, y] = pixel(point);
    return { network: point.network, x0: x - 6, x1: x + 6, y0: y - 6, y1: y + 6, weight: 1 };
  });
  return points.map((point) => {
    const [x, y] = pixel(point);
    const tries = PLACES.map((place) => {
      const width = LETTER.width * point.name.length;
      const x0 = x + place.dx - (place.textAnchor === 'end' ? width : 0);
      const box = {
        network: point.network,
        x0,
        x1: x0 + width,
        y0: y + place.dy - LETTER.height / 2,
        y1: y + place.dy + LETTER.height / 2,
      };
      const meets = taken.filter((other) => other.network === point.network && overlap(box, other));
      // A name that leaves its panel on the left meets the next one's axis or names; one far from its point is hardly its.
      const far = 2 * Number(Math.abs(place.dy) > 2 * LETTER.height);
      const met = meets.reduce((sum, { weight }) => sum + weight, Number(x0 < 0) + far);
      return { place, box, met };
    });
    const { place, box } = tries.reduce((best, next) => (next.met < best.met ? next : best));
    taken.push({ ...box, weight: 4 });
    return { ...point, place };
  });
}

/** Accuracy against memory or MACs, one panel a network; methods by name, other budgets of a method as a line. */
export function costPicture(tables, x, folder) {
  const known = tables.filter((table) => ['fulltrain', 'tinytrain', 'none'].every((row) => table.has(row)));
  if (!known.length) return;
  const [points, budgets, levels] = [[], [], []];
  for (const table of known) {
    const at = (row) => point(table, row, x, 'fulltrain');
    const methods = METHODS.filter((row) => row in COLOUR && table.has(row)).map(at);
    points.push(...methods);
    levels.push(at('none'));
    for (const method of Object.keys(ABLATED)) {
      const other = Object.keys(SHORT).filter((row) => {
        return methodOf(row) === method && row.includes(x === 'memory' ? 'memory' : 'compute') && table.has(row);
      });
      if (other.length) budgets.push(...[...other, method].map((row) => point(table, row, x, method)));
    }
  }
  budgets.sort((a, b) => a.x - b.x);
  const panels = known.map(({ network }) => network);
  const column = ({ network }) => panels.indexOf(network) % COLUMNS;
  const line = ({ network }) => Math.floor(panels.indexOf(network) / COLUMNS);
  const facet = { fx: column, fy: line };
  // A budget that changes nothing lies on the method's own point.
  const others = budgets.filter(({ row, network, x: at, y }) => {
    const own = points.find((other) => other.row === methodOf(row) && other.network === network);
    return row in SHORT && (Math.abs(at / own.x - 1) > 0.03 || Math.abs(y - own.y) > 0.1);
  });
  const named = [
    ...points.map((point) => ({ ...point, name: TITLES[point.row] ?? point.row, fill: COLOUR[point.row] })),
    ...others.map((point) => ({ ...point, name: SHORT[point.row], fill: COLOUR[methodOf(point.row)] })),
  ];
  const [xs, ys] = [
    span(
      named.map((point) => Math.log10(point.x)),
      0.5,
    ),
    span([...points.flatMap(({ low, high }) => [low, high]), ...[...others, ...levels].map(({ y }) => y)], 2),
  ];
  const names = placed(named, (point) => [
    (PANEL.width * (Math.log10(point.x) - xs[0])) / (xs[1] - xs[0]),
    (PANEL.height * (ys[1] - point.y)) / (ys[1] - ys[0]),
  ]);
  const columns = Math.min(COLUMNS, panels.length);
  const lines = Math.ceil(panels.length / COLUMNS);
  savePicture(join(folder, `${x}.svg`), {
    width: 56 + columns * (PANEL.width + PANEL.gap),
    height: 88 + lines * PANEL.height + (lines - 1) * 40,
    marginRight: PANEL.gap,
    x: { type: 'log', label: X[x].label, domain: xs.map((v) => 10 ** v), ticks: 5, tickFormat: (d) => String(d) },
    y: { label: 'accuracy, mean of the domains, %', grid: true, domain: ys },
    fx: { axis: null, padding: PANEL.gap / (PANEL.width + PANEL.gap) },
    fy: { axis: null, padding: 0.1 },
    marginTop: 40,
    marks: [
      Plot.text(panels, {
        fx: (network) => column({ network }),
        fy: (network) => line({ network }),
        text: (network) => network,
        frameAnchor: 'top',
        dy: -16,
        fontWeight: 'bold',
      }),
      Plot.frame({ stroke: '#ddd' }),
      Plot.ruleY(levels, { ...facet, y: 'y', stroke: '#777', strokeDasharray: '4 3' }),
      Plot.text(levels, {
        ...facet,
        y: 'y',
        text: () => 'none (not adapted)',
        frameAnchor: 'right',
        dx: -6,
        dy: -8,
        fill: '#555',
      }),
      Plot.line(budgets, {
        ...facet,
        x: 'x',
        y: 'y',
        stroke: '#999',
        strokeDasharray: '2 2',
        z: ({ network, row }) => network + methodOf(row),
      }),
      Plot.ruleX(points, {
        ...facet,
        x: 'x',
        y1: 'low',
        y2: 'high',
        stroke: ({ row }) => COLOUR[row],
        strokeWidth: 1.5,
        strokeOpacity: 0.5,
      }),
      ...PLACES.map((place) =>
        Plot.text(
          names.filter((point) => point.place === place),
          { ...facet, ...place, x: 'x', y: 'y', text: 'name', fill: 'fill', stroke: 'white', strokeWidth: 4 },
        ),
      ),
      // Above the names, so that none hides one.
      Plot.dot(others, { ...facet, x: 'x', y: 'y', r: 3, fill: 'white', stroke: ({ row }) => COLOUR[methodOf(row)] }),
      Plot.dot(points, { ...facet, x: 'x', y: 'y', fill: ({ row }) => COLOUR[row], r: 5 }),
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

/** Names of lists that each have the order of the network, in that order; where no list tells, by the numbers in them. */
function merged(lists) {
  const chains = [...new Set(lists.map((list) => list.join()))].map((text) => text.split(','));
  const left = new Set(chains.flat().sort((a, b) => a.localeCompare(b, 'en', { numeric: true })));
  const order = [];
  while (left.size) {
    const isNext = (name) =>
      chains.every((chain) => !chain.slice(0, Math.max(0, chain.indexOf(name))).some((n) => left.has(n)));
    const next = [...left].find(isNext);
    order.push(next);
    left.delete(next);
  }
  return order;
}
