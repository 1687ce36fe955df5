import { type File, startTests, type Task } from '@vitest/runner';

export interface Outcome {
  passed: number;
  skipped: number;
  /** Title and message of each test that failed, and of each file that could not be collected. */
  failed: string[];
}

/** Runs test files, bundled as modules of these URLs, in this page. */
export async function runTests(files: string[]): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, skipped: 0, failed: [] };
  const config = {
    root: '/',
    setupFiles: [],
    name: undefined,
    passWithNoTests: false,
    testNamePattern: undefined,
    allowOnly: false,
    sequence: { seed: 1, hooks: 'stack' as const, setupFiles: 'list' as const },
    chaiConfig: undefined,
    maxConcurrency: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    retry: 0,
    includeTaskLocation: false,
    tags: [],
    tagsFilter: undefined,
    strictTags: false,
  };
  const collected = await startTests(files, { config, importFile: (path) => import(path) });
  for (const file of collected) count(file, file.name, outcome);
  return outcome;
}

function count(task: Task | File, title: string, outcome: Outcome): void {
  const state = task.result?.state;
  const errors = task.result?.errors ?? [];
  if (task.type === 'suite') {
    for (const child of task.tasks) count(child, `${title} > ${child.name}`, outcome);
    if (errors.length === 0) return;
  } else if (state === 'pass') outcome.passed++;
  else if (task.mode === 'skip' || state === 'skip') outcome.skipped++;
  if (state !== 'pass' && state !== 'skip' && task.mode !== 'skip') {
    outcome.failed.push(
      `${title}: ${errors.map((error) => `${error.message}\n${error.diff ?? ''}`).join('; ') || 'did not run'}`,
    );
  }
}

Object.assign(globalThis, { runTests });
