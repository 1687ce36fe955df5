import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';

/** Folder of the pre-trained networks (`models/`) and data sets (`data/`) that are not in this repository. */
const FOLDER = process.env.TINYTRAIN_DATA;

/** The bytes of a file of TINYTRAIN_DATA. */
export function dataFile(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(dataPath(path)));
}

export function dataPath(path: string): string {
  if (!FOLDER) throw new Error('set TINYTRAIN_DATA to the folder that holds models/ and data/');
  return join(FOLDER, path);
}

/**
 * Tests that need TINYTRAIN_DATA. Without it they are skipped, and their name says so; where CI is true, that fails.
 */
export function describeWithData(name: string, tests: () => void): void {
  if (FOLDER && existsSync(join(FOLDER, 'models'))) {
    describe(name, tests);
  } else if (process.env.CI === 'true') {
    describe(name, () => {
      it('has TINYTRAIN_DATA', () => {
        throw new Error('TINYTRAIN_DATA does not name a folder with models/ and data/: these tests must run here');
      });
    });
  } else {
    describe.skip(`${name} (skipped for want of TINYTRAIN_DATA)`, tests);
  }
}

/** A tensor of a `NAME.golden.bin` file, by the directory in `NAME.golden.json`. */
export interface GoldenTensor {
  shape: number[];
  values: Float32Array;
}

/** The golden tensors of one of the networks: `input` [n, 3, 128, 128], `logits`, `features`. */
export function goldenTensors(network: string): Record<string, GoldenTensor> {
  const directory = JSON.parse(new TextDecoder().decode(dataFile(`models/${network}.golden.json`))) as {
    tensors: { name: string; shape: number[]; offset: number; bytes: number }[];
  };
  const { buffer } = dataFile(`models/${network}.golden.bin`);
  return Object.fromEntries(
    directory.tensors.map(({ name, shape, offset, bytes }) => [
      name,
      { shape, values: new Float32Array(buffer, offset, bytes / 4) },
    ]),
  );
}
