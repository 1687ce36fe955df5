/** tinytrain: adapts a pre-trained convolutional network to a few labelled samples, inside a memory and a compute budget. */

export { TinyTrainError } from './status.js';
export { TinyTrain } from './tinytrain.js';
export type * from './types.js';
