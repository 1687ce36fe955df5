// Runs a job on a board, or on Linux over wasm2c, and in Node.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sha256 } from '../../dist/patchfile.js';
import { TinyTrain } from '../../dist/tinytrain.js';
import { buildBoard, buildLinux, emulate, execute } from './build.mjs';
import { makeData } from './make-data.mjs';

const here = import.meta.dirname;
const HOST = ['tinytrain_host.c', 'tinytrain_status.c', 'adapt.c'].map((name) => join(here, '../wamr', name));
const OWN = ['job.c', 'store.c', 'sha256.c'].map((name) => join(here, name));
const WASM = resolve(here, '../../build/tinytrain.wasm');
/** A C stack that is enough for every engine; its high-water mark is measured. */
const STACK = 8 << 10;
/** Arena of a model that Node refuses, beyond its size: the board shall be the one that says why. */
const SPARE = 64 << 10;

/** The job in Node, scalar: hash of the patch, accuracy, and the memory that it took. */
export async function runNode({ model, support, queries, options }) {
  const node = await TinyTrain.load(model, { binary: 'scalar' });
  const { memory, loss } = await node.adapt(support, options);
  const right = queries.filter(({ image, label }) => node.classify(image).label === label).length;
  const patch = node.patch();
  return {
    sha256: sha256(patch),
    patchBytes: patch.length,
    right,
    queries: queries.length,
    loss,
    peakBytes: memory.peakBytes,
  };
}

/**
 * The job on a board (m7, m4; engine wasm2c, fast or classic), or on Linux (engine linux-wasm2c). What the program printed, with
 * its exit status; a build that does not fit is an Error.
 */
export async function runJob(job) {
  const { engine, board = 'm7', wasm = WASM, seconds = 600, ram = 4 << 20, stack = STACK, flash, store = 0 } = job;
  const interpreted = engine === 'fast' || engine === 'classic';
  const arena = job.arena ?? job.model.length + SPARE;
  const data = await makeData({
    ...job,
    arena,
    ram: job.linear ?? 0,
    wasm: interpreted ? readFileSync(wasm) : undefined,
  });
  const load = join(here, interpreted ? 'wamr/load.c' : 'wasm2c/load.c');
  const sources = [...OWN, ...HOST, load, ...data];
  let result;
  if (engine === 'linux-wasm2c') {
    const program = await buildLinux({ wasm, sources: [...sources, join(here, 'board/linux.c')] });
    result = await execute(program, [], seconds);
  } else {
    result = await emulate(
      board,
      await buildBoard({ board, engine, wasm, sources, ram, stack, flash, store }),
      seconds,
    );
  }
  let printed;
  try {
    printed = JSON.parse(result.stdout);
  } catch {
    const said = `${result.stdout}${result.stderr}`.trim().split('\n').at(-1);
    throw new Error(`the program ended with status ${result.status}: ${said || 'it said nothing'}`);
  }
  return { ...printed, exit: result.status };
}
