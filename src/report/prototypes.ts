import { prototypesIn } from '../patchfile.js';

/** Class names of a patch and the cosines between their prototypes. */
export interface PrototypeCosines {
  classes: string[];
  /** Row and column in the order of `classes`. */
  cosines: number[][];
}

/** Reads the prototypes out of a .ttd (docs/formats.md). */
export function prototypeCosines(patch: Uint8Array): PrototypeCosines {
  const view = new DataView(patch.buffer, patch.byteOffset, patch.byteLength);
  const field = (offset: number) => view.getUint32(offset, true);
  const [ways, features] = [field(24), field(28)];
  const all = prototypesIn(new Uint8Array(patch));
  const names = new TextDecoder().decode(patch.subarray(field(44), field(44) + field(48)));
  const classes = names.split('\0').slice(0, ways);
  const unit = classes.map((_, k) => {
    const row = Array.from(all.subarray(k * features, (k + 1) * features));
    const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0)) || 1;
    return row.map((x) => x / norm);
  });
  const cosines = unit.map((a) => unit.map((b) => a.reduce((sum, x, i) => sum + x * b[i]!, 0)));
  return { classes, cosines };
}
