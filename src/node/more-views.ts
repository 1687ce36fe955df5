/** More views of a picture for a session that was adapted with one: their prototypes, without training again. */
import type { Engine as WasmEngine } from '../engine.js';
import { toTensor } from '../image.js';
import { prototypesIn, withViews } from '../patchfile.js';
import { addViewsToPrototypes } from '../prototypes.js';
import { taskOf } from '../task.js';
import type { Sample } from '../types.js';
import type { Session } from './engine.js';

/**
 * Makes a session that `adapt` left, with one view, what `adapt` with `views` views of the same samples would have left, bit
 * for bit: training does not depend on how pictures are classified.
 */
export async function addViews(session: Session, support: readonly Sample[], views: number): Promise<void> {
  const { input, features } = session.model;
  const { layers, preprocessing } = session.inspect();
  const task = taskOf(support, (image) => toTensor(image, input, preprocessing.mean, preprocessing.std));
  const patch = session.patch();
  const prototypes = prototypesIn(patch);
  // A session has spatial features in ONNX's order (channel, row, column), a patch in the engine's (row, column, channel).
  const channels = layers.at(-1)!.out[2];
  const area = features / channels;
  const embed = (tensor: Float32Array) => {
    const values = session.embed(tensor);
    return area > 1 ? values.map((_, j) => values[(j % channels) * area + Math.floor(j / channels)]!) : values;
  };
  const setPrototypes = (values: Float32Array) => prototypes.set(values);
  const engine: Pick<WasmEngine, 'floats' | 'embed' | 'setPrototypes'> = {
    floats: () => prototypes,
    embed,
    setPrototypes,
  };
  await addViewsToPrototypes(engine, task, input, features, views, {});
  session.apply(withViews(patch, views));
}
