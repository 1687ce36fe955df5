import { relaxedSimd, simd } from 'wasm-feature-detect';
import { BINARIES, oneOf } from './options.js';
import { read } from './resources.js';
import { TinyTrainError } from './status.js';
import type { Binary, BinaryChoice, LoadOptions } from './types.js';

const EMBEDDED = {
  scalar: () => import('./wasm/scalar.js'),
  simd: () => import('./wasm/simd.js'),
  relaxed: () => import('./wasm/relaxed.js'),
};
const FILES = 'tinytrain.wasm, tinytrain.simd.wasm or tinytrain.relaxed.wasm';
const compiled = new Map<Binary, Promise<WebAssembly.Module>>();

/** The binary to run: as asked for, or SIMD where the host has it. Relaxed SIMD is never taken unasked. */
export async function chooseBinary(choice: BinaryChoice = 'auto'): Promise<Binary> {
  oneOf('binary', choice, BINARIES);
  if (choice === 'auto') return (await simd()) ? 'simd' : 'scalar';
  if (choice === 'simd' && !(await simd()))
    throw new TinyTrainError("this host has no WebAssembly SIMD: use binary 'scalar' or 'auto'");
  if (choice === 'relaxed' && !(await relaxedSimd()))
    throw new TinyTrainError(
      "this host has no relaxed SIMD of WebAssembly (Node 20 has it with --experimental-wasm-relaxed-simd): use binary 'auto'",
    );
  return choice;
}

/** The compiled module of a binary: embedded, so that no file or URL has to be found; loaded when chosen, compiled once. */
export function compileBinary(binary: Binary): Promise<WebAssembly.Module> {
  let module = compiled.get(binary);
  if (!module) {
    module = EMBEDDED[binary]()
      .then(({ deflated }) => inflate(deflated))
      .then(compile);
    compiled.set(binary, module);
  }
  return module;
}

/** The module to run, and which binary it is: the caller's own, or the embedded one of the caller's choice. */
export async function provideBinary({
  binary = 'auto',
  module: given,
}: Pick<LoadOptions, 'binary' | 'module'>): Promise<{ binary: Binary; module: WebAssembly.Module }> {
  if (given === undefined) {
    const chosen = await chooseBinary(binary);
    return { binary: chosen, module: await compileBinary(chosen) };
  }
  oneOf('binary', binary, BINARIES);
  const module = given instanceof WebAssembly.Module ? given : await compile(await bytesOf(given));
  const kind = kindOf(module);
  if (binary !== 'auto' && binary !== kind) {
    throw new TinyTrainError(
      `module is the ${kind} binary, and binary '${binary}' was asked for: leave one of them out`,
    );
  }
  return { binary: kind, module };
}

async function bytesOf(given: BufferSource | URL | string): Promise<BufferSource> {
  return (typeof given === 'string' || given instanceof URL ? await read(given) : given) as BufferSource;
}

async function compile(bytes: BufferSource): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    const { message } = error as Error;
    throw new TinyTrainError(
      WebAssembly.validate(bytes)
        ? `WebAssembly is refused here: a page's Content-Security-Policy must have 'wasm-unsafe-eval' in script-src (${message})`
        : `module cannot be compiled: give ${FILES} of this package, or leave it out (${message})`,
    );
  }
}

/** Which binary a module is, by the section that scripts/build-wasm.mjs adds. */
function kindOf(module: WebAssembly.Module): Binary {
  const [section] = WebAssembly.Module.customSections(module, 'tinytrain');
  const kind = section && new TextDecoder().decode(section);
  if (kind && Object.hasOwn(EMBEDDED, kind)) return kind as Binary;
  throw new TinyTrainError(`module is no binary of tinytrain: give ${FILES} of this package, or leave it out`);
}

/** What was deflated and written in base64. Hosts without a decompressor for it are those of before 2023. */
export async function inflate(deflated: string): Promise<BufferSource> {
  const bytes = Uint8Array.from(atob(deflated), (c) => c.charCodeAt(0));
  let stream: DecompressionStream;
  try {
    stream = new DecompressionStream('deflate-raw');
  } catch {
    return (await import('./inflate.js')).inflateSync(bytes) as Uint8Array<ArrayBuffer>;
  }
  return new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer();
}
