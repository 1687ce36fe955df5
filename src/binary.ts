import { simd } from 'wasm-feature-detect';
import { oneOf } from './options.js';
import type { BinaryChoice } from './types.js';

export type Binary = 'scalar' | 'simd';

const compiled = new Map<Binary, Promise<WebAssembly.Module>>();

/** The binary to run: as asked for, or SIMD where the host has it. */
export async function chooseBinary(choice: BinaryChoice = 'auto'): Promise<Binary> {
  oneOf('binary', choice, ['auto', 'scalar', 'simd']);
  const can = await simd();
  if (choice === 'simd' && !can) throw new Error("this host has no WebAssembly SIMD: use binary 'scalar' or 'auto'");
  return choice === 'auto' ? (can ? 'simd' : 'scalar') : choice;
}

/** The compiled module of a binary: embedded as base64, so that no file or URL has to be found; compiled once. */
export function compileBinary(binary: Binary): Promise<WebAssembly.Module> {
  let module = compiled.get(binary);
  if (!module) {
    module = (binary === 'simd' ? import('./wasm/simd.js') : import('./wasm/scalar.js')).then(({ base64 }) =>
      WebAssembly.compile(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))),
    );
    compiled.set(binary, module);
  }
  return module;
}
