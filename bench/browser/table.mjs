/** The figures of the bench as tables for the docs. */

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const time = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9995 ? 2 : 1)} s`);
const spread = (values, show) => {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(show);
  return low === high ? low : `${low} to ${high}`;
};
const times = (values) => `${time(median(values))} (${spread(values, time)})`;
const ratios = (values) => `**${median(values).toFixed(1)}** (${spread(values, (x) => x.toFixed(1))})`;
const table = (head, numbers, rows) => {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i < numbers ? '---' : '---:'))), ...rows.map(line)].join('\n');
};
/** `Firefox 153`. */
const nameOf = ({ name, version }) =>
  `${name[0].toUpperCase()}${name.slice(1)} ${version.replace(/^.*\//, '').split('.')[0]}`;
const megabytes = (bytes) => (bytes === undefined ? '-' : `${(bytes / 2 ** 20).toFixed(2)} MB`);
const GRADIENTS = { plain: 'of tfjs', composed: 'of the bench' };

/** All tables of a result. */
export function markdown({ package: version, machine, browsers, missing }) {
  const load = machine.load.map((x) => x.toFixed(1)).join(', ');
  const parts = [
    `tinytrain ${version}; ${machine.cpu}, ${machine.cores} cores, load at the beginning ${load}.`,
    ...missing,
  ];
  const networks = browsers.flatMap((browser) => browser.networks.map((network) => ({ browser, network })));
  const timed = networks.filter(({ network }) => network.peers);
  if (timed.length) parts.push(speed(timed), usual(timed));
  const watched = networks.filter(({ network }) => network.tab);
  if (watched.length) parts.push(memory(watched));
  return parts.join('\n\n');
}

function speed(timed) {
  const rows = timed.flatMap(({ browser, network }) =>
    network.peers.map((peer) => {
      const name = [nameOf(browser), network.name, peer.backend, GRADIENTS[peer.form] ?? ''];
      if (peer.problem) return [...name, '', `cannot: ${peer.problem}`, '', '', '', '', ''];
      const { rounds, iterations, features } = peer;
      const of = (who) => rounds.map((round) => round[who].totalMs);
      const losses = rounds.flatMap(({ loss }) => loss.tinytrain.map((value, i) => Math.abs(value - loss.tfjs[i])));
      return [
        ...name,
        iterations,
        times(of('tfjs')),
        times(of('tinytrain')),
        ratios(rounds.map(({ ratio }) => ratio)),
        times(of('threads')),
        ratios(rounds.map(({ ratioOfThreads }) => ratioOfThreads)),
        `${features.toExponential(0)}, ${Math.max(...losses).toExponential(0)}`,
      ];
    }),
  );
  const head = [
    'browser',
    'network',
    'backend of tfjs',
    'gradients',
    'iterations',
    'tfjs',
    'tinytrain, one thread',
    'times faster',
    'tinytrain, a thread a core',
    'times faster',
    'differ by',
  ];
  return table(head, 4, rows);
}

function usual(timed) {
  const rows = timed.map(({ browser, network }) => [
    nameOf(browser),
    network.name,
    times(network.usual.threads.map(({ totalMs }) => totalMs)),
    times(network.usual.thread.map(({ totalMs }) => totalMs)),
    times(network.usual.page.map(({ totalMs }) => totalMs)),
    times(network.own.threads),
    times(network.own.thread),
    times(network.own.page),
  ]);
  return table(
    [
      'browser',
      'network',
      'default, a worker a core',
      'default, worker',
      'default, page',
      'last blocks, a worker a core',
      'last blocks, worker',
      'last blocks, page',
    ],
    2,
    rows,
  );
}

function memory(watched) {
  const rows = watched.flatMap(({ browser, network }) =>
    Object.entries(network.tab).map(([where, looks]) => {
      const of = (show) => [...new Set(Object.values(looks).map(show))].join(', ');
      return [
        nameOf(browser),
        network.name,
        where === 'page' ? 'page' : 'worker',
        of(({ engine }) => megabytes(engine[0])),
        of(({ bytes }) => megabytes(bytes)),
        // What the browser says of the tab is exact; its processes do much else.
        of(({ bytes, processes }) => megabytes(bytes === undefined ? processes : undefined)),
      ];
    }),
  );
  return table(['browser', 'network', 'in', 'engine after 2, 50', 'tab after 2, 50', 'processes after 2, 50'], 3, rows);
}
