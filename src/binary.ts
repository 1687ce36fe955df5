import { simd } from 'wasm-feature-detect';
import { oneOf } from './options.js';
import { read } from './resources.js';
import { TinyTrainError } from './status.js';
import type { BinaryChoice, LoadOptions } from './types.js';

export type Binary = 'scalar' | 'simd';

const compiled = new Map<Binary, Promise<WebAssembly.Module>>();

/** The binary to run: as asked for, or SIMD where the host has it. */
export async function chooseBinary(choice: BinaryChoice = 'auto'): Promise<Binary> {
  oneOf('binary', choice, ['auto', 'scalar', 'simd']);
  const can = await simd();
  if (choice === 'simd' && !can) throw new Error("this host has no WebAssembly SIMD: use binary 'scalar' or 'auto'");
  return choice === 'auto' ? (can ? 'simd' : 'scalar') : choice;
}

/** The compiled module of a binary: embedded, so that no file or URL has to be found; loaded when chosen, compiled once. */
export function compileBinary(binary: Binary): Promise<WebAssembly.Module> {
  let module = compiled.get(binary);
  if (!module) {
    module = (binary === 'simd' ? import('./wasm/simd.js') : import('./wasm/scalar.js'))
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
  oneOf('binary', binary, ['auto', 'scalar', 'simd']);
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
        : `module cannot be compiled: give tinytrain.wasm or tinytrain.simd.wasm of this package, or leave it out (${message})`,
    );
  }
}

/** Which binary a module is, by the section that scripts/build-wasm.mjs adds. */
function kindOf(module: WebAssembly.Module): Binary {
  const [section] = WebAssembly.Module.customSections(module, 'tinytrain');
  const kind = section && new TextDecoder().decode(section);
  if (kind === 'scalar' || kind === 'simd') return kind;
  throw new TinyTrainError(
    'module is no binary of tinytrain: give tinytrain.wasm or tinytrain.simd.wasm of this package, or leave it out',
  );
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
