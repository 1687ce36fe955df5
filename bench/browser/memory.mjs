/** The memory part: what a tab takes after 2 and after 50 adaptations. */
import { readdirSync, readFileSync } from 'node:fs';

/** Short ones: what could pile up does so once an adaptation. */
const SHORT = { iterations: 2 };
const FIRST = 2;
const LAST = 50;

export async function memoryOfTab(browser, origin, network, { say }) {
  const result = {};
  for (const where of ['page', 'thread']) {
    const tab = await browser.tab();
    const call = (name, ...given) => tab.evaluate((name, given) => globalThis.memoryBench[name](...given), name, given);
    await tab.goto(`${origin}/memory.html`);
    await tab.waitFor(() => 'memoryBench' in globalThis);
    await call('load', network, where);
    const look = async (times, seed) => {
      const engine = await call('adapt', times, SHORT, seed);
      return { engine, bytes: await call('bytes'), processes: processBytes(browser.process) };
    };
    const before = await look(FIRST, 0);
    const after = await look(LAST - FIRST, FIRST);
    result[where] = { [FIRST]: before, [LAST]: after };
    say(`  ${where}: ${JSON.stringify(before)} after ${FIRST}, ${JSON.stringify(after)} after ${LAST}`);
    await tab.close();
  }
  return result;
}

/** Bytes that a process and those it started have for themselves; undefined where the system has no /proc. */
function processBytes(root) {
  try {
    const parents = new Map();
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const stat = readMaybe(`/proc/${pid}/stat`);
      // The name of the program, in brackets, may have spaces.
      if (stat) parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    }
    const below = (pid) => pid === root || (parents.has(pid) && below(parents.get(pid)));
    let sum = 0;
    for (const pid of parents.keys()) {
      if (!below(pid)) continue;
      const lines = readMaybe(`/proc/${pid}/smaps_rollup`)?.matchAll(/^Private_\w+:\s+(\d+) kB$/gm) ?? [];
      for (const [, kilobytes] of lines) sum += Number(kilobytes) * 1024;
    }
    return sum;
  } catch {
    return undefined;
  }
}

/** Text of a file; undefined if its process has ended. */
function readMaybe(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
