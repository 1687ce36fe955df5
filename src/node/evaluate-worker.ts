/** A thread of `evaluate`. */
import { workerData } from 'node:worker_threads';
import { createRunner, type EvaluateConfig } from './evaluate-run.js';
import { serve } from './pool.js';

serve(createRunner(workerData as EvaluateConfig));
