/** A row of the table of sizes, in bytes. */
export interface Size {
  part: string;
  when: string;
  raw: number;
  gzip: number;
}
export function sizes(): Size[];
export function table(): string;
