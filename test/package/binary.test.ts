import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { chooseBinary, type compileBinary, provideBinary } from '../../src/binary.js';
import { TinyTrain } from '../../src/node/index.js';
import type { Binary } from '../../src/types.js';
import '../relaxed.js';

const url = (file: string) => new URL(`../../build/${file}`, import.meta.url);
const FILES = { scalar: 'tinytrain.wasm', simd: 'tinytrain.simd.wasm', relaxed: 'tinytrain.relaxed.wasm' } as const;
const kinds = Object.entries(FILES) as [Binary, string][];

describe('the binary', () => {
  afterEach(() => vi.restoreAllMocks());

  it('is relaxed only where that is asked for', async () => {
    expect(await chooseBinary()).toBe('simd');
    expect(await chooseBinary('auto')).toBe('simd');
    expect(await chooseBinary('relaxed')).toBe('relaxed');
  });

  it.each([
    ['simd', "no WebAssembly SIMD: use binary 'scalar' or 'auto'"],
    [
      'relaxed',
      "no relaxed SIMD of WebAssembly (Node 20 has it with --experimental-wasm-relaxed-simd): use binary 'auto'",
    ],
  ] as const)('%s: where the host does not have it, one line says what to do', async (binary, line) => {
    vi.spyOn(WebAssembly, 'validate').mockReturnValue(false);
    await expect(TinyTrain.load('small', { binary })).rejects.toThrow(`this host has ${line}`);
    expect((await TinyTrain.load('small')).binary).toBe('scalar');
  });

  it('relaxed: trains as SIMD does, up to rounding', async () => {
    const noise = (seed: number) => Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => Math.sin(i * i + seed));
    const support = Array.from({ length: 6 }, (_, i) => ({ image: noise(i), label: `class ${i % 2}` }));
    const adapted = async (binary: Binary) => {
      const tt = await TinyTrain.load('small', { binary });
      const report = await tt.adapt(support, { iterations: 3, augment: 'none' });
      expect(report.binary).toBe(binary);
      return report;
    };
    const [simd, relaxed] = [await adapted('simd'), await adapted('relaxed')];
    expect(relaxed.memory).toEqual(simd.memory);
    expect(relaxed.loss).toHaveLength(3);
    for (const [i, loss] of relaxed.loss.entries()) expect(loss / simd.loss[i]!).toBeCloseTo(1, 4);
  });

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
