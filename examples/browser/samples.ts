import type { App } from './app.js';
import { blobOf } from './pictures.js';

/** What examples/browser/build.mjs puts together of demo/: one picture, a row a class, a column a sample. */
export interface SampleSheet {
  classes: string[];
  perClass: number;
  side: number;
}

declare const SAMPLES: SampleSheet;
/** As in the command `tinytrain demo`: the first five of each class are trained with, the others are held out. */
const SHOTS = 5;

let loaded: Promise<HTMLImageElement> | undefined;

/** Fetches the sheet with the page, so that it is there when it is asked for. */
export function loadSamples(): Promise<HTMLImageElement> {
  loaded ??= (async () => {
    const image = new Image();
    image.src = 'samples.png';
    await image.decode();
    return image;
  })();
  return loaded;
}

/** Five kinds of clothes, as if the person had dropped them. */
export async function addSamples(app: App): Promise<void> {
  const image = await loadSamples();
  const { classes, perClass, side } = SAMPLES;
  const { state } = app;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = side;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  state.heldOut = [];
  for (const [row, name] of classes.entries()) {
    const klass = state.classNamed(name);
    klass.pictures = [];
    for (let column = 0; column < perClass; column++) {
      context.drawImage(image, column * side, row * side, side, side, 0, 0, side, side);
      const picture = await app.picture(await blobOf(canvas, 'image/png'));
      if (column < SHOTS) klass.pictures.push(picture);
      else state.heldOut.push({ label: name, picture });
    }
  }
  state.changed('heldOut');
  app.classesChanged();
}
