import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Unzipped, unzipSync } from 'fflate';
import { fileError, readBytes } from './files.js';
import { natural } from './natural.js';

/** Files and folders below a data set's root, as paths with '/', before anything is said about classes. */
export interface Listing {
  files: string[];
  folders: string[];
  /** Bytes of files of the listing. */
  read(files: readonly string[]): Promise<Uint8Array[]>;
}

/** Class folders with their images. */
export interface ClassFiles {
  name: string;
  files: string[];
}

const IMAGE = /\.(png|jpe?g|jfif|webp|gif|tiff?|avif)$/i;
const LITTER = /^(\.|__MACOSX$|thumbs\.db$|desktop\.ini$)/i;
const FORM = 'a data set is a folder or .zip with one folder of images a class';
const DEPTH = 6;

const littered = (path: string) => path.split('/').some((part) => LITTER.test(part));

async function listFolder(root: string): Promise<Listing> {
  const listing: Listing = {
    files: [],
    folders: [],
    read: (files) => Promise.all(files.map((file) => readBytes(join(root, file)))),
  };
  const walk = async (folder: string, depth: number): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      if (LITTER.test(entry.name)) continue;
      const path = folder ? `${folder}/${entry.name}` : entry.name;
      const info = entry.isSymbolicLink() ? await stat(join(root, path)) : entry;
      if (info.isFile()) listing.files.push(path);
      if (info.isDirectory()) {
        listing.folders.push(path);
        if (depth < DEPTH) await walk(path, depth + 1);
      }
    }
  };
  await walk('', 1);
  return listing;
}

/** Entry names as they are read, though some programs write zips with '\' between folders. */
const entryPath = (name: string) => name.replaceAll('\\', '/').replace(/^(\.?\/)+/, '');

/** Lists a .zip, or with `inner` a folder inside it. */
async function listZip(root: string, inner = ''): Promise<Listing> {
  const bytes = await readBytes(root);
  const below = (name: string) => entryPath(name).slice(inner.length);
  const unzip = (wanted: (path: string) => boolean): Unzipped => {
    try {
      return unzipSync(bytes, { filter: ({ name }) => entryPath(name).startsWith(inner) && wanted(below(name)) });
    } catch (error) {
      throw new Error(`${root}: damaged or not a zip (${(error as Error).message})`);
    }
  };
  const files: string[] = [];
  const folders = new Set<string>();
  unzip((path) => {
    if (path === '' || littered(path.replace(/\/$/, ''))) return false;
    if (!path.endsWith('/')) files.push(path);
    const parts = path.split('/').slice(0, -1);
    for (let i = 1; i <= parts.length; i++) folders.add(parts.slice(0, i).join('/'));
    return false;
  });
  return {
    files,
    folders: [...folders],
    read: async (names) => {
      const wanted = new Set(names);
      const found = new Map<string, Uint8Array>();
      for (const [name, data] of Object.entries(unzip((path) => wanted.has(path)))) found.set(below(name), data);
      return names.map((name) => found.get(name)!);
    },
  };
}

/** Lists a folder, a .zip, or a folder inside a .zip (`data.zip/train`). */
export async function list(root: string): Promise<Listing> {
  const inside = /^(.*\.zip)[/\\]+(.+?)[/\\]*$/i.exec(root);
  if (inside && (await stat(inside[1]!).catch(() => undefined))?.isFile()) {
    return listZip(inside[1]!, `${inside[2]!.replaceAll('\\', '/')}/`);
  }
  let folder: boolean;
  try {
    folder = (await stat(root)).isDirectory();
    if (folder) return await listFolder(root);
  } catch (error) {
    throw fileError(root, error, 'read');
  }
  if (!/\.zip$/i.test(root)) throw new Error(`${root}: neither a folder nor a .zip; ${FORM}`);
  return listZip(root);
}

/**
 * Finds the class folders: those at the top, below a single outer folder where there is one. In natural order of their
 * names, and the images of each likewise, so that results don't depend on the file system.
 */
export function classesOf(root: string, { files, folders }: Pick<Listing, 'files' | 'folders'>): ClassFiles[] {
  const parent = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));
  const inside = (paths: readonly string[], folder: string) => paths.filter((path) => parent(path) === folder);
  let top = '';
  let names = inside(folders, top);
  while (
    names.length === 1 &&
    inside(folders, names[0]!).length > 0 &&
    !inside(files, top).some((f) => IMAGE.test(f))
  ) {
    top = names[0]!;
    names = inside(folders, top);
  }
  if (names.length === 0) {
    const images = files.some((file) => IMAGE.test(file));
    throw new Error(`${root}: ${images ? 'images, but no class folders' : 'no class folders'}; ${FORM}`);
  }
  const byParent = new Map<string, string[]>();
  for (const file of files) {
    const siblings = byParent.get(parent(file));
    if (siblings) siblings.push(file);
    else byParent.set(parent(file), [file]);
  }
  const classes = new Map<string, string[]>();
  for (const folder of names) {
    const deeper = files.find((file) => file.startsWith(`${folder}/`) && parent(file) !== folder);
    if (deeper)
      throw new Error(
        `${root}/${deeper}: lies deeper than one folder a class; ${FORM} (${root}/${deeper.split('/')[0]} may be one)`,
      );
    const own = byParent.get(folder) ?? [];
    const strange = own.find((file) => !IMAGE.test(file));
    if (strange) throw new Error(`${root}/${strange}: not an image (png, jpeg, webp, gif, tiff or avif); remove it`);
    if (own.length === 0) throw new Error(`${root}/${folder}: a class without images; add some or remove the folder`);
    // File systems differ in how they store accents (NFC or NFD).
    const name = folder.slice(top ? top.length + 1 : 0).normalize('NFC');
    classes.set(name, [...(classes.get(name) ?? []), ...own]);
  }
  if (classes.size === 1) {
    throw new Error(`${root}: only one class ('${[...classes.keys()][0]}'); at least two are needed`);
  }
  const order = (a: string, b: string) => natural(a.normalize('NFC'), b.normalize('NFC'));
  return [...classes].map(([name, own]) => ({ name, files: own.sort(order) })).sort((a, b) => natural(a.name, b.name));
}
