import { OnnxError } from './error.js';

/** Mean and standard deviation of each channel, value = (pixel / 255 - mean) / std. */
export interface Preprocessing {
  mean: number[];
  std: number[];
}

/** Pixels p become p / 127.5 - 1. */
const DEFAULT = 0.5;
/** No mean or deviation of pixels from 0 to 1 is above 1: one that is above this is of pixels from 0 to 255. */
const LARGEST = 1.5;

/**
 * The preprocessing of an image with so many channels. One value stands for all channels. Values are of pixels from 0
 * to 1; if one of those that are given is above 1.5, all that are given are of pixels from 0 to 255.
 */
export function preprocessing(channels: number, mean?: number[], std?: number[]): Preprocessing {
  if (channels > 4) {
    if (mean || std)
      throw new OnnxError(`the input has ${channels} channels: it is no image, mean and std have no use`);
    return { mean: [], std: [] };
  }
  const large = [...(mean ?? []), ...(std ?? [])].some((value) => Math.abs(value) > LARGEST);
  const spread = (what: string, values: number[] | undefined): number[] => {
    if (!values) return new Array<number>(channels).fill(DEFAULT);
    if (values.length !== 1 && values.length !== channels) {
      throw new OnnxError(`${what} has ${values.length} values, expected 1 or ${channels}, one a channel`);
    }
    if (!values.every(Number.isFinite)) throw new OnnxError(`${what} ${values.join(', ')} is not a list of numbers`);
    return Array.from({ length: channels }, (_, i) => values[values.length === 1 ? 0 : i]! / (large ? 255 : 1));
  };
  const result = { mean: spread('mean', mean), std: spread('std', std) };
  if (!result.std.every((value) => Math.fround(value) > 0)) {
    throw new OnnxError(`std ${std!.join(', ')} is not supported: each value must be above 0`);
  }
  return result;
}
