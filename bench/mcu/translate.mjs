// Translates a module to C with wasm2c, and writes the table of its exports that wasm2c/module.h declares.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The translator whose runtime wasm2c/wasm-rt.h is. */
const VERSION = '1.0.32';

/**
 * wasm2c's check of bounds adds in 64 bits, which takes five instructions on a 32-bit machine. The shorter one stops
 * every access that would leave linear memory there, too. They differ where a pointer and its constant offset overflow 32
 * bits: the sum then wraps around to an address inside, where WebAssembly has a trap; a sound module does neither.
 */
const CHECK = '#define MEMCHECK(mem, a, t) RANGE_CHECK(mem, a, sizeof(t))';
const SHORT_CHECK = `#if UINTPTR_MAX > 0xffffffffu
${CHECK}
#else
#define MEMCHECK(mem, a, t) if (UNLIKELY((u32)(a) > mem->size - (u32)sizeof(t))) TRAP(OOB);
#endif`;

/** Writes translated.c, translated_exports.c and the header between them into a folder; returns the paths of the C files. */
export function translate(wasm, folder) {
  let version;
  try {
    version = execFileSync('wasm2c', ['--version'], { encoding: 'utf8' }).trim();
  } catch {
    throw new Error('wasm2c is missing: install the Debian package wabt (scripts/install-mcu-tools.sh)');
  }
  if (version !== VERSION) throw new Error(`wasm2c of wabt ${VERSION} is needed, this one is ${version}`);
  const module = join(folder, 'translated.c');
  execFileSync('wasm2c', [wasm, '-n', 'module', '-o', module]);
  const code = readFileSync(module, 'utf8');
  if (code.split(CHECK).length !== 2) throw new Error('wasm2c: its check of bounds is not where it is expected');
  writeFileSync(module, code.replace(CHECK, SHORT_CHECK));
  const exports = join(folder, 'translated_exports.c');
  writeFileSync(exports, table(wasm, readFileSync(join(folder, 'translated.h'), 'utf8')));
  return [module, exports];
}

/** A function of arguments and result in 32-bit cells. */
function wrapper(name, symbol, result, types) {
  const cell = (type, i) => {
    if (type === 'u32') return `cells[${i}]`;
    if (type === 'f32') return `float_of(cells[${i}])`;
    throw new Error(`wasm2c: the export ${name} takes a ${type}; only u32 and f32 are known`);
  };
  const call = `${symbol}(${['instance', ...types.map(cell)].join(', ')})`;
  const body = { void: `${call};`, u32: `cells[0] = ${call};`, f32: `cells[0] = bits_of(${call});` }[result];
  if (!body) throw new Error(`wasm2c: the export ${name} returns a ${result}; only u32 and f32 are known`);
  return `static void call_${name}(void *instance, uint32_t *cells)\n{\n    (void)cells;\n    ${body}\n}\n`;
}

function table(wasm, header) {
  const bytes = readFileSync(wasm);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  const base = exports.__heap_base?.value;
  if (base === undefined) throw new Error(`${wasm}: it does not export __heap_base`);
  const found = header.matchAll(
    /\/\* export: '(\w+)' \*\/\n(u32|f32|u64|f64|void) (\w+)\(Z_module_instance_t\*(.*)\);/g,
  );
  const functions = [...found].map(([, name, result, symbol, rest]) => {
    const types = rest.split(', ').slice(1);
    return { name, types, result, code: wrapper(name, symbol, result, types) };
  });
  const letter = (type) => (type === 'f32' ? 'f' : 'i');
  const rows = functions.map(
    ({ name, types, result }) =>
      `    { "${name}", "${types.map(letter).join('')}", "${result === 'void' ? '' : letter(result)}", call_${name} },`,
  );
  return `/* Made by bench/mcu/translate.mjs. */
#include "translated.h"
#include "module.h"

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

${functions.map(({ code }) => code).join('\n')}
const struct wasm2c_function wasm2c_functions[] = {
${rows.join('\n')}
    { 0, 0, 0, 0 },
};
const size_t wasm2c_function_count = ${rows.length};
const size_t wasm2c_instance_bytes = sizeof(Z_module_instance_t);
const uint32_t wasm2c_heap_base = ${base};

void wasm2c_instantiate(void *instance)
{
    Z_module_init_module();
    Z_module_instantiate(instance);
}

wasm_rt_memory_t *wasm2c_memory(void *instance)
{
    return Z_moduleZ_memory(instance);
}
`;
}
