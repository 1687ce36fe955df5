import { cpus } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { Command } from 'commander';
import { DEFAULTS } from '../../defaults.js';
import { bytes, count, digits } from '../../format.js';
import { loadModel as load } from '../../load.js';
import { type KernelRow, LAYERS, timeKernel } from '../../node/bench/kernels.js';
import {
  type NetworkRow,
  noise,
  profileTraining,
  type TrainingProfile,
  timeInference,
} from '../../node/bench/networks.js';
import { peakGmacs } from '../../node/bench/peak.js';
import { type Spread, spread } from '../../node/bench/timing.js';
import type { Session } from '../../node/engine.js';
import { OptionError, oneOf } from '../../options.js';
import type { AdaptReport, Method, Sample } from '../../types.js';
import { budgetOptions, jsonOption, modelOptions, number, shown } from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { percent, table } from '../format.js';
import { loadModel, modelOptions as loadOptions, type ModelArgs } from '../load.js';
import { modelLine } from '../summary.js';

/** What is timed: single kernels, one image through the network, whole adaptations. */
const PARTS = ['kernels', 'networks', 'adaptations'] as const;
type Part = (typeof PARTS)[number];

interface BenchArgs extends ModelArgs {
  memory: string;
  compute: string;
  iterations: number;
  runs: number;
  parts: Part[];
  profile?: boolean;
  json?: boolean;
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

const SAMPLES = 25;

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
  return row;
}

interface Machine {
  cpu: string;
  node: string;
  binary: string;
}

interface BenchReport {
  model: Session['model'];
  machine: Machine;
  /** Most multiply-accumulates a second that this kind of code reaches here, in thousand millions. */
  peakGmacs: number;
  kernels: KernelRow[];
  networks: NetworkRow[];
  runs: number;
  methods: BenchRow[];
  profile?: Record<string, TrainingProfile>;
}

async function bench(context: Context, args: BenchArgs): Promise<void> {
  const session = await loadModel(context, args);
  const wants = (part: Part) => args.parts.includes(part);
  const { loaded, stored } = await load(args.model, loadOptions(args));
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', node: process.version, binary: loaded.binary };
  const peak = await peakGmacs(loaded.binary);
  const report: BenchReport = {
    ...{ model: session.model, machine, peakGmacs: peak },
    ...{ kernels: [], networks: [], runs: args.runs, methods: [] },
  };
  for (const [name, layer] of wants('kernels') ? Object.entries(LAYERS) : []) {
    report.kernels.push(...(await timeKernel(loaded.binary, name, layer, peak)));
    checkInterrupt(context);
  }
  if (wants('networks') || args.profile) {
    const row = (step: string, ms: number, macs: number): NetworkRow => {
      const gmacs = macs / ms / 1e6;
      return { name: session.model.name, step, batch: 1, ms, gmacs, share: gmacs / peak };
    };
    report.networks.push(row('inference', timeInference(loaded), session.model.macs));
    const profile: Record<string, TrainingProfile> = {};
    for (const method of ['tinytrain', 'fulltrain'] as const) {
      const { memory, compute } = args;
      profile[method] = await profileTraining(loaded, stored, { method, memory, compute });
      report.networks.push(row(`training, ${method}`, profile[method].ms, profile[method].macs));
      checkInterrupt(context);
    }
    if (args.profile) report.profile = profile;
  }
  const support = noise(session.model.input, SAMPLES);
  for (const method of wants('adaptations') ? (['tinytrain', 'fulltrain'] as const) : []) {
    report.methods.push(await benchMethod(context, session, support, method, args));
    checkInterrupt(context);
  }
  if (args.json) printJson(context, report);
  else context.out(text(report));
}

function text(report: BenchReport): string {
  const { machine, kernels, networks, methods, profile, peakGmacs: peak } = report;
  const speed = (gmacs: number, share: number) => [digits(gmacs), percent(share)];
  const ms = ({ median, min, max }: Spread) => [digits(median), `${digits(min)} to ${digits(max)}`];
  let out =
    `${modelLine(report.model)}machine   ${machine.cpu}, Node ${machine.node}, ${machine.binary} binary, one thread\n` +
    `peak      ${digits(peak)} GMAC/s of multiply and add in registers\n`;
  if (kernels.length > 0) {
    const rows = kernels.map((k) => [k.name, k.direction, digits(k.ms), ...speed(k.gmacs, k.share)]);
    out += `\n${table([['kernel', '', 'ms', 'GMAC/s', 'of the peak'], ...rows], 'llrrr')}`;
  }
  if (networks.length > 0) {
    const rows = networks.map((n) => [`${n.name}, ${n.step}`, digits(n.ms), ...speed(n.gmacs, n.share)]);
    out += `\n${table([['network, one image', 'ms', 'GMAC/s', 'of the peak'], ...rows], 'lrrr')}`;
  }
  for (const [method, { rows }] of Object.entries(profile ?? {})) {
    const total = rows.reduce((sum, row) => sum + row.ms, 0);
    const lines = rows.map((row) => [
      row.kind,
      String(row.steps),
      digits(row.ms),
      percent(row.ms / total),
      row.macs > 0 ? digits(row.macs / row.ms / 1e6) : '',
    ]);
    out += `\n${table([[`steps of training, ${method}`, 'count', 'ms', 'share', 'GMAC/s'], ...lines], 'lrrrr')}`;
  }
  if (methods.length > 0) {
    const rows = methods.flatMap((r) => [
      [
        `${r.method}, an iteration over ${r.samples} samples`,
        ...ms(r.iterationMs),
        bytes(r.backwardBytes),
        count(r.backwardMacs),
      ],
      [`${r.method}, an adaptation of ${r.iterations} iterations`, ...ms(r.adaptMs), '', ''],
    ]);
    out += `\n${table([['', 'ms, median', 'range', 'memory', 'MACs'], ...rows], 'lrrrr')}`;
  }
  return out;
}

function parseParts(value: string): Part[] {
  const parts = value.split(',').filter(Boolean);
  if (parts.length === 0) throw new OptionError(`parts must be some of ${PARTS.join(', ')}`);
  return parts.map((part) => oneOf('parts', part, PARTS));
}

export function registerBench(program: Command, context: Context): void {
  jsonOption(modelOptions(budgetOptions(program.command('bench'))))
    .description('time kernels, inference, training steps and adaptations on this machine')
    .option('--iterations <n>', 'of an adaptation', number('iterations'), DEFAULTS.iterations)
    .option('--runs <n>', 'adaptations of each method', number('runs'), 3)
    .addOption(shown('--parts <a,b,...>', 'what is timed', parseParts, PARTS.join(',')))
    .option('--profile', 'where the time of training steps goes, by kind of step')
    .action((args: BenchArgs) => bench(context, args));
}
