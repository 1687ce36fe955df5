import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { OptionError } from '../options.js';
import { registerAdapt } from './commands/adapt.js';
import { registerBench } from './commands/bench.js';
import { registerClassify } from './commands/classify.js';
import { registerDemo } from './commands/demo.js';
import { registerEvaluate } from './commands/evaluate.js';
import { registerImport } from './commands/import.js';
import { registerInspect } from './commands/inspect.js';
import { registerMetatrain } from './commands/metatrain.js';
import { registerQuantize } from './commands/quantize.js';
import { registerSelect } from './commands/select.js';
import type { Context } from './context.js';

/** One line, whatever the error's text was. */
const oneLine = (text: string) => text.trim().replace(/\s*\n\s*/g, ' ');

function createProgram(context: Context): Command {
  const { version } = JSON.parse(readFileSync(new URL('package.json', context.root), 'utf8')) as { version: string };
  const program = new Command('tinytrain')
    .description('Adapt a small image network to a few samples of your own, inside a memory and a compute budget.')
    .version(version)
    .configureOutput({
      writeOut: (text) => context.out(text),
      writeErr: (text) => context.err(text),
      outputError: (text, write) => write(`tinytrain: ${oneLine(text.replace(/^error: /, ''))}\n`),
    })
    .exitOverride();
  for (const register of [
    registerDemo,
    registerImport,
    registerQuantize,
    registerInspect,
    registerSelect,
    registerAdapt,
    registerClassify,
    registerEvaluate,
    registerMetatrain,
    registerBench,
  ]) {
    register(program, context);
  }
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

/** Runs the command line and returns the exit status: 0, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C. */
export async function run(args: readonly string[], context: Context): Promise<number> {
  try {
    await createProgram(context).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (context.signal.aborted) {
      context.err('tinytrain: interrupted\n');
      return 130;
    }
    context.err(`tinytrain: ${oneLine(error instanceof Error ? error.message : String(error))}\n`);
    return error instanceof OptionError ? 2 : 1;
  }
}
