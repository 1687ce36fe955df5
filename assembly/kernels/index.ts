/** The kernels alone, exported for their tests and benches. The engine (../index.ts) imports the files it needs. */
export { __heap_base };
