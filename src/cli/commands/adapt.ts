import type { Command } from 'commander';
import { writeAtomic } from '../../node/files.js';
import { prototypeCosines } from '../../report/prototypes.js';
import { renderReport } from '../../report/report.js';
import { type AdaptArgs, selectOptions, trainingOptions } from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { adaptBar } from '../progress.js';
import { writeSelection } from '../selection.js';
import { adaptSummary, fallbackText } from '../summary.js';
import { prepare } from './select.js';

/** What may help where an adaptation was given up. */
const ADVICE = 'try a lower --lr, fewer --iterations or more samples, or keep it with --no-guard';

async function adapt(context: Context, args: AdaptArgs): Promise<void> {
  const { session, support, options } = await prepare(context, args, [args.save, args.report], args.workers);
  const { iterations, optimizer, lr, variants, views, guard } = args;
  const bar = adaptBar(context);
  const report = await session
    .adapt(support, { ...options, iterations, optimizer, lr, variants, views, guard, onProgress: bar.onProgress })
    .finally(bar.stop);
  checkInterrupt(context);
  if (report.fallback) context.err(`tinytrain: ${fallbackText(report)}; ${ADVICE}\n`);
  const patch = await session.patch();
  if (args.save) await writeAtomic(args.save, patch);
  if (args.report) {
    const extra = { cosines: prototypeCosines(patch), delta: await session.information() };
    await writeAtomic(args.report, renderReport(report, extra));
  }
  if (args.saveSelection) await writeSelection(args.saveSelection, report);
  if (args.json) printJson(context, report);
  else context.out(adaptSummary(report, args.save));
}

export function registerAdapt(program: Command, context: Context): void {
  trainingOptions(selectOptions(program.command('adapt')))
    .description('adapt a model to your samples inside the budgets; write the patch')
    .action((args: AdaptArgs) => adapt(context, args));
}
