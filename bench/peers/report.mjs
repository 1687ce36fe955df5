// The comparison as a Markdown table and as a picture.
import { COLOURS, Plot, savePicture } from '../picture.mjs';

const digits = (value) => (value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0));

function cell(step, ours) {
  if (step.reason) return 'impossible | | | ';
  const [low, high] = step.quartiles.map(digits);
  return `${digits(step.ms)} (${low} to ${high}) | ${digits(step.times)} | ${digits(step.best)} | ${digits(step.best / ours.best)}`;
}

/** Markdown: milliseconds of each step, and how many times as long as ours it takes. */
export function table({ machine, steps, rounds, rows, profile, checked, missing }) {
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; load ${machine.load.map((l) => l.toFixed(1)).join(' to ')}; ` +
      `${rounds} rounds. Milliseconds: median (quartiles), and best.`,
  ];
  for (const [step, title] of Object.entries(steps)) {
    lines.push('', `| ${title} | ms | times ours | best | times our best |`, '| --- | ---: | ---: | ---: | ---: |');
    for (const { name, steps: measured } of rows) {
      if (measured[step]) lines.push(`| ${name} | ${cell(measured[step], rows[0].steps[step])} |`);
    }
  }
  for (const [step, kinds] of Object.entries(profile)) {
    const total = kinds.reduce((sum, { ms }) => sum + ms, 0);
    lines.push(
      '',
      `| tinytrain, ${steps[step]} | steps | ms | share | GMAC/s |`,
      '| --- | ---: | ---: | ---: | ---: |',
    );
    for (const { kind, steps: count, ms, macs } of kinds) {
      const speed = macs > 0 ? (macs / ms / 1e6).toFixed(1) : '';
      lines.push(`| ${kind} | ${count} | ${ms.toFixed(3)} | ${((100 * ms) / total).toFixed(1)}% | ${speed} |`);
    }
  }
  const worst = (what) => Math.max(0, ...checked.filter((c) => c.what.startsWith(what)).map((c) => c.error));
  lines.push(
    '',
    `Compared before: outputs differ by at most ${worst('outputs').toExponential(1)}, ` +
      `losses of three training steps by at most ${worst('losses').toExponential(1)} of their value.`,
  );
  for (const { name, steps: measured } of rows) {
    for (const [step, { reason }] of Object.entries(measured)) {
      if (reason) lines.push(`${name}, ${steps[step]}: ${reason}`);
    }
  }
  for (const { name, reason } of missing) lines.push(`Not measured: ${name}: ${reason}`);
  return lines.join('\n');
}

/** A dot for each peer and step, with its quartiles, on a logarithmic scale of time. */
export function picture(path, { steps, rows }) {
  const points = rows.flatMap(({ name, steps: measured }) =>
    Object.entries(measured)
      .filter(([, { ms }]) => ms)
      .map(([step, { ms, quartiles }]) => ({ name, step: steps[step], ms, low: quartiles[0], high: quartiles[1] })),
  );
  const impossible = rows.flatMap(({ name, steps: measured }) =>
    Object.entries(measured)
      .filter(([, { reason }]) => reason)
      .map(([step]) => ({ name, step: steps[step] })),
  );
  const colour = ({ name }) => COLOURS[name === 'tinytrain' ? 1 : name.startsWith('PyTorch') ? 0 : 2];
  const names = rows.map(({ name }) => name);
  const least = Math.min(...points.map(({ low }) => low)) * 0.6;
  const most = Math.max(...points.map(({ high }) => high)) * 2;
  savePicture(path, {
    width: 1000,
    height: 90 + 30 * names.length,
    marginLeft: 275,
    marginRight: 30,
    marginTop: 50,
    fx: { label: null, domain: Object.values(steps), padding: 0.08 },
    x: {
      type: 'log',
      domain: [least, most],
      label: 'milliseconds, one image, one thread',
      grid: true,
      ticks: [1, 10, 100, 1000],
      tickFormat: 'd',
    },
    y: { label: null, domain: names },
    marks: [
      Plot.frame({ stroke: '#ccc' }),
      Plot.ruleY(points, {
        fx: 'step',
        y: 'name',
        x1: 'low',
        x2: 'high',
        stroke: colour,
        strokeWidth: 3,
        strokeOpacity: 0.5,
      }),
      Plot.dot(points, { fx: 'step', y: 'name', x: 'ms', fill: colour, r: 4.5 }),
      Plot.text(points, {
        ...{ fx: 'step', y: 'name', x: 'ms', text: ({ ms }) => digits(ms), dy: -11, fontSize: 11 },
        fill: colour,
      }),
      Plot.text(impossible, {
        fx: 'step',
        y: 'name',
        x: () => least,
        text: () => 'impossible',
        textAnchor: 'start',
        dx: 6,
        fill: '#777',
      }),
    ],
  });
}
