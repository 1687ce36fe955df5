/**
 * Every code that an export returns. Zero and above: what `step` wants of the host; below zero: what is wrong.
 * src/status.ts turns them into messages; docs/abi.md lists them for hosts in other languages.
 */

// Answers of `step`.
/** The job is finished. */
export const DONE: i32 = 0;
/** Write sample `ioIndex` (h * w * c floats, preprocessed) to `ioPointer`, then step on. */
export const SAMPLE: i32 = 1;
/** Keep `ioBytes` bytes at `ioPointer` under the key `ioIndex`. */
export const STORE: i32 = 2;
/** Write what was kept under the key `ioIndex` back to `ioPointer`. */
export const FETCH: i32 = 3;
/** The budget of steps is used up; nothing is needed. */
export const YIELD: i32 = 4;
/** An iteration has ended; `loss` holds its loss. */
export const ITERATION: i32 = 5;
/** Write `ioBytes` bytes of the model's file from offset `ioIndex` on to `ioPointer`. */
export const SLICE: i32 = 6;
/** Hand the `ioBytes` bytes at `ioPointer` on to the instance `ioIndex`, or (-1) to all others. */
export const SHARE: i32 = 7;
/** Write what the instance `ioIndex` has handed on to `ioPointer`. */
export const GATHER: i32 = 8;

// Errors.
export const MODEL_MAGIC: i32 = -1;
export const MODEL_VERSION: i32 = -2;
/** The file is shorter or longer than it says. */
export const MODEL_SIZE: i32 = -3;
export const MODEL_CHECKSUM: i32 = -4;
/** A field of the header (`detail` -1) or of operator `detail` is out of range. */
export const MODEL_INVALID: i32 = -5;
/** The arena is too small: `needBytes` says how many bytes it must have. */
export const NEED_MEMORY: i32 = -6;
/** Fewer than two classes or none at all. */
export const TASK_WAYS: i32 = -7;
/** Class `detail` has no sample. */
export const TASK_EMPTY_CLASS: i32 = -8;
/** The label of sample `detail` is not below the number of classes. */
export const TASK_LABEL: i32 = -9;
/** Nothing can be trained inside the budgets: `leastBytes` and `leastMacs` say the least possible. */
export const BUDGET: i32 = -10;
/** A call that does not fit the state: no model, no job. */
export const ORDER: i32 = -11;
/** The selection of layer `detail` is no rising list of its channels. */
export const SELECTION: i32 = -12;
/** An option of the control block is out of range. */
export const OPTION: i32 = -13;
/** The loss is no longer a finite number. */
export const DIVERGED: i32 = -14;
export const PATCH_MAGIC: i32 = -15;
export const PATCH_VERSION: i32 = -16;
export const PATCH_SIZE: i32 = -17;
export const PATCH_CHECKSUM: i32 = -18;
/** The patch was made for another model. */
export const PATCH_MODEL: i32 = -19;
/** A field of the patch is out of range. */
export const PATCH_INVALID: i32 = -20;
/** What is to run needs `needBytes` bytes of linear memory, more than `ramBudget`. */
export const RAM: i32 = -21;
