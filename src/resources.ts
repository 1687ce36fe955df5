import { TinyTrainError } from './status.js';

/** Models that the package ships, by name. */
export const EMBEDDED_MODELS: Record<string, URL> = {
  default: new URL('../models/default.ttm', import.meta.url),
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
