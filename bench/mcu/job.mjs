// Runs a job on a board, or on Linux over wasm2c, and in Node.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sha256 } from '../../dist/patchfile.js';
import { TinyTrain } from '../../dist/tinytrain.js';
import { buildBoard, buildLinux, emulate, execute } from './build.mjs';
import { makeData } from './make-data.mjs';

const here = import.meta.dirname;
const HOST = ['tinytrain_host.c', 'tinytrain_status.c', 'adapt.c', 'views.c', 'crc32.c'].map((name) =>
  join(here, '../wamr', name),
);
const OWN = ['job.c', 'store.c', 'sha256.c'].map((name) => join(here, name));
const WASM = resolve(here, '../../build/tinytrain.wasm');
/** A C stack that is enough for every engine; its high-water mark is measured. */
const STACK = 8 << 10;
/** A limit of linear memory that no job reaches: with one, Node leaves the weights outside, too. */
const PLENTY = 1 << 30;
/** Arena where Node did not say what is needed. */
const SPARE = 64 << 10;

/**
 * The job in Node, scalar, with the weights outside as on a board: hash of the patch, accuracy, and the linear memory
 * that it took. `linear` limits that memory.
 */
export async function runNode({ model, support, queries, options, linear = PLENTY }) {
  const node = await TinyTrain.load(model, { binary: 'scalar' });
  const { memory, loss } = await node.adapt(support, { ...options, ram: linear });
  const right = queries.filter(({ image, label }) => node.classify(image).label === label).length;
  const patch = node.patch();
  return {
    sha256: await sha256(patch),
    patchBytes: patch.length,
    right,
    queries: queries.length,
    loss,
    peakBytes: memory.peakBytes,
  };
}

/** Where the arena begins. */
function heapBase(wasm) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(wasm)));
  return (exports.__heap_base.value + 15) & ~15;
}

/**
 * The job on a board (m7, m4; engine wasm2c, fast or classic), or on Linux (engine linux-wasm2c). What the program printed, with
 * its exit status; `peak` is the linear memory that Node found to be needed, `linear` a limit of it. A build that does not fit is an Error.
 */
export async function runJob(job) {
  const { engine, board = 'm7', wasm = WASM, seconds = 600, ram = 4 << 20, stack = STACK, flash, store = 0 } = job;
  const interpreted = engine === 'fast' || engine === 'classic';
  const arena = job.peak === undefined ? SPARE : job.peak - heapBase(wasm);
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
  if (printed.lossBits) printed.loss = [...new Float32Array(Uint32Array.from(printed.lossBits).buffer)];
  return { ...printed, exit: result.status };
}
