import { TinyTrainError } from './status.js';

/** Models that the package ships, by name. */
export const EMBEDDED_MODELS: Record<string, URL> = {
  default: new URL('../models/default.ttm', import.meta.url),
  'default-int8': new URL('../models/default.int8.ttm', import.meta.url),
  small: new URL('../models/small.ttm', import.meta.url),
};

export type Reader = (where: string | URL) => Promise<Uint8Array>;

/** Bytes of a URL. */
export const fetchBytes: Reader = async (where) => {
  let response: Response;
  try {
    response = await fetch(where);
  } catch {
    throw new TinyTrainError(`${where} cannot be fetched: check the address`);
  }
  if (!response.ok) throw new TinyTrainError(`${where} cannot be fetched: the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};

let reader: Reader = fetchBytes;

/** Replaces how names and URLs become bytes: Node's entry makes files readable. */
export function setReader(read: Reader): void {
  reader = read;
}

/** Bytes of a file or URL. */
export function read(where: string | URL): Promise<Uint8Array> {
  return reader(where);
}

/** Where a model lies, for another thread to read: the URL of an embedded one; what is relative, seen from `base`. */
export function locate(where: string | URL, base?: string): string {
  return String(EMBEDDED_MODELS[String(where)] ?? (base ? new URL(where, base) : where));
}

/** Bytes of an embedded model, a file or a URL. */
export async function readNamed(where: string | URL): Promise<Uint8Array> {
  const embedded = EMBEDDED_MODELS[String(where)];
  if (!embedded) return read(where);
  try {
    return await read(embedded);
  } catch (error) {
    // A bundler that doesn't copy what new URL(..., import.meta.url) names leaves it behind.
    throw new TinyTrainError(
      `the model '${where}' is not at ${embedded}: copy models/${embedded.pathname.split('/').pop()} of the package there, or give load its URL (${(error as Error).message})`,
    );
  }
}
