/** The API for Node: the same as in browsers, and names of files are read as files. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fetchBytes, setReader } from '../resources.js';
import { TinyTrainError } from '../status.js';

setReader(async (where) => {
  const url = where instanceof URL ? where : /^(https?|data|file):/.test(where) ? new URL(where) : undefined;
  if (url && url.protocol !== 'file:') return fetchBytes(url);
  const path = url ? fileURLToPath(url) : String(where);
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new TinyTrainError(
        `${path}: no such model: give a .ttm or .onnx file, or the name of an embedded model (default)`,
      );
    }
    throw new TinyTrainError(`${path} cannot be read: ${code === 'EISDIR' ? 'it is a folder' : code}`);
  }
});

export * from '../index.js';
