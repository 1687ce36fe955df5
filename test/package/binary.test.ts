import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type compileBinary, provideBinary } from '../../src/binary.js';
import '../../src/node/index.js';

const url = (file: string) => new URL(`../../build/${file}`, import.meta.url);
const FILES = { scalar: 'tinytrain.wasm', simd: 'tinytrain.simd.wasm' } as const;
const kinds = Object.entries(FILES) as ['scalar' | 'simd', string][];

describe('the binary', () => {
  it.each(kinds)('%s: given as a module, as bytes, as a URL or as a path', async (binary, file) => {
    const bytes = readFileSync(url(file));
    const module = new WebAssembly.Module(bytes);
    expect(await provideBinary({ module })).toEqual({ binary, module });
    for (const given of [bytes, new Uint8Array(bytes).buffer, url(file), url(file).pathname]) {
      const provided = await provideBinary({ module: given, binary });
      expect(provided.binary).toBe(binary);
      expect(WebAssembly.Module.exports(provided.module)).toEqual(WebAssembly.Module.exports(module));
    }
  });

  it('that is another than asked for, none of this package, or no WebAssembly is refused', async () => {
    const module = readFileSync(url(FILES.scalar));
    await expect(provideBinary({ module, binary: 'simd' })).rejects.toThrow(
      "module is the scalar binary, and binary 'simd'",
    );
    const other = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    await expect(provideBinary({ module: other })).rejects.toThrow('module is no binary of tinytrain');
    await expect(provideBinary({ module: new Uint8Array(8) })).rejects.toThrow('module cannot be compiled');
    await expect(provideBinary({ module: '/no/such.wasm' })).rejects.toThrow('/no/such.wasm');
    await expect(provideBinary({ module, binary: 'both' as never })).rejects.toThrow('binary must be one of');
  });

  describe('embedded', () => {
    afterEach(() => vi.unstubAllGlobals());

    it.each(kinds)('%s: is that of the file, with and without a decompressor of the host', async (binary, file) => {
      const compile = vi.spyOn(WebAssembly, 'compile');
      for (const missing of [false, true]) {
        if (missing) vi.stubGlobal('DecompressionStream', undefined);
        vi.resetModules();
        const fresh = (await import('../../src/binary.js')) as { compileBinary: typeof compileBinary };
        compile.mockClear();
        await fresh.compileBinary(binary);
        const wanted = readFileSync(url(file));
        // Tools that load modules for this test may compile WebAssembly of their own.
        const given = compile.mock.calls.map(([bytes]) => Buffer.from(bytes as ArrayBuffer));
        expect(given.some((bytes) => bytes.equals(wanted))).toBe(true);
      }
      compile.mockRestore();
    });
  });
});
