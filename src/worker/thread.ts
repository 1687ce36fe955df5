import { answer } from './answer.js';
import type { Reply, Request } from './protocol.js';

/** A Web Worker's script. It is shipped as one file without imports: bundlers, static servers and blobs take it alike. */
const scope = globalThis as unknown as {
  postMessage(reply: Reply, transfer: ArrayBuffer[]): void;
  onmessage: (event: { data: Request }) => void;
};
const take = answer((reply, transfer) => scope.postMessage(reply, transfer));
scope.onmessage = ({ data }) => take(data);
