import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { Command } from 'commander';
import { DEFAULTS } from '../../defaults.js';
import { bytes, count, digits } from '../../format.js';
import type { Session } from '../../node/engine.js';
import { Random } from '../../random.js';
import type { AdaptReport, Method, Sample } from '../../types.js';
import { budgetOptions, jsonOption, modelOptions, number } from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { table } from '../format.js';
import { loadModel, type ModelArgs } from '../load.js';
import { modelLine } from '../summary.js';

interface BenchArgs extends ModelArgs {
  memory: string;
  compute: string;
  iterations: number;
  runs: number;
  json?: boolean;
}

interface Spread {
  median: number;
  min: number;
  max: number;
}

interface BenchRow {
  method: Method;
  samples: number;
  iterations: number;
  /** One iteration over all samples; the frozen prefix, computed once, is spread over the iterations. */
  iterationMs: Spread;
  /** A whole adaptation: Fisher pass, selection and training. */
  adaptMs: Spread;
  backwardBytes: number;
  peakBytes: number;
  backwardMacs: number;
}

const WAYS = 5;
const SHOTS = 5;

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    min: sorted[0]!,
    max: sorted.at(-1)!,
  };
}

/** Pictures of noise: time does not depend on what they show. */
function noise(input: readonly [number, number, number]): Sample[] {
  const random = new Random(1);
  const size = input[0] * input[1] * input[2];
  return Array.from({ length: WAYS * SHOTS }, (_, i) => ({
    label: `class ${i % WAYS}`,
    image: Float32Array.from({ length: size }, () => random.uniform() * 2 - 1),
  }));
}

async function benchMethod(context: Context, session: Session, support: Sample[], method: Method, args: BenchArgs) {
  const { memory, compute, iterations, signal } = { ...args, signal: context.signal };
  const run = async (n: number): Promise<AdaptReport> => {
    session.reset();
    return session.adapt(support, { method, memory, compute, iterations: n, signal });
  };
  await run(1);
  const reports: AdaptReport[] = [];
  const times: number[] = [];
  for (let i = 0; i < args.runs; i++) {
    const start = performance.now();
    reports.push(await run(iterations));
    times.push(performance.now() - start);
  }
  const { memory: used, macs } = reports[0]!;
  const row: BenchRow = {
    method,
    samples: support.length,
    iterations,
    iterationMs: spread(reports.map((r) => r.time.trainMs / iterations)),
    adaptMs: spread(times),
    backwardBytes: used.backwardBytes,
    peakBytes: used.peakBytes,
    backwardMacs: macs.backward,
  };
  return { row, binary: reports[0]!.binary };
}

async function bench(context: Context, args: BenchArgs): Promise<void> {
  const session = await loadModel(context, args);
  const support = noise(session.model.input);
  const images = support.map((sample) => sample.image);
  for (let i = 0; i < 5; i++) session.embed(images[i]!);
  const times: number[] = [];
  const until = performance.now() + 2000;
  for (let i = 0; i < 1000 && (i < 20 || performance.now() < until); i++) {
    const start = performance.now();
    session.embed(images[i % images.length]!);
    times.push(performance.now() - start);
  }
  checkInterrupt(context);
  const inference = { ms: spread(times), runs: times.length };
  const rows: BenchRow[] = [];
  let binary = '';
  for (const method of ['tinytrain', 'fulltrain'] as const) {
    const result = await benchMethod(context, session, support, method, args);
    rows.push(result.row);
    binary = result.binary;
    checkInterrupt(context);
  }
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', node: process.version, binary };
  if (args.json)
    return printJson(context, { model: session.model, machine, inference, runs: args.runs, methods: rows });
  const ms = ({ median, min, max }: Spread) => [digits(median), `${digits(min)} to ${digits(max)}`];
  const lines = rows.flatMap((r) => [
    [
      `${r.method}, an iteration over ${r.samples} samples`,
      ...ms(r.iterationMs),
      bytes(r.backwardBytes),
      count(r.backwardMacs),
    ],
    [`${r.method}, an adaptation of ${r.iterations} iterations`, ...ms(r.adaptMs), '', ''],
  ]);
  context.out(
    `${modelLine(session.model)}machine   ${machine.cpu}, Node ${machine.node}, ${binary} binary, one thread\n` +
      table(
        [
          ['', 'ms, median', 'range', 'memory', 'MACs'],
          ['inference of one image', ...ms(inference.ms), '', count(session.model.macs)],
          ...lines,
        ],
        'lrrrr',
      ),
  );
}

export function registerBench(program: Command, context: Context): void {
  jsonOption(modelOptions(budgetOptions(program.command('bench'))))
    .description('time inference, training and adaptation on this machine')
    .option('--iterations <n>', 'of an adaptation', number('iterations'), DEFAULTS.iterations)
    .option('--runs <n>', 'adaptations of each method', number('runs'), 3)
    .action((args: BenchArgs) => bench(context, args));
}
