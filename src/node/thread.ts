import { parentPort } from 'node:worker_threads';
import { answer } from '../worker/answer.js';
import './index.js';

/** The thread of `tinytrain/worker` in Node. */
const port = parentPort!;
port.on(
  'message',
  answer((reply, transfer) => port.postMessage(reply, transfer)),
);
