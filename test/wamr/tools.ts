import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, it } from 'vitest';
import type { Model } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import type { Sample } from '../../src/types.js';
import { support } from '../engine/networks.js';

export const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

/** Runs a command; its output, or what is missing for it to run. */
export async function attempt(command: string[], env = {}): Promise<{ output: string } | { missing: string }> {
  if (process.platform !== 'linux') return { missing: 'the program is for Linux' };
  const options = { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } } as const;
  try {
    return { output: (await run(command[0]!, command.slice(1), options)).stdout.trim() };
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return { missing: (stderr || message).trim().split('\n').slice(-1)[0] ?? '' };
  }
}

/** A test that stands for those that cannot run: it fails where CI says that they must. */
export function cannotRun(name: string, missing: string): void {
  if (process.env.CI !== 'true') it.skip(`${name} (skipped: ${missing})`, () => {});
  else {
    it(name, () => {
      throw new Error(`${missing}: these tests must run here`);
    });
  }
}

/** A folder for the files of a test, deleted after it. */
export function folder(): (file: string) => string {
  const path = mkdtempSync(join(tmpdir(), 'tinytrain-wamr-'));
  afterAll(() => rmSync(path, { recursive: true }));
  return (file) => join(path, file);
}

/** `tinytrain-wamr` as built, and a folder of models, each with its support set, to run it on. */
export class Program {
  readonly path = folder();

  constructor(readonly program: string) {}

  /** Writes a model and samples for it; the names of some need the natural order. */
  add(name: string, model: Model, counts = [2, 11, 2]): Sample[] {
    const samples = support(model.input, counts);
    for (const [i, { label, image }] of samples.entries()) this.sample(`${name}/${label}/s${i}`, image as Float32Array);
    writeFileSync(this.path(`${name}.ttm`), writeModel(model));
    return samples;
  }

  sample(name: string, values: Float32Array): void {
    mkdirSync(this.path(`${name}/..`), { recursive: true });
    writeFileSync(this.path(`${name}.f32`), values);
  }

  #command(model: string, rest: string[]): string[] {
    const where = ['--wasm', join(root, 'build/tinytrain.wasm'), '--model', this.path(`${model}.ttm`)];
    const what = rest.includes('--patch') ? [] : ['--support', this.path(model), '-o', this.path('out.ttd')];
    return [...where, ...what, '--json', ...rest];
  }

  /** The report of a run. */
  run(model: string, ...rest: string[]) {
    return JSON.parse(execFileSync(this.program, this.#command(model, rest), { encoding: 'utf8', timeout: 60_000 }));
  }

  /** Exit status and message of a run. */
  refusal(model: string, ...rest: string[]): string {
    const command = this.#command(model, rest);
    // A program that gives up leaves its memory to the system.
    const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' };
    const { status, stderr } = spawnSync(this.program, command, { encoding: 'utf8', timeout: 20_000, env });
    return `${status} ${stderr.trim()}`;
  }

  /** The patch that the last run wrote. */
  patch(): Buffer {
    return readFileSync(this.path('out.ttd'));
  }
}
