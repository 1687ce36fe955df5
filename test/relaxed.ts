import { setFlagsFromString } from 'node:v8';
import { relaxedSimd } from 'wasm-feature-detect';

/** Imported for what it does: from here on this process has relaxed SIMD, which Node 20 keeps behind a flag of V8. */
if (!(await relaxedSimd())) setFlagsFromString('--experimental-wasm-relaxed-simd');
if (!(await relaxedSimd()))
  throw new Error(`Node ${process.version} has no relaxed SIMD: run the tests with Node 20 or later`);
