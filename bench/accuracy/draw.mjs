// Draws the tables of docs/accuracy.md, docs/accuracy-tables.md and README.md (between their markers) and the pictures from the raw
// results; runs nothing.
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { costPicture, layerPicture } from './pictures.mjs';
import { NETWORKS, README, SAMPLINGS } from './plan.mjs';
import { rawPath } from './results.mjs';
import { Table } from './statistics.mjs';
import { comparisons, readme, section, summary } from './table.mjs';

const BEGIN = '<!-- drawn by npm run bench:accuracy -- --draw; the text around it is not -->';
const END = '<!-- end of what is drawn -->';

/** Where the tables of all networks stand that `page` sums up. */
const tablesPage = (page) => page.replace(/\.md$/, '-tables.md');

/** The text of a page, and where what is drawn begins and ends in it. */
function read(page) {
  const text = existsSync(page) ? readFileSync(page, 'utf8') : '';
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`${page}: no page with the two markers between which tables are drawn; copy one of docs/ there`);
  }
  return { text, begin, end };
}

/** Throws for a page that can't be drawn into: to be known before a run of hours. */
export function checkPages(page, front) {
  for (const path of [page, tablesPage(page), front]) read(path);
}

/** Puts `body` between the markers of a page. */
function replace(page, body) {
  const { text, begin, end } = read(page);
  writeFileSync(`${page}.tmp`, `${text.slice(0, begin + BEGIN.length)}\n\n${body}\n\n${text.slice(end)}`);
  renameSync(`${page}.tmp`, page);
}

/**
 * Raw results from `folder`, pictures into it, the summary into `page` (a .md file), all tables into the one beside it, one
 * network's domains into `front`.
 */
export function draw(folder, page, front) {
  const files = readdirSync(folder).sort();
  const tables = Object.keys(SAMPLINGS).flatMap((sampling) => {
    const end = basename(rawPath(folder, '', sampling));
    const found = files.filter((file) => file.endsWith(end)).map((file) => file.slice(0, -end.length));
    const known = NETWORKS.filter((network) => found.includes(network));
    const networks = [...known, ...found.filter((network) => !known.includes(network))];
    return networks.map((network) => new Table(folder, network, sampling));
  });
  const whole = tables.filter((table) => table.has('tinytrain') && table.has('fulltrain'));
  const complete = whole.filter(({ twin }) => !twin);
  const twinsOf = ({ network, sampling }) =>
    whole.filter((table) => table.twin?.network === network && table.sampling === sampling);
  const balanced = complete.filter((table) => table.sampling === '5way5shot');
  const sections = complete.map((table) => section(table, twinsOf(table)));
  replace(page, summary(complete));
  replace(tablesPage(page), [comparisons(complete), ...sections].join('\n\n'));
  const shown = balanced.find(({ network }) => network === README.network);
  if (shown) replace(front, readme(shown));
  for (const x of ['memory', 'macs']) costPicture(balanced, x, folder);
  for (const table of balanced) layerPicture(table, folder);
}
