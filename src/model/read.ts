import { modelProblem } from './check.js';
import { fail, parseModel, type StoredModel } from './ttm.js';

/** Reads a `.ttm` file; one that is damaged, or whose operators don't fit each other, gives one Error that says how. */
export function readModel(bytes: Uint8Array): StoredModel {
  const model = parseModel(bytes);
  const problem = modelProblem(model);
  if (problem) fail(problem);
  return model;
}
