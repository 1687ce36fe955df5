import type { RawImage } from 'tinytrain/worker';
import { toBytes } from '../../src/image.js';
import type { Picture } from './state.js';

type Input = readonly [height: number, width: number, channels: number];

/** Pixels of a file, upright, as sRGB. */
async function decode(blob: Blob, name: string): Promise<RawImage> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    throw new Error(`${name} is not a picture that this browser can read`);
  }
  const canvas = document.createElement('canvas');
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** A file as a picture in the size of the model; resized as the command line does it, bit for bit. */
export async function pictureOf(blob: Blob, input: Input, name = 'the picture'): Promise<Picture> {
  return { blob, image: toBytes(await decode(blob, name), input) };
}

/** What a canvas shows, as a file. */
export function blobOf(canvas: HTMLCanvasElement, type: 'image/png' | 'image/jpeg'): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture cannot be kept'))), type, 0.95);
  });
}

/** The middle square of what is drawn or filmed, `side` pixels wide. */
export function square(source: HTMLVideoElement | HTMLCanvasElement, side: number): HTMLCanvasElement {
  const video = source instanceof HTMLVideoElement;
  const [width, height] = video ? [source.videoWidth, source.videoHeight] : [source.width, source.height];
  const edge = Math.min(width, height);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = side;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(source, (width - edge) / 2, (height - edge) / 2, edge, edge, 0, 0, side, side);
  return canvas;
}

/** The pixels of a canvas in the size of the model. */
export function imageOf(canvas: HTMLCanvasElement, input: Input): RawImage {
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  return toBytes(context.getImageData(0, 0, canvas.width, canvas.height), input);
}

/** Draws what the network sees into a canvas. */
export function show(image: RawImage, canvas: HTMLCanvasElement): void {
  const { width, height, data } = image;
  const bytes = data.length / (width * height);
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[i * 4 + c] = data[i * bytes + (bytes === 1 ? 0 : c)]!;
    pixels.data[i * 4 + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
}
