import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import type { Context } from '../../src/cli/context.js';
import { run } from '../../src/cli/run.js';
import { behaviour, calls, TinyTrain } from './fake-engine.mjs';

export const engineUrl = new URL('./fake-engine.mjs', import.meta.url).href;

/** A folder for a test file, with a package.json so that it can play the package's own folder. */
export function makeRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'tinytrain-cli-'));
  writeFileSync(join(root, 'package.json'), '{"version": "9.9.9"}');
  return root;
}

const HUES: Record<string, [number, number, number]> = {
  red: [200, 20, 20],
  green: [20, 200, 20],
  blue: [20, 20, 200],
};

/** A data set of coloured squares: classes red, green and blue, each with `count` pictures. */
export async function colours(path: string, count: number): Promise<string> {
  for (const [name, [r, g, b]] of Object.entries(HUES)) {
    for (let i = 0; i < count; i++) {
      const background = { r: r + i, g: g + 2 * i, b: b + i };
      const file = join(path, name, `${i}.png`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(
        file,
        await sharp({ create: { width: 9, height: 7, channels: 3, background } })
          .png()
          .toBuffer(),
      );
    }
  }
  return path;
}

export interface Outcome {
  status: number;
  out: string;
  err: string;
}

/** Runs the command line in this process with the fake engine. */
export async function tinytrain(root: string, args: string[], given: Partial<Context> = {}): Promise<Outcome> {
  calls.length = 0;
  const outcome: Outcome = { status: -1, out: '', err: '' };
  outcome.status = await run(args, {
    out: (text) => {
      outcome.out += text;
    },
    err: (text) => {
      outcome.err += text;
    },
    terminal: false,
    signal: new AbortController().signal,
    engineUrl,
    engine: async () => TinyTrain,
    importOnnx: async () => (bytes) => {
      if (bytes[0] !== 8) throw new Error("operator 'Gelu' is not supported");
      return new Uint8Array(64);
    },
    root: pathToFileURL(`${root}/`),
    ...given,
  });
  return outcome;
}

export { behaviour, calls };
