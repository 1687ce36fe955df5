import { readFileSync } from 'node:fs';
import '../relaxed.js';

/** The binaries that give equal bits on every machine. */
export const EXACT = ['kernels.wasm', 'kernels.simd.wasm'] as const;
/** The binaries that every kernel test runs on. */
export const BINARIES = [...EXACT, 'kernels.relaxed.wasm'] as const;

/** The sizes of a windowed operator, as in assembly/kernels/geometry.ts. */
export interface Geometry {
  inH: number;
  inW: number;
  inC: number;
  outH: number;
  outW: number;
  outC: number;
  kernelH: number;
  kernelW: number;
  strideH: number;
  strideW: number;
  padTop: number;
  padLeft: number;
  padBottom: number;
  padRight: number;
  activation: number;
  limit: number;
}

/** A geometry from what a test cares about; the output size follows from kernel, stride and padding. */
export function geometry(g: Partial<Geometry> & { inH: number; inW: number; inC: number }): Geometry {
  const full = {
    outC: g.inC,
    kernelH: 1,
    kernelW: 1,
    strideH: 1,
    strideW: 1,
    padTop: 0,
    padLeft: 0,
    padBottom: 0,
    padRight: 0,
    activation: 0,
    limit: Number.POSITIVE_INFINITY,
    outH: 0,
    outW: 0,
    ...g,
  };
  full.outH = Math.floor((full.inH + full.padTop + full.padBottom - full.kernelH) / full.strideH) + 1;
  full.outW = Math.floor((full.inW + full.padLeft + full.padRight - full.kernelW) / full.strideW) + 1;
  return full;
}

/** A kernel module with a bump allocator over its memory; `reset` gives everything back. */
export class Kernels {
  readonly call: Record<string, (...args: number[]) => number>;
  readonly memory: WebAssembly.Memory;
  #top = 0;
  readonly #base: number;

  constructor(readonly file: string) {
    const bytes = readFileSync(new URL(`../../build/${file}`, import.meta.url));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
    this.call = instance.exports as never;
    this.memory = instance.exports.memory as WebAssembly.Memory;
    const base = (instance.exports.__heap_base as WebAssembly.Global).value as number;
    this.#base = (base + 15) & ~15;
    this.memory.grow(256);
    this.reset();
  }

  reset(): void {
    this.#top = this.#base;
  }

  /** `bytes` bytes at a 16-byte boundary, followed by a gap that holds a pattern: see `intact`. */
  alloc(bytes: number): number {
    const at = this.#top;
    this.#top = (at + bytes + 15 + 64) & ~15;
    new Uint8Array(this.memory.buffer, at + bytes, this.#top - at - bytes).fill(0xa5);
    return at;
  }

  /** True if the gap behind an allocation still holds its pattern: the kernel wrote inside its output. */
  intact(at: number, bytes: number): boolean {
    return new Uint8Array(this.memory.buffer, at + bytes, 64).every((b) => b === 0xa5);
  }

  floats(values: ArrayLike<number>): number {
    const at = this.alloc(values.length * 4);
    new Float32Array(this.memory.buffer, at, values.length).set(values);
    return at;
  }

  u16(values: ArrayLike<number>): number {
    const at = this.alloc(values.length * 2);
    new Uint16Array(this.memory.buffer, at, values.length).set(values);
    return at;
  }

  geometry(g: Geometry): number {
    const at = this.alloc(64);
    const order = [
      g.inH,
      g.inW,
      g.inC,
      g.outH,
      g.outW,
      g.outC,
      g.kernelH,
      g.kernelW,
      g.strideH,
      g.strideW,
      g.padTop,
      g.padLeft,
      g.padBottom,
      g.padRight,
      g.activation,
    ];
    new Int32Array(this.memory.buffer, at, 15).set(order);
    new Float32Array(this.memory.buffer, at + 60, 1)[0] = g.limit;
    return at;
  }

  read(at: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, length).slice();
  }
}

/** Seeded values in [-1, 1): a 32-bit mixing generator, the same on every machine. */
export function randoms(length: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 31 - 1;
  });
}
