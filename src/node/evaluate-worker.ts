import { parentPort, workerData } from 'node:worker_threads';
import { createRunner, type EvaluateConfig, type Job } from './evaluate-run.js';

/** A thread of `evaluate`: answers each job with its results, or with the message of what went wrong. */
const port = parentPort!;
const ready = createRunner(workerData as EvaluateConfig);
port.on('message', (job: Job) => {
  ready
    .then((run) => run(job))
    .then(
      (results) => port.postMessage({ results }),
      (error: unknown) => port.postMessage({ error: error instanceof Error ? error.message : String(error) }),
    );
});
