#!/usr/bin/env node
import { engineUrl, loadEngine, loadImporter } from './load.js';
import { run } from './run.js';

const interrupt = new AbortController();
process.on('SIGINT', () => {
  // The first Ctrl-C lets the command stop tidily; the second does not wait for it.
  if (interrupt.signal.aborted) process.exit(130);
  interrupt.abort();
});

// A reader that has seen enough (`tinytrain inspect | head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

process.exitCode = await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  terminal: process.stderr.isTTY === true,
  signal: interrupt.signal,
  engineUrl,
  engine: loadEngine,
  importOnnx: loadImporter,
  root: new URL('../../', import.meta.url),
});
