import { fileURLToPath } from 'node:url';
import type { AnySession } from '../node/engine.js';
import { readJson, writeAtomic } from '../node/files.js';
import { parseSelection } from '../options.js';
import { selectionOf } from '../selection.js';
import type { Method, Selection, SelectReport } from '../types.js';

/** Reads a selection file; the error names the file. */
export async function readSelection(path: string): Promise<Selection> {
  const value = await readJson(path);
  try {
    return parseSelection(value);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

/** Writes a selection file, with the model's checksum beside it, one layer a line. */
export async function writeSelection(path: string, report: SelectReport): Promise<void> {
  const { layers } = selectionOf(report);
  const lines = Object.entries(layers).map(
    ([name, choice]) => `    ${JSON.stringify(name)}: ${JSON.stringify(choice)}`,
  );
  const { name, checksum } = report.model;
  const head = `  "model": ${JSON.stringify(name)},\n  "checksum": ${JSON.stringify(checksum)},\n`;
  await writeAtomic(path, `{\n${head}  "layers": {\n${lines.join(',\n')}\n  }\n}\n`);
}

/** The package's own static selection for a model: by checksum, or at least by the names of its layers. */
async function packagedSelection(session: AnySession, root: URL): Promise<Selection> {
  const { name, checksum } = session.model;
  const url = new URL(`selections/${encodeURIComponent(name)}.json`, root);
  let value: unknown;
  try {
    value = await readJson(fileURLToPath(url));
  } catch {
    throw new Error(
      `method sparseupdate has no static selection for model '${name}'; give one with --selection FILE.json`,
    );
  }
  const selection = parseSelection(value);
  const names = new Set((await session.inspect()).layers.map((layer) => layer.name));
  const fits = (value as { checksum?: string }).checksum === checksum;
  if (!fits && !Object.keys(selection.layers).every((layer) => names.has(layer))) {
    throw new Error(
      `method sparseupdate: the packaged selection for '${name}' is for another model; give one with --selection FILE.json`,
    );
  }
  return selection;
}

/** The selection that the caller named, or that the method needs. */
export async function chooseSelection(
  method: Method,
  given: Selection | undefined,
  session: AnySession,
  root: URL,
): Promise<Selection | undefined> {
  if (given || method !== 'sparseupdate') return given;
  return packagedSelection(session, root);
}
