// The bench's end of a peer's process (worker.mjs and pytorch.py are the other one).
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One thread each: Wasm has one, and small layers on many threads measure the scheduler. */
const ONE_THREAD = { OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };

export class Peer {
  /** Starts a process; `about` is what it said when it was ready. */
  static async start(id, [program, ...args], env = {}) {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_NO_WARNINGS: '1', PYTHONWARNINGS: 'ignore', ...ONE_THREAD, ...env },
    });
    const peer = new Peer();
    peer.id = id;
    peer.child = child;
    peer.complaints = '';
    child.on('error', (error) => {
      peer.complaints += `${error.message}\n`;
    });
    child.stderr.on('data', (data) => {
      peer.complaints = (peer.complaints + data).slice(-4000);
    });
    peer.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    peer.about = await peer.#answer();
    return peer;
  }

  async #answer() {
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) throw new Error(`${this.id} ended: ${this.complaints.trim().split('\n').at(-1)}`);
      if (!value.startsWith('@')) continue;
      const answer = JSON.parse(value.slice(1));
      if (answer.error) throw new Error(`${this.id}: ${answer.error}`);
      return answer;
    }
  }

  ask(request) {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.#answer();
  }

  end() {
    this.child.stdin.end();
  }
}
