import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Job, runJob } from '../../bench/mcu/job.mjs';

export type { Job };

import { toTensor } from '../../src/image.js';
import type { Model } from '../../src/model/model.js';
import { writeModel } from '../../src/model/write.js';
import { sha256 } from '../../src/patchfile.js';
import { Random } from '../../src/random.js';
import type { AdaptOptions } from '../../src/types.js';

export const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

/** Noise with a pattern of its own for each class, as pictures. */
function pictures(input: Model['input'], ways: number, count: number, seed: number): Job['support'] {
  const random = new Random(seed, 91);
  const [height, width, channels] = input;
  const noise = () => Float64Array.from({ length: height * width * channels }, () => random.uniform());
  return Array.from({ length: ways }, () => noise()).flatMap((pattern, k) =>
    Array.from({ length: count }, () => {
      const data = Uint8Array.from(noise(), (x, i) => Math.floor(127 * (x + pattern[i]!)));
      return { image: { data, width, height }, label: `class ${k}` };
    }),
  );
}

/** A job with three classes, two samples and one query of each. */
export function smallJob(model: Model, options: AdaptOptions): Job {
  const samples = pictures(model.input, 3, 3, 5);
  const support = samples.filter((_, i) => i % 3 < 2);
  return { model: writeModel(model), support, queries: samples.filter((_, i) => i % 3 === 2), options };
}

/** What is missing for programs to be built and run here, in one line; undefined if nothing is. */
export async function missingTools(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'the programs are built on Linux';
  const tools = ['arm-none-eabi-gcc', 'qemu-system-arm', 'wasm2c', 'cmake', 'make', 'cc'];
  const found = await Promise.all(
    tools.map((tool) =>
      run('sh', ['-c', `command -v ${tool}`]).then(
        () => true,
        () => false,
      ),
    ),
  );
  const missing = tools.filter((_, i) => !found[i]);
  return missing.length > 0 ? `${missing.join(', ')} missing: scripts/install-mcu-tools.sh installs them` : undefined;
}

/** Hash of the patch that tinytrain-wamr, WAMR's interpreter on Linux, makes of a job. */
export async function runWamr(job: Job, model: Model): Promise<string> {
  const folder = join(root, 'build/mcu/linux-wamr');
  const built = await run('sh', ['bench/wamr/build.sh', folder], { cwd: root });
  const work = join(folder, 'test');
  for (const [i, { image, label }] of job.support.entries()) {
    mkdirSync(join(work, 'support', label), { recursive: true });
    const mean = model.mean ?? [0.5, 0.5, 0.5];
    const std = model.std ?? [0.5, 0.5, 0.5];
    writeFileSync(join(work, 'support', label, `${i}.f32`), toTensor(image, model.input, mean, std));
  }
  writeFileSync(join(work, 'model.ttm'), job.model);
  const flags = Object.entries(job.options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const paths = ['--wasm', join(root, 'build/tinytrain.wasm'), '--model', join(work, 'model.ttm')];
  await run(built.stdout.trim(), [...paths, '--support', join(work, 'support'), '-o', join(work, 'out.ttd'), ...flags]);
  return sha256(readFileSync(join(work, 'out.ttd')));
}

/** What a job that cannot be done ends in: `exit status, message`, or the message of a build that does not fit. */
export async function refusal(job: Job): Promise<string> {
  try {
    const { exit, message } = await runJob(job);
    return `${exit} ${message}`;
  } catch (error) {
    return (error as Error).message;
  }
}
