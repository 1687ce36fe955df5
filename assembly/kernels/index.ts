/** The kernels alone, exported for their tests and benches. The engine (../index.ts) imports the files it needs. */

export * from './add';
export * from './augment';
export * from './depthwise';
export * from './optimizer';
export * from './pool';
export * from './prototype';
export * from './random';
export { __heap_base };
