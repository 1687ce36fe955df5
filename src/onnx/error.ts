/** A file that cannot be imported, in one line: what it is and what would be accepted. */
export class OnnxError extends Error {
  override name = 'OnnxError';

  constructor(message: string) {
    super(message.replace(/[\p{Cc}\u2028\u2029]+/gu, ' '));
  }
}

/** A name from a file as a message may show it: never empty, never longer than a line. */
export function shown(name: string): string {
  if (name === '') return "''";
  return name.length > 80 ? `${name.slice(0, 77)}...` : name;
}
