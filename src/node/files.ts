import { randomBytes } from 'node:crypto';
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A one-line error for a failed file operation. */
export function fileError(path: string, error: unknown, doing: 'read' | 'write'): Error {
  const code = (error as NodeJS.ErrnoException).code;
  const reason: Record<string, string> = {
    ENOENT: doing === 'write' ? `the folder ${dirname(path)} does not exist` : 'no such file or folder',
    ENOTDIR: `${dirname(path)} is not a folder`,
    EISDIR: 'is a folder, expected a file',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space left on the device',
    EMFILE: 'too many open files',
    ENAMETOOLONG: 'the name is too long',
  };
  const why = (code && reason[code]) || (error instanceof Error ? error.message.split('\n')[0] : String(error));
  return new Error(`${doing === 'write' ? 'cannot write ' : ''}${path}: ${why}`, { cause: error });
}

/** A file's bytes, or a one-line error. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileError(path, error, 'read');
  }
}

/** A JSON file's value, or a one-line error. */
export async function readJson(path: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: not JSON (${(error as Error).message.split('\n')[0]})`);
  }
}

/** Where a write really goes: links are followed; `direct` for devices and pipes, which must not be replaced by a file. */
async function target(path: string): Promise<{ path: string; direct: boolean }> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    return { path: await realpath(path), direct: !info.isFile() };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { path, direct: false };
    throw error;
  }
}

const temporary = (path: string) =>
  join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.tmp`);

/** Finds out, before the work starts, whether `path` can be written: creates a temporary file beside it and removes it. */
export async function checkWritable(path: string): Promise<void> {
  try {
    const to = await target(path);
    if (to.direct) return;
    const temp = temporary(to.path);
    await (await open(temp, 'wx')).close();
    await rm(temp, { force: true });
  } catch (error) {
    throw fileError(path, error, 'write');
  }
}

/** Writes a file whole or not at all: to a temporary file in the same folder, then renamed over the old one. */
export async function writeAtomic(path: string, data: Uint8Array | string): Promise<void> {
  let temp: string | undefined;
  try {
    const to = await target(path);
    if (!to.direct) temp = temporary(to.path);
    const file = await open(temp ?? to.path, temp ? 'wx' : 'w');
    try {
      await file.writeFile(data);
      if (temp) await file.sync();
    } finally {
      await file.close();
    }
    if (temp) await rename(temp, to.path);
  } catch (error) {
    if (temp) await rm(temp, { force: true });
    throw fileError(path, error, 'write');
  }
}
