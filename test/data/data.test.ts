import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeImage, openData, readAll, readImage, readSamples } from '../../src/node/data.js';
import { natural } from '../../src/node/natural.js';

const root = mkdtempSync(join(tmpdir(), 'tinytrain-data-'));
afterAll(() => rmSync(root, { recursive: true }));

const pixel = (r: number, g: number, b: number) =>
  sharp({ create: { width: 2, height: 2, channels: 3, background: { r, g, b } } })
    .png()
    .toBuffer();
const red = await pixel(255, 0, 0);
const blue = await pixel(0, 0, 255);

let count = 0;
/** A folder with these files; an empty value makes an empty folder. */
function folder(files: Record<string, Uint8Array | string | null>): string {
  const base = join(root, `set${count++}`);
  mkdirSync(base);
  for (const [name, data] of Object.entries(files)) {
    if (data === null) mkdirSync(join(base, name), { recursive: true });
    else {
      mkdirSync(dirname(join(base, name)), { recursive: true });
      writeFileSync(join(base, name), data);
    }
  }
  return base;
}

function zip(files: Record<string, Uint8Array>, name = `set${count++}.zip`): string {
  const path = join(root, name);
  writeFileSync(path, zipSync(files));
  return path;
}

const names = async (path: string) => (await openData(path)).classes.map((c) => [c.name, ...c.files]);

describe('data sets', () => {
  const files = { 'cat/10.png': red, 'cat/2.png': blue, 'dog/a.png': blue };
  const sorted = [
    ['cat', 'cat/2.png', 'cat/10.png'],
    ['dog', 'dog/a.png'],
  ];
  it('reads a folder in natural order', async () => {
    expect(await names(folder(files))).toEqual(sorted);
  });
  it('reads a zip the same way', async () => {
    const path = zip(files);
    expect(await names(path)).toEqual(sorted);
    expect(await readAll(await openData(path), [1, 1, 3])).toEqual(
      await readAll(await openData(folder(files)), [1, 1, 3]),
    );
  });
  it('decodes only what is asked for, in the size of the model', async () => {
    const data = await openData(zip({ ...files, 'dog/broken.png': new Uint8Array(9) }, 'animals.zip'));
    expect(data.name).toBe('animals');
    const samples = await readSamples(
      data,
      [
        { class: 0, image: 1 },
        { class: 1, image: 0 },
      ],
      [1, 1, 3],
    );
    expect(samples).toEqual([
      { label: 'cat', image: { data: Uint8Array.of(255, 0, 0), width: 1, height: 1 } },
      { label: 'dog', image: { data: Uint8Array.of(0, 0, 255), width: 1, height: 1 } },
    ]);
  });
  it('looks into a single outer folder and past litter', async () => {
    const litter = {
      '__MACOSX/cat/._1.png': red,
      'top/.DS_Store': red,
      'top/cat/.hidden': red,
      'top/cat/Thumbs.db': red,
    };
    const nested = { 'top/cat/1.png': red, 'top/dog/1.png': red, 'top/README.md': red };
    const expected = [
      ['cat', 'top/cat/1.png'],
      ['dog', 'top/dog/1.png'],
    ];
    expect(await names(folder({ ...nested, ...litter }))).toEqual(expected);
    expect(await names(zip({ ...nested, ...litter }))).toEqual(expected);
    expect(await names(zip({ 'top\\cat\\1.png': red, 'top\\dog\\1.png': red }))).toEqual(expected);
  });
  it('reads a folder inside a zip', async () => {
    const path = zip({ 'train/a/1.png': red, 'val/a/2.png': red, 'val/b/1.png': blue });
    const data = await openData(`${path}/val/`);
    expect([data.name, data.classes.map((c) => c.name)]).toEqual(['val', ['a', 'b']]);
    expect((await readAll(data, [1, 1, 3]))[1]!.image).toMatchObject({ data: Uint8Array.of(0, 0, 255) });
    await expect(openData(`${path}/test`)).rejects.toThrow('/test: no class folders');
  });
  it('writes accents in one form', async () => {
    expect((await names(folder({ 'cafe\u0301/1.png': red, 'tee/1.png': red })))[0]![0]).toBe('caf\u00e9');
  });
});

describe('one line says what is wrong', () => {
  const cases: [string, () => string, string | RegExp][] = [
    ['missing', () => join(root, 'nowhere'), /nowhere: no such file or folder$/],
    ['neither folder nor zip', () => join(folder({ 'a.txt': 'x' }), 'a.txt'), 'a.txt: neither a folder nor a .zip'],
    ['empty', () => folder({}), 'no class folders; a data set is'],
    ['images without classes', () => folder({ '1.png': red }), 'images, but no class folders'],
    ['one class', () => folder({ 'cat/1.png': red }), "only one class ('cat'); at least two"],
    ['empty class', () => folder({ 'cat/1.png': red, dog: null }), /dog: a class without images/],
    ['strange file', () => folder({ 'cat/1.png': red, 'dog/notes.txt': 'x' }), /dog\/notes\.txt: not an image/],
    [
      'too deep',
      () => folder({ 'cat/x/1.png': red, 'dog/1.png': red }),
      'cat/x/1.png: lies deeper than one folder a class',
    ],
  ];
  it.each(cases)('%s', async (_, make, message) => {
    const error = await openData(make()).catch((e: Error) => e);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('\n');
  });
  it('damaged zip', async () => {
    const path = zip({ 'cat/1.png': red, 'dog/1.png': red });
    writeFileSync(path, zipSync({ 'cat/1.png': red }).subarray(0, 60));
    await expect(openData(path)).rejects.toThrow(/\.zip: damaged or not a zip \(/);
  });
  it('not an image', async () => {
    const data = await openData(folder({ 'cat/1.png': red, 'dog/1.png': 'text' }));
    await expect(readAll(data, [1, 1, 3])).rejects.toThrow(/dog\/1\.png: not an image that can be read \(/);
    await expect(readImage(join(root, 'none.png'))).rejects.toThrow('none.png: no such file or folder');
  });
  it('cut short', async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 7919) >> 5);
    const whole = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    await expect(decodeImage(whole.subarray(0, whole.length / 2), 'a.jpg')).rejects.toThrow('a.jpg: not an image');
  });
});

describe('decoding', () => {
  const raw = { width: 2, height: 1, channels: 3 as const };
  const two = () => sharp(Uint8Array.of(255, 0, 0, 0, 0, 255), { raw });
  const decode = async (bytes: Uint8Array) => [...(await decodeImage(bytes, 'x')).data];
  it('turns by EXIF', async () => {
    const image = await decodeImage(await two().withMetadata({ orientation: 6 }).png().toBuffer(), 'x');
    expect([image.width, image.height]).toEqual([1, 2]);
  });
  it('reads palette, gif, webp, 16 bit, alpha, grey and CMYK as 8-bit RGB(A)', async () => {
    const plain = [255, 0, 0, 0, 0, 255];
    expect(await decode(await two().png({ palette: true }).toBuffer())).toEqual(plain);
    expect(await decode(await two().webp({ lossless: true }).toBuffer())).toEqual(plain);
    expect((await decode(await two().gif().toBuffer())).length).toBeGreaterThanOrEqual(6);
    expect(await decode(await two().toColourspace('rgb16').png().toBuffer())).toEqual(plain);
    expect(await decode(await two().ensureAlpha(0.5).png().toBuffer())).toEqual([255, 0, 0, 127, 0, 0, 255, 127]);
    const grey = await decode(await two().greyscale().png().toBuffer());
    expect([grey.length, grey[0]]).toEqual([6, grey[1]]);
    expect(await decode(await two().toColourspace('cmyk').jpeg().toBuffer())).toHaveLength(6);
  });
});

describe('natural order', () => {
  it('sorts numbers by value', () => {
    const sorted = ['1', '2', '10', 'a1b', 'a01c', 'a2', 'a10', 'b'];
    expect(sorted.slice().reverse().sort(natural)).toEqual(sorted);
  });
  it('is a total order', () => {
    const name = fc
      .array(fc.constantFrom('a', 'b', '0', '1', '10', '-'), { maxLength: 5 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(natural(a, b))).toBe(-Math.sign(natural(b, a)) + 0);
        expect(natural(a, b) === 0).toBe(a === b);
        if (natural(a, b) < 0 && natural(b, c) < 0) expect(natural(a, c)).toBeLessThan(0);
      }),
    );
  });
});
