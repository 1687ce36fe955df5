import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkWritable, fileError, readBytes, readJson, writeAtomic } from '../../src/node/files.js';

const root = mkdtempSync(join(tmpdir(), 'tinytrain-files-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('writing', () => {
  it('replaces a file whole and leaves nothing beside it', async () => {
    const path = join(root, 'a.ttd');
    await writeAtomic(path, 'old');
    await writeAtomic(path, Uint8Array.of(1, 2));
    expect([...readFileSync(path)]).toEqual([1, 2]);
    await checkWritable(path);
    await checkWritable(join(root, 'b.ttd'));
    expect(readdirSync(root)).toEqual(['a.ttd']);
  });
  it('follows links and does not replace devices', async () => {
    symlinkSync(join(root, 'a.ttd'), join(root, 'link'));
    await writeAtomic(join(root, 'link'), 'new');
    expect(readFileSync(join(root, 'a.ttd'), 'utf8')).toBe('new');
    await writeAtomic('/dev/null', 'gone');
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
  it.each([
    ['missing/x.ttd', /^cannot write .*x\.ttd: the folder .*missing does not exist$/],
    ['', /^cannot write .*: is a folder, expected a file$/],
    ['a.ttd/x', /a\.ttd is not a folder$/],
  ])('says why not: %s', async (name, message) => {
    for (const act of [checkWritable(join(root, name)), writeAtomic(join(root, name), 'x')]) {
      await expect(act).rejects.toThrow(message);
    }
  });
  it('names other causes', () => {
    const coded = (code: string) => Object.assign(new Error('raw text'), { code });
    expect(fileError('f', coded('EACCES'), 'write').message).toBe('cannot write f: permission denied');
    expect(fileError('f', coded('ENOSPC'), 'write').message).toBe('cannot write f: no space left on the device');
    expect(fileError('f', coded('EIO'), 'read').message).toBe('f: raw text');
  });
});

describe('reading', () => {
  it('says why not', async () => {
    await expect(readBytes(join(root, 'none'))).rejects.toThrow(/none: no such file or folder$/);
    await expect(readBytes(root)).rejects.toThrow('is a folder, expected a file');
    writeFileSync(join(root, 'bad.json'), '{');
    await expect(readJson(join(root, 'bad.json'))).rejects.toThrow(/bad\.json: not JSON \(/);
  });
});
