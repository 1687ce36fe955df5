import { TinyTrain } from 'tinytrain';
import { job } from './job.js';

onmessage = async ({ data }) => postMessage(await job(TinyTrain, ...data));
