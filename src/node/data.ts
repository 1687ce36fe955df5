import { basename } from 'node:path';
import sharp from 'sharp';
import type { SampleIndex } from '../episodes.js';
import { toBytes } from '../image.js';
import type { RawImage, Sample } from '../types.js';
import { readBytes } from './files.js';
import { type ClassFiles, classesOf, type Listing, list } from './listing.js';

// Pictures here are small and each is decoded once: a cache and threads inside libvips only cost memory.
sharp.cache(false);
sharp.concurrency(1);

type Input = readonly [number, number, number];

/** A labelled data set: a folder or .zip with one folder a class. Images are decoded when they are asked for. */
export interface DataSet {
  /** The file's or folder's name without `.zip`. */
  name: string;
  path: string;
  classes: ClassFiles[];
  listing: Listing;
}

/** Lists a data set; no image is decoded. */
export async function openData(path: string): Promise<DataSet> {
  const listing = await list(path);
  const name = basename(path).replace(/\.zip$/i, '') || path;
  return { name, path, classes: classesOf(path.replace(/[/\\]+$/, ''), listing), listing };
}

/** Bytes of an image file to RGB or RGBA of 8 bits, upright. `name` is for the error. */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<RawImage> {
  try {
    const { data, info } = await sharp(bytes, { failOn: 'error' })
      .autoOrient()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
  } catch (error) {
    const why = (error as Error).message.split('\n')[0]!.replace(/^Input [Bb]uffer (contains|is) /, '');
    throw new Error(`${name}: not an image that can be read (${why})`);
  }
}

/** Reads an image file; with `input`, in the model's size, which gives the same tensor and needs less memory. */
export async function readImage(path: string, input?: Input): Promise<RawImage> {
  const image = await decodeImage(await readBytes(path), path);
  return input ? toBytes(image, input) : image;
}

/** Decodes some images of a data set, in the model's size, with their labels. */
export async function readSamples(data: DataSet, which: readonly SampleIndex[], input: Input): Promise<Sample[]> {
  const files = which.map((s) => data.classes[s.class]!.files[s.image]!);
  const bytes = await data.listing.read(files);
  const samples: Sample[] = [];
  for (const [i, s] of which.entries()) {
    const image = await decodeImage(bytes[i]!, `${data.path}/${files[i]}`);
    samples.push({ image: toBytes(image, input), label: data.classes[s.class]!.name });
  }
  return samples;
}

/** Every image of a data set, class after class: a support set. */
export async function readAll(data: DataSet, input: Input): Promise<Sample[]> {
  const which = data.classes.flatMap(({ files }, c) => files.map((_, image) => ({ class: c, image })));
  return readSamples(data, which, input);
}

/** At most `count` images, spread over the classes: the first of each, the second of each, and so on. */
export async function readSpread(data: DataSet, count: number, input: Input): Promise<Sample[]> {
  const which: SampleIndex[] = [];
  const most = Math.max(...data.classes.map(({ files }) => files.length));
  for (let image = 0; image < most && which.length < count; image++) {
    for (const [c, { files }] of data.classes.entries()) if (image < files.length) which.push({ class: c, image });
  }
  return readSamples(data, which.slice(0, count), input);
}
