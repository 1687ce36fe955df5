import type { AdaptReport } from 'tinytrain/worker';
import type { App } from './app.js';
import { byId, say, settled, words } from './dom.js';
import type { ModelOptions } from './networks.js';
import { pictureOf } from './pictures.js';
import type { Budgets } from './state.js';

/** What a reload brings back; it stays in this browser. */
interface Kept {
  classes: { name: string; pictures: Blob[] }[];
  heldOut: { label: string; picture: Blob }[];
  budgets: Budgets;
  adapted?: { patch: Uint8Array; report?: AdaptReport; stale: boolean };
}

/** A model that isn't what the page begins with; kept apart, for it is large and seldom changes. */
interface KeptModel {
  name: string;
  bytes: Uint8Array;
  options: ModelOptions;
  /** Missing, and then true, where an older page kept it. */
  own?: boolean;
}

const STORE = 'kept';

function request<T>(work: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    work.onsuccess = () => resolve(work.result);
    work.onerror = () => reject(work.error);
  });
}

let database: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  if (!database) {
    const opening = indexedDB.open('tinytrain', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    database = request(opening);
  }
  return database;
}

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  return (await open()).transaction(STORE, mode).objectStore(STORE);
}

/** Puts back what was kept; what cannot be used any more is named and left out. */
export async function restore(app: App): Promise<void> {
  const model = (await request((await store('readonly')).get('model'))) as KeptModel | undefined;
  const kept = (await request((await store('readonly')).get('last'))) as Kept | undefined;
  if (!kept) return;
  const { state } = app;
  const { adapted } = kept;
  state.budgets = kept.budgets;
  if (model)
    await app.try('model', async () => app.useModel(model.own === false ? await app.int8 : { ...model, own: true }));
  const { input } = app.networks.info.model;
  state.classes = [];
  for (const { name, pictures } of kept.classes) {
    const klass = state.addClass(name);
    for (const blob of pictures) klass.pictures.push(await pictureOf(blob, input));
  }
  for (const { label, picture } of kept.heldOut) {
    state.heldOut.push({ label, picture: await pictureOf(picture, input) });
  }
  if (adapted) await app.try('train', () => app.usePatch(adapted.patch, adapted));
}

/** Keeps classes, budgets, model and patch from now on. */
export function keep(app: App): void {
  const { state } = app;
  const line = byId('kept');
  const put = async (key: 'model' | 'last', value: KeptModel | Kept | undefined) => {
    try {
      const kept = await store('readwrite');
      if (value === undefined) await request(kept.delete(key));
      else await request(kept.put(value, key));
      say(line, 'Kept in this browser for the next visit.');
    } catch (error) {
      say(line, `This browser keeps nothing for the next visit (${words(error)}): save the patch as a file.`);
    }
  };
  state.on('model', () => {
    void put('model', app.model === app.standard ? undefined : app.model);
  });
  const later = settled(250, () => {
    const { classes, heldOut, budgets, adapted } = state;
    void put('last', {
      classes: classes.map(({ name, pictures }) => ({ name, pictures: pictures.map((p) => p.blob) })),
      heldOut: heldOut.map(({ label, picture }) => ({ label, picture: picture.blob })),
      budgets,
      adapted,
    });
  });
  state.on(['classes', 'budgets', 'adapted', 'heldOut'], later);
}
