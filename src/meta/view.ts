import { toBytes } from '../image.js';
import type { Random } from '../random.js';
import type { Augment, RawImage } from '../types.js';

/** A window of an image: the same share of height and width. */
function crop(image: RawImage, side: number, random: Random): RawImage {
  const width = Math.max(1, Math.round(image.width * side));
  const height = Math.max(1, Math.round(image.height * side));
  const left = random.between(0, image.width - width);
  const top = random.between(0, image.height - height);
  const pixel = image.data.length / (image.width * image.height);
  const data = new Uint8Array(width * height * pixel);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * pixel;
    data.set(image.data.subarray(from, from + width * pixel), y * width * pixel);
  }
  return { data, width, height };
}

function mirror({ data, width, height }: RawImage): RawImage {
  const pixel = data.length / (width * height);
  const out = new Uint8Array(data.length);
  for (let i = 0; i < width * height; i++) {
    const x = i % width;
    out.set(data.subarray(i * pixel, (i + 1) * pixel), (i - x + width - 1 - x) * pixel);
  }
  return { data: out, width, height };
}

/** Brightness, then contrast: factors on the pixels and on their distance from the image's mean. */
function light({ data, width, height }: RawImage, brightness: number, contrast: number): RawImage {
  let sum = 0;
  for (const p of data) sum += p;
  const mean = sum / data.length;
  const table = Uint8ClampedArray.from({ length: 256 }, (_, p) => brightness * (contrast * p + (1 - contrast) * mean));
  return { data: Uint8Array.from(data, (p) => table[p]!), width, height };
}

/**
 * An image as meta-training shows it, in the model's size: a crop of 40 to 100% of its area, cut from the image as it was
 * stored, brightness and contrast of 0.8 to 1.2, mirrored half of the time (`auto`), or none of that.
 */
export function randomView(
  image: RawImage,
  input: readonly [number, number, number],
  augment: Augment,
  random: Random,
): RawImage {
  if (augment === 'none') return toBytes(image, input);
  const part = toBytes(crop(image, Math.sqrt(0.4 + 0.6 * random.uniform()), random), input);
  const [brightness, contrast] = [0.8 + 0.4 * random.uniform(), 0.8 + 0.4 * random.uniform()];
  // The fourth channel is no light.
  const lit = input[2] === 4 ? part : light(part, brightness, contrast);
  return random.uniform() < 0.5 && augment === 'auto' ? mirror(lit) : lit;
}
