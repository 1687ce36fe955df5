// A peer as a process of its own: requests come as lines of JSON on stdin, answers go as lines that begin with @ to
// stdout (libraries write other lines there). While it waits it takes no time from the peer whose turn it is.
import { createInterface } from 'node:readline';

/** Answers requests with the peer's functions, one of a name each, until stdin ends. `about` is its first answer. */
export async function serve(about, answers) {
  const say = (value) => process.stdout.write(`@${JSON.stringify(value)}\n`);
  say(about);
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    try {
      say(await answers[request.ask](request));
    } catch (error) {
      say({ error: String(error.message ?? error).split('\n')[0] });
    }
  }
  process.exit(0);
}

/** Times of as many calls as fit into `ms` milliseconds, at least one. */
export async function repeat(call, ms) {
  const times = [];
  const end = performance.now() + ms;
  do {
    const begun = performance.now();
    const pending = call();
    // A microtask less for the peers that answer at once.
    if (pending instanceof Promise) await pending;
    times.push(performance.now() - begun);
  } while (performance.now() < end);
  return times;
}
