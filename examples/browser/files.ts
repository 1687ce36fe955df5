import { natural } from '../../src/node/natural.js';
import type { App } from './app.js';
import { words } from './dom.js';
import { openModel } from './model-panel.js';

/** A file that was dropped or chosen, with the folder that it lay in. */
interface Found {
  file: File;
  /** Name of the folder; empty for a file that came alone. */
  folder: string;
}

/** Where pictures go that are dropped on, or pasted into, a part of the page. */
export interface Target {
  add(files: File[]): Promise<void>;
}

const PICTURE = /\.(png|jpe?g|gif|webp|avif|bmp|svg|ico|tiff?|heic)$/i;
const isPicture = (file: File) => file.type.startsWith('image/') || PICTURE.test(file.name);

async function walk(entry: FileSystemEntry, folder: string, found: Found[]): Promise<void> {
  if (entry.name.startsWith('.')) return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ file, folder });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader hands over some entries at a time, none at the end.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const each of entries) await walk(each, entry.name, found);
  }
}

/** Everything that was dropped, folders with all they hold. */
async function dropped(data: DataTransfer): Promise<Found[]> {
  // Entries have to be taken before the first wait: the browser clears the list then.
  const entries = Array.from(data.items, (item) => item.webkitGetAsEntry?.() ?? null);
  const files = Array.from(data.files, (file) => ({ file, folder: '' }));
  if (entries.every((entry) => entry === null)) return files;
  const found: Found[] = [];
  for (const entry of entries) if (entry) await walk(entry, '', found);
  return found;
}

/** Files of `<input type="file" webkitdirectory>`. */
export function chosen(files: FileList): Found[] {
  return Array.from(files, (file) => ({ file, folder: file.webkitRelativePath.split('/').at(-2) ?? '' })).filter(
    ({ file }) => !file.name.startsWith('.'),
  );
}

/** Folders become classes of their name. */
export async function addFolders(app: App, found: readonly Found[]): Promise<void> {
  const folders = new Map<string, File[]>();
  for (const { file, folder } of found) {
    if (isPicture(file)) folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  if (folders.size === 0) throw new Error('there is no picture in that folder');
  const problems: string[] = [];
  for (const name of [...folders.keys()].sort(natural)) {
    const files = folders.get(name)!.sort((a, b) => natural(a.name, b.name));
    try {
      await app.addPictures(app.state.classNamed(name), files);
    } catch (error) {
      problems.push(words(error));
    }
  }
  if (problems.length > 0) throw new Error(problems.join('; '));
}

/** A model, a patch, folders or pictures: each goes where it belongs. */
async function take(app: App, found: Found[], target: Target | undefined): Promise<void> {
  for (const place of ['model', 'classes', 'train', 'try'] as const) app.error(place, '');
  const model = found.find(({ file }) => /\.(onnx|ttm)$/i.test(file.name));
  const patch = found.find(({ file }) => /\.ttd$/i.test(file.name));
  if (model) await app.try('model', () => openModel(app, model.file));
  if (patch) await app.try('train', async () => app.usePatch(new Uint8Array(await patch.file.arrayBuffer())));
  const pictures = found.filter(({ file }) => isPicture(file));
  const loose = pictures.filter(({ folder }) => target || folder === '').map(({ file }) => file);
  if (target && loose.length > 0) await target.add(loose.sort((a, b) => natural(a.name, b.name)));
  else if (pictures.some(({ folder }) => folder !== '')) await app.try('classes', () => addFolders(app, pictures));
  else if (loose.length > 0)
    app.error('classes', 'drop pictures on a class, or on the picture to try; folders become classes');
  const other = found.find((each) => each !== model && each !== patch && !isPicture(each.file));
  if (other && pictures.length === 0 && !model && !patch) {
    app.error('classes', `${other.file.name}: expected pictures, a model (.onnx, .ttm) or a patch (.ttd)`);
  }
}

/** Lets files be dropped anywhere, and pictures be pasted into the part of the page that was used last. */
export function listenForFiles(app: App, targetOf: (element: Element | null) => Target | undefined): void {
  let over: Element | null = null;
  let last: Element | null = null;
  const mark = (element: Element | null) => {
    over?.classList.remove('over');
    over = element;
    over?.classList.add('over');
  };
  const holder = (event: Event) => (event.target as Element | null)?.closest?.('[data-target]') ?? null;
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    mark(holder(event) ?? document.body);
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) mark(null);
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    mark(null);
    const target = targetOf(holder(event));
    if (event.dataTransfer) {
      dropped(event.dataTransfer)
        .then((found) => take(app, found, target))
        .catch((error) => app.error('classes', error));
    }
  });
  for (const type of ['focusin', 'pointerdown']) {
    document.addEventListener(type, (event) => {
      last = holder(event) ?? last;
    });
  }
  document.addEventListener('paste', (event) => {
    const files = Array.from(event.clipboardData?.files ?? [], (file) => ({ file, folder: '' }));
    if (files.length === 0) return;
    event.preventDefault();
    void take(app, files, targetOf(last?.isConnected ? last : document.querySelector('[data-target]')));
  });
}
