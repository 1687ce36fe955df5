import type { Engine } from '../../src/node/engine.js';

export const TinyTrain: Engine;
export const calls: [string, ...unknown[]][];
export const behaviour: { slow: number; fail: string | undefined; margin: number };
