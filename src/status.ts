/** Codes of the engine (assembly/engine/status.ts) and what they mean to a person. */

export const DONE = 0;
export const SAMPLE = 1;
export const STORE = 2;
export const FETCH = 3;
export const YIELD = 4;
export const ITERATION = 5;
export const SLICE = 6;
export const SHARE = 7;
export const GATHER = 8;
export const NEED_MEMORY = -6;
const BUDGET = -10;

/** What a message may have to name. */
export interface Details {
  /** The operator, layer, class or sample that the status is about. */
  detail: number;
  name?: (index: number) => string;
  leastBytes: number;
  leastMacs: number;
  memoryBudget: number;
  computeBudget: number;
  needBytes: number;
  leastRam: number;
  /** 0: none. */
  ramBudget: number;
}

const MESSAGES: Record<number, (d: Details) => string> = {
  [-1]: () => 'not a .ttm model: it does not begin with TTM1',
  [-2]: () => 'not a usable .ttm model: its version is unknown, expected 1',
  [-3]: () => 'not a usable .ttm model: truncated, or longer than it says',
  [-4]: () => 'not a usable .ttm model: its checksum does not match, the file is damaged',
  [-5]: (d) => `not a usable .ttm model: ${d.detail < 0 ? 'its header' : `operator ${d.detail}`} is out of range`,
  [NEED_MEMORY]: (d) => `the run needs ${d.needBytes} bytes of memory, more than this host gives`,
  [-7]: () => 'training needs at least two classes: add samples of another class',
  [-8]: (d) => `class ${d.detail} has no sample: give it one or leave it out`,
  [-9]: (d) => `sample ${d.detail} has a label that is no class`,
  [BUDGET]: budget,
  [-11]: () => 'call out of order: open a model and begin a job first',
  [-12]: (d) => `selection: layer ${d.name?.(d.detail) ?? d.detail} names a channel that it does not have`,
  [-13]: () => 'an option is out of range',
  [-14]: () => 'training diverged: the loss is no longer a number; lower the learning rate (--lr)',
  [-15]: () => 'not a patch: it does not begin with TTD1',
  [-16]: () => 'not a usable patch: its version is unknown, expected 1',
  [-17]: () => 'not a usable patch: truncated, or longer than it says',
  [-18]: () => 'not a usable patch: its checksum does not match, the file is damaged',
  [-19]: () => 'the patch was made for another model: use the model that it was made with',
  [-20]: () => 'not a usable patch: a field is out of range',
  [-21]: (d) => `this run needs ${d.needBytes} bytes of RAM, more than the ${d.ramBudget} given (--ram)`,
};

function budget(d: Details): string {
  if (d.leastMacs === Number.POSITIVE_INFINITY) return 'the model has no layer that can be trained';
  if (d.leastBytes > d.memoryBudget) {
    return `a memory budget of ${d.memoryBudget} bytes is too small to train anything: the least possible is ${d.leastBytes} bytes`;
  }
  if (d.leastMacs > d.computeBudget) {
    return `a compute budget of ${d.computeBudget} MACs is too small to train anything: the least possible is ${d.leastMacs} MACs`;
  }
  if (d.ramBudget > 0 && d.leastRam > d.ramBudget) {
    return `${d.ramBudget} bytes of RAM are too few to train anything: the least possible is ${d.leastRam} bytes`;
  }
  return `no layer fits both budgets: the least possible, each alone, is ${d.leastBytes} bytes and ${d.leastMacs} MACs`;
}

/** An error that says in one line what is wrong and what to do. */
export class TinyTrainError extends Error {
  override name = 'TinyTrainError';
}

/** The error of a status below zero. */
export function statusError(status: number, details: Details): TinyTrainError {
  return new TinyTrainError(MESSAGES[status]?.(details) ?? `unknown status ${status} of the engine`);
}
