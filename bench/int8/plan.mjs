// What bench/int8-accuracy.mjs runs.

export const NETWORKS = ['mcunet-5fps', 'mbv2-w0.35', 'proxyless-w0.3'];
export const DOMAINS = ['gtsrb', 'birds', 'satellite'];
export const TASKS = 10;
/**
 * Methods that leave something frozen, and on how many tasks of each domain at most: none is quick (--tasks 30), biasonly takes
 * as long as all the others together.
 */
export const METHODS = { none: 30, lastlayer: TASKS, biasonly: 2, sparseupdate: TASKS, tinytrain: TASKS };
/** Limits of all linear memory, KB. */
export const LIMITS = [512, 384, 320, 256];
