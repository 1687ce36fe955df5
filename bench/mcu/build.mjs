// Builds programs for the boards (and for Linux, over wasm2c) and runs them. Everything that is made lies in build/mcu,
// under a hash of what it was made of, so nothing is made twice.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { translate } from './translate.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const wamrHost = join(here, '../wamr');
/** Where everything is made. */
export const OUT = fileURLToPath(new URL('../../build/mcu/', import.meta.url));
const run = promisify(execFile);

/**
 * The boards, as QEMU has them: flash is what lies at address 0 (made read-only by the startup code), RAM the block
 * at 0x20000000, the store the PSRAM.
 */
export const BOARDS = {
  m7: {
    machine: 'mps2-an500',
    flags: ['-mcpu=cortex-m7', '-mthumb', '-mfloat-abi=hard', '-mfpu=fpv5-d16'],
    store: 0x60000000,
  },
  m4: {
    machine: 'mps2-an386',
    flags: ['-mcpu=cortex-m4', '-mthumb', '-mfloat-abi=hard', '-mfpu=fpv4-sp-d16'],
    store: 0x21000000,
  },
};
const FLASH_MOST = 4 << 20;
const RAM_MOST = 4 << 20;
const STORE_MOST = 16 << 20;
const RAM = 0x20000000;

const C_FLAGS = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-ffunction-sections', '-fdata-sections'];
/** A fused multiply-add rounds once where WebAssembly rounds twice: no compiler may make one. */
const STRICT = '-ffp-contract=off';
/**
 * wasm2c's own style of C: unused functions and variables, labels before declarations. Sums as the kernels write them: with
 * the compiler's own order, int8 products take a fifth more instructions, as it has not enough registers for it.
 */
const TRANSLATED = ['-O2', '-fno-tree-reassoc', '-w', '-DNDEBUG'];

/** Names what was made of these. */
export const hashOf = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
};

/** Makes a folder once for what `key` says: `make` fills a temporary folder, which then gets the name. Returns its path. */
export async function once(kind, key, make) {
  const folder = join(OUT, kind, hashOf(key));
  if (existsSync(folder)) return folder;
  mkdirSync(join(OUT, kind), { recursive: true });
  const work = `${folder}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  mkdirSync(work);
  try {
    await make(work);
    if (!existsSync(folder)) renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

/** Runs a tool; its first line of complaint becomes the message. */
async function tool(command, args, options = {}) {
  try {
    return (await run(command, args, { maxBuffer: 1 << 26, ...options })).stdout;
  } catch (error) {
    if (error.code === 'ENOENT') {
      throw new Error(`${command} is missing: run scripts/install-mcu-tools.sh, which says what is needed`);
    }
    const text = `${error.stderr ?? ''}${error.stdout ?? ''}`;
    const line = text.split('\n').find((l) => /error:|undefined|overflowed/i.test(l)) ?? text.trim().split('\n').at(-1);
    throw new Error(`${command}: ${line || error.message}`);
  }
}

const headers = (folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.h'))
    .map((name) => readFileSync(join(folder, name)));

/** Compiles a source; returns the path of the object. */
async function object(compiler, source, flags, includes) {
  const key = hashOf(compiler, flags.join(' '), readFileSync(source), ...includes.flatMap(headers));
  const folder = await once('objects', key, async (work) => {
    const args = [...flags, ...includes.flatMap((path) => ['-I', path]), '-c', source, '-o', join(work, 'o')];
    await tool(compiler, args);
  });
  return join(folder, 'o');
}

/** The translated module: folder and C files. */
async function translated(wasm) {
  const key = hashOf(readFileSync(wasm), readFileSync(join(here, 'translate.mjs')));
  const folder = await once('wasm2c', key, (work) => translate(wasm, work));
  return { folder, sources: ['translated.c', 'translated_exports.c'].map((name) => join(folder, name)) };
}

/** WAMR for a board: the library and the folder of its header. */
async function wamr(board, fast) {
  const port = join(here, 'wamr');
  const root = execFileSync('sh', [join(wamrHost, 'get-wamr.sh'), join(OUT, 'wamr')], { encoding: 'utf8' }).trim();
  const files = ['CMakeLists.txt', 'platform/platform.c', 'platform/platform_internal.h', '../board/board.h'].map(
    (name) => readFileSync(join(port, name)),
  );
  const key = hashOf(root, board.flags.join(' '), String(fast), ...files);
  const folder = await once('vmlib', key, async (work) => {
    const settings = {
      WAMR_ROOT: root,
      WAMR_BUILD_FAST_INTERP: fast ? 1 : 0,
      CMAKE_C_COMPILER: 'arm-none-eabi-gcc',
      CMAKE_ASM_COMPILER: 'arm-none-eabi-gcc',
      CMAKE_C_FLAGS: board.flags.join(' '),
      CMAKE_ASM_FLAGS: board.flags.join(' '),
    };
    const flags = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
    await tool('cmake', ['-S', port, '-B', join(work, 'cmake'), ...flags]);
    await tool('cmake', ['--build', join(work, 'cmake'), '-j', '2']);
    renameSync(join(work, 'cmake/libvmlib.a'), join(work, 'libvmlib.a'));
    rmSync(join(work, 'cmake'), { recursive: true });
  });
  return { library: join(folder, 'libvmlib.a'), include: join(root, 'core/iwasm/include') };
}

/** Objects of an engine for a compiler, and the folder that has its wasm_export.h. */
async function engineObjects(engine, compiler, flags, wasm, board) {
  if (engine === 'wasm2c') {
    const { folder, sources } = await translated(wasm);
    const include = join(here, 'wasm2c');
    const objects = await Promise.all([
      ...sources.map((source) => object(compiler, source, [...flags, ...TRANSLATED, STRICT], [include, folder])),
      object(compiler, join(include, 'wasm2c_export.c'), [...flags, ...C_FLAGS, '-O2'], [include, join(here, 'board')]),
    ]);
    return { objects, include };
  }
  const { library, include } = await wamr(board, engine === 'fast');
  return { objects: [library], include };
}

/**
 * Builds a program for a board; returns the ELF file and its sizes.
 *
 * `sources` are C files of this folder or paths, `generated` a folder with files made for this program (its headers and
 * .S files are seen), `wasm` the module.
 */
export async function buildBoard({
  board,
  engine,
  wasm,
  sources,
  generated,
  ram,
  stack,
  flash = FLASH_MOST,
  store = 0,
}) {
  const { flags, store: storeOrigin } = BOARDS[board];
  const limit = (name, value, most) => {
    if (!(value >= 0 && value <= most))
      throw new Error(`${name} must be 0 to ${most} bytes on this board, got ${value}`);
  };
  limit('--ram', ram, RAM_MOST);
  limit('--flash', flash, FLASH_MOST);
  limit('--store', store, STORE_MOST);
  const compiler = 'arm-none-eabi-gcc';
  const { objects: engineFiles, include } = await engineObjects(engine, compiler, flags, wasm, BOARDS[board]);
  const boardFolder = join(here, 'board');
  const includes = [include, boardFolder, wamrHost, here, ...(generated ? [generated] : [])];
  const own = ['startup.c', 'semihosting.c', 'counter.c'].map((name) => join(boardFolder, name));
  const cFlags = [...flags, ...C_FLAGS, '-Os', STRICT, ...(engine === 'classic' ? ['-DCLASSIC=1'] : [])];
  const objects = [];
  for (const source of [...own, ...sources]) {
    const assembler = source.endsWith('.S');
    objects.push(await object(compiler, source, assembler ? flags : cFlags, includes));
  }
  objects.push(...engineFiles); // a library, perhaps: behind what calls it
  const script = join(boardFolder, 'board.ld');
  const symbols = {
    FLASH_ORIGIN: 0,
    FLASH_BYTES: flash,
    RAM_ORIGIN: RAM,
    RAM_BYTES: ram,
    STORE_ORIGIN: storeOrigin,
    STORE_BYTES: store,
    STACK_BYTES: stack,
  };
  const key = hashOf(objects.join(' '), JSON.stringify(symbols), readFileSync(script));
  const folder = await once('elf', key, async (work) => {
    const defines = Object.entries(symbols).map(([name, value]) => `-Wl,--defsym=${name}=${value}`);
    await tool(compiler, [
      ...flags,
      '-nostartfiles',
      '--specs=nano.specs',
      '-Wl,--gc-sections',
      '-Wl,--no-warn-rwx-segments',
      ...defines,
      '-T',
      script,
      ...objects,
      '-Wl,--start-group',
      '-lc',
      '-lm',
      '-lgcc',
      '-Wl,--end-group',
      '-o',
      join(work, 'elf'),
    ]);
  });
  return join(folder, 'elf');
}

/** Builds a program for this machine over wasm2c; returns its path. */
export async function buildLinux({ wasm, sources }) {
  const { objects, include } = await engineObjects('wasm2c', 'cc', [], wasm);
  const includes = [include, join(here, 'board'), wamrHost, here];
  for (const source of sources) {
    objects.push(await object('cc', source, source.endsWith('.S') ? [] : [...C_FLAGS, '-O2', STRICT], includes));
  }
  const folder = await once('linux', hashOf(objects.join(' ')), async (work) => {
    await tool('cc', [...objects, '-lm', '-o', join(work, 'program')]);
  });
  return join(folder, 'program');
}

/** Runs a program; what it wrote, and its status. `seconds` ends it. */
export async function execute(command, args, seconds) {
  try {
    const { stdout, stderr } = await run(command, args, { timeout: seconds * 1000, maxBuffer: 1 << 26 });
    return { status: 0, stdout, stderr };
  } catch (error) {
    if (error.code === 'ENOENT') throw new Error(`${command} is missing: run scripts/install-mcu-tools.sh`);
    if (error.killed) throw new Error(`the program did not end within ${seconds} s (--timeout)`);
    return { status: error.code ?? error.signal, stdout: error.stdout, stderr: error.stderr };
  }
}

/** Runs a program on a board. */
export function emulate(board, elf, seconds) {
  const args = ['-M', BOARDS[board].machine, '-nographic', '-monitor', 'none', '-serial', 'none', '-icount', 'shift=0'];
  args.push('-semihosting-config', 'enable=on,target=native', '-kernel', elf);
  return execute('qemu-system-arm', args, seconds);
}
