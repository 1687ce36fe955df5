/** tinytrain in a thread of its own: the page's main thread only sends and receives. */

export { TinyTrainError } from '../status.js';
export type * from '../types.js';
export type { TransferOptions, WorkerLoadOptions } from './client.js';
export { TinyTrain } from './client.js';
