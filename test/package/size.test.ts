import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import '../relaxed.js';

/** Limits in bytes: a microcontroller's flash and a page's first load depend on them. */
const LIMITS = {
  'tinytrain.wasm': 40 * 1024,
  'tinytrain.simd.wasm': 64 * 1024,
  'tinytrain.relaxed.wasm': 64 * 1024,
};

test.each(Object.entries(LIMITS))('%s has at most %i bytes', (file, limit) => {
  expect(statSync(new URL(`../../build/${file}`, import.meta.url)).size).toBeLessThanOrEqual(limit);
});

test.each(
  Object.keys(LIMITS),
)('%s imports nothing, has no start function and does not grow its memory', async (file) => {
  const { readFileSync } = await import('node:fs');
  const bytes = readFileSync(new URL(`../../build/${file}`, import.meta.url));
  const module = new WebAssembly.Module(bytes);
  expect(WebAssembly.Module.imports(module)).toEqual([]);
  const { __heap_base, __data_end } = new WebAssembly.Instance(module).exports as Record<string, WebAssembly.Global>;
  // WAMR cuts linear memory at __heap_base, unless __data_end rounded up to 16 is beyond it.
  expect([__heap_base!.value % 16, __data_end!.value % 16]).toEqual([0, 0]);
  const names = WebAssembly.Module.exports(module).map((e) => e.name);
  expect(names).toEqual(expect.arrayContaining(['memory', '__heap_base', '__data_end', 'control', 'open', 'step']));
  const { default: binaryen } = await import('binaryen');
  const parsed = binaryen.readBinary(bytes);
  const text = parsed.emitText();
  parsed.dispose();
  expect(text).not.toMatch(/\(memory\.(grow|size)/);
  expect(text).not.toMatch(/\n \(start /);
});
