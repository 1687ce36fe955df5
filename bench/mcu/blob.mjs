// Files as read-only data of a program: an assembler source that includes them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf, once } from './build.mjs';

/**
 * Writes blobs for linking: an array NAME, 16-byte aligned, and NAME_bytes, its size, for each. Returns the path of the
 * assembler source; it lies beside copies of the files, under a hash of their contents.
 */
export async function blobSource(blobs) {
  const entries = Object.entries(blobs);
  const folder = await once('blobs', hashOf(...entries.flat()), (work) => {
    for (const [name, bytes] of entries) writeFileSync(join(work, name), bytes);
  });
  // The folder has its last name only now, and the assembler wants paths.
  const text = entries.map(
    ([name, bytes]) => `    .balign 16
    .global ${name}
${name}:
    .incbin "${join(folder, name)}"
    .balign 4
    .global ${name}_bytes
${name}_bytes:
    .int ${bytes.length}
`,
  );
  const path = join(folder, 'blobs.S');
  const source = `    .section .blob, "a"\n${text.join('')}    .section .note.GNU-stack, "", %progbits\n`;
  try {
    if (readFileSync(path, 'utf8') === source) return path;
  } catch {}
  writeFileSync(path, source);
  return path;
}
