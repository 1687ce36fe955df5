import type { CriterionName, Method, OptimizerName } from './types.js';

/** What applies unless the caller says otherwise. */
export const DEFAULTS = {
  method: 'tinytrain',
  memory: '1MB',
  compute: '15%',
  iterations: 40,
  variants: 8,
  views: 1,
  temperature: 10,
  augment: 'auto',
  seed: 0,
} as const;

/** Optimiser and learning rate of each method. `none` trains nothing; its entry is never used. */
export const TRAINING: Record<Method, { optimizer: OptimizerName; lr: number }> = {
  none: { optimizer: 'momentum', lr: 3e-3 },
  lastlayer: { optimizer: 'adam', lr: 1e-2 },
  fulltrain: { optimizer: 'adam', lr: 3e-4 },
  biasonly: { optimizer: 'adam', lr: 1e-3 },
  tinytl: { optimizer: 'adam', lr: 1e-3 },
  sparseupdate: { optimizer: 'momentum', lr: 1e-2 },
  tinytrain: { optimizer: 'momentum', lr: 2e-2 },
  deeptrain: { optimizer: 'lomo', lr: 8e-5 },
  thintrain: { optimizer: 'lomo', lr: 1e-3 },
};

/** What orders the layers, unless the caller says otherwise. */
export function criterionOf(method: Method | undefined): CriterionName {
  return method === 'deeptrain' || method === 'thintrain' ? 'depth' : 'tinytrain';
}

/** The most views of a picture: the whole, its middle and its corners (views.ts). */
export const MAX_VIEWS = 6;
