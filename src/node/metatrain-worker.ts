/** A thread of `metatrain`. */
import { workerData } from 'node:worker_threads';
import { createEpisodes, type EpisodeConfig } from './metatrain-run.js';
import { serve } from './pool.js';

serve(createEpisodes(workerData as EpisodeConfig));
