import type { Command } from 'commander';
import { openData, readAll } from '../../node/data.js';
import type { AnySession } from '../../node/engine.js';
import { checkWritable } from '../../node/files.js';
import type { Sample, SelectOptions } from '../../types.js';
import { type SelectArgs, selectOptions } from '../arguments.js';
import { type Context, checkInterrupt, printJson } from '../context.js';
import { loadInThreads } from '../load.js';
import { chooseSelection, readSelection, writeSelection } from '../selection.js';
import { selectSummary } from '../summary.js';

/** Model, support set and options of a run; outputs and small inputs are checked before the model is loaded. */
export async function prepare(
  context: Context,
  args: SelectArgs,
  outputs: (string | undefined)[],
  workers = 1,
): Promise<{ session: AnySession; support: Sample[]; options: SelectOptions }> {
  for (const path of [...outputs, args.saveSelection]) if (path !== undefined) await checkWritable(path);
  const given = args.selection === undefined ? undefined : await readSelection(args.selection);
  const data = await openData(args.support);
  const session = await loadInThreads(context, args, workers);
  const selection = await chooseSelection(args.method, given, session, context.root);
  const support = await readAll(data, session.model.input);
  checkInterrupt(context);
  const { method, criterion, memory, compute, ram, temperature, augment, seed } = args;
  const options = { method, criterion, memory, compute, ram, temperature, augment, seed, signal: context.signal };
  return { session, support, options: selection ? { ...options, selection } : options };
}

export function registerSelect(program: Command, context: Context): void {
  selectOptions(program.command('select'))
    .description('choose layers and channels for a task, without training')
    .action(async (args: SelectArgs) => {
      const { session, support, options } = await prepare(context, args, []);
      const report = await session.select(support, options);
      checkInterrupt(context);
      if (args.saveSelection) await writeSelection(args.saveSelection, report);
      if (args.json) printJson(context, report);
      else context.out(selectSummary(report));
    });
}
