import { createHash } from 'node:crypto';
import type { SampleIndex } from '../episodes.js';
import { Random } from '../random.js';
import { type DataSet, openData } from './data.js';

/** An image of one of several data sets. */
interface Place {
  data: DataSet;
  file: string;
}

/** Classes of several data sets as one; what has the same name is one class. */
export interface ClassSet {
  names: string[];
  images: Place[][];
}

/** Lists data sets as one; no image is read. */
export async function openClasses(paths: readonly string[]): Promise<ClassSet> {
  const classes = new Map<string, Place[]>();
  for (const path of paths) {
    const data = await openData(path);
    for (const { name, files } of data.classes) {
      const places = files.map((file) => ({ data, file }));
      classes.set(name, [...(classes.get(name) ?? []), ...places]);
    }
  }
  return { names: [...classes.keys()], images: [...classes.values()] };
}

export const sizesOf = (set: ClassSet): number[] => set.images.map((images) => images.length);

/** What tells one class set from another: names of classes and files, in their order. */
export function identityOf(set: ClassSet): string {
  const text = JSON.stringify(set.names.map((name, c) => [name, set.images[c]!.map(({ file }) => file)]));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** An image file's bytes, and its name for an error. */
export interface ImageFile {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Reads images, each into bytes of its own, so that they can go to a thread. */
export async function readFiles(set: ClassSet, which: readonly SampleIndex[]): Promise<ImageFile[]> {
  const places = which.map((s) => set.images[s.class]![s.image]!);
  const files: ImageFile[] = [];
  for (const data of new Set(places.map((place) => place.data))) {
    const mine = [...places.keys()].filter((i) => places[i]!.data === data);
    const bytes = await data.listing.read(mine.map((i) => places[i]!.file));
    for (const [k, i] of mine.entries()) {
      files[i] = { name: `${data.path}/${places[i]!.file}`, bytes: new Uint8Array(bytes[k]!) };
    }
  }
  return files;
}

/** Stream of the generator. */
const STREAM_SPLIT = 0x53504c54;

/** Takes `count` random classes out of a set: those that are left, and those. */
export function holdOut(set: ClassSet, count: number, seed: number): { kept: ClassSet; held: ClassSet } {
  const held = new Set(new Random(seed, STREAM_SPLIT).pick([...set.names.keys()], count));
  const part = (inside: boolean): ClassSet => {
    const chosen = [...set.names.keys()].filter((c) => held.has(c) === inside);
    return { names: chosen.map((c) => set.names[c]!), images: chosen.map((c) => set.images[c]!) };
  };
  return { kept: part(false), held: part(true) };
}
