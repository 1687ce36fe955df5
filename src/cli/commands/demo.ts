import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { SampleIndex } from '../../episodes.js';
import { openData, readSamples } from '../../node/data.js';
import type { Session } from '../../node/engine.js';
import type { BinaryChoice, Sample } from '../../types.js';
import { binaryOption, budgetOptions, jsonOption } from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { percent } from '../format.js';
import { loadModel } from '../load.js';
import { adaptBar } from '../progress.js';
import { adaptSummary } from '../summary.js';

interface DemoArgs {
  memory: string;
  compute: string;
  binary: BinaryChoice;
  json?: boolean;
}

const SHOTS = 5;

const accuracy = (session: Session, queries: readonly Sample[]) =>
  queries.filter(({ image, label }) => session.classify(image).label === label).length / queries.length;

async function demo(context: Context, { memory, compute, binary, json }: DemoArgs): Promise<void> {
  const data = await openData(fileURLToPath(new URL('demo', context.root)));
  const session = await loadModel(context, { model: 'default', binary });
  const which: SampleIndex[] = data.classes.flatMap(({ files }, c) => files.map((_, image) => ({ class: c, image })));
  const { input } = session.model;
  const support = await readSamples(
    data,
    which.filter((s) => s.image < SHOTS),
    input,
  );
  const queries = await readSamples(
    data,
    which.filter((s) => s.image >= SHOTS),
    input,
  );

  await session.adapt(support, { method: 'none', signal: context.signal });
  const before = accuracy(session, queries);
  session.reset();
  const bar = adaptBar(context);
  const report = await session
    .adapt(support, { memory, compute, guard: true, signal: context.signal, onProgress: bar.onProgress })
    .finally(bar.stop);
  checkInterrupt(context);
  const after = accuracy(session, queries);
  if (json) {
    const scale = (x: number) => Math.round(x * 1e4) / 100;
    return printJson(context, {
      ...report,
      accuracy: { before: scale(before), after: scale(after), queries: queries.length },
    });
  }
  context.out(
    `${data.classes.length} classes of the demo set: ${support.length} samples to adapt to, ${queries.length} to test with\n` +
      `accuracy  ${percent(before)} before, ${percent(after)} after adapting\n` +
      adaptSummary(report),
  );
}

export function registerDemo(program: Command, context: Context): void {
  jsonOption(binaryOption(budgetOptions(program.command('demo'))))
    .description('adapt the embedded model to the embedded samples, and test it')
    .action((args: DemoArgs) => demo(context, args));
}
