import { MAX_VIEWS } from '../defaults.js';
import type { MethodSpec } from '../node/evaluate-run.js';
import {
  AUGMENTS,
  CRITERIA,
  integer,
  METHODS,
  OPTIMIZERS,
  OptionError,
  oneOf,
  parseCompute,
  parseMemory,
  positive,
} from '../options.js';

/** Settings that a method of `--methods` may carry. `selection` names a file, `together` is about the queries. */
const SETTINGS: Record<string, (text: string) => unknown> = {
  lr: (text) => positive('lr', text),
  optimizer: (text) => oneOf('optimizer', text, OPTIMIZERS),
  iterations: (text) => integer('iterations', text, 0, 1_000_000),
  temperature: (text) => positive('temperature', text),
  augment: (text) => oneOf('augment', text, AUGMENTS),
  variants: (text) => integer('variants', text, 0, 1000),
  views: (text) => integer('views', text, 1, MAX_VIEWS),
  criterion: (text) => oneOf('criterion', text, CRITERIA),
  memory: (text) => parseMemory(text) && text,
  compute: (text) => parseCompute(text) && text,
  ram: (text) => parseMemory(text, 'ram') && text,
  selection: (text) => text,
  together: (text) => oneOf('together', text, ['yes', 'no']),
};

/** A method of `--methods`, with the file of its selection still to be read. */
export interface ParsedMethod extends MethodSpec {
  selectionFile?: string;
}

/** Reads `name[:key=value...],...`, for example `none,tinytrain:lr=0.003:optimizer=momentum`. */
export function parseMethods(text: string): ParsedMethod[] {
  const specs = text.split(',').map((label): ParsedMethod => {
    const [name, ...settings] = label.trim().split(':');
    const options: Record<string, unknown> = { method: oneOf('method', name, METHODS) };
    let selectionFile: string | undefined;
    let together = false;
    for (const setting of settings) {
      const at = setting.indexOf('=');
      const key = setting.slice(0, Math.max(0, at));
      const read = SETTINGS[key];
      if (!read) {
        throw new OptionError(
          `a method's settings are ${Object.keys(SETTINGS).join(', ')} (key=value), got '${setting}'`,
        );
      }
      const value = read(setting.slice(at + 1));
      if (key === 'selection') selectionFile = value as string;
      else if (key === 'together') together = value === 'yes';
      else options[key] = value;
    }
    return {
      label: label.trim(),
      options: options as MethodSpec['options'],
      selectionFile,
      ...(together && { together }),
    };
  });
  const labels = specs.map((spec) => spec.label);
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice !== undefined) throw new OptionError(`method '${twice}' is named twice`);
  return specs;
}
