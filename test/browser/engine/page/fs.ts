/** What the tests import of node:fs, for a page: files of the repository, from its server. */
export function readFileSync(url: URL): Bytes {
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  // A page may not ask for an ArrayBuffer at once: each character is a byte.
  request.overrideMimeType('text/plain; charset=x-user-defined');
  request.send();
  if (request.status !== 200) throw new Error(`${url} answers ${request.status}`);
  return Bytes.from(request.responseText, (c) => c.charCodeAt(0) & 0xff) as Bytes;
}

/** Like Node's Buffer as far as the tests go: as a string it is its text. */
class Bytes extends Uint8Array<ArrayBuffer> {
  override toString(): string {
    return new TextDecoder().decode(this);
  }
}
