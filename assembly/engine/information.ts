/** Fisher potential. */
import { layerAt } from './arena';
import { control } from './control';
import { opAt } from './model';

/** Fisher potential of every layer inspected: the sum of Δ over its channels (equation 2). False if one is not finite. */
export function sumInformation(): bool {
  const c = control();
  for (let l = 0; l < c.layerCount; ++l) {
    const layer = layerAt(l);
    if (!layer.inspected) continue;
    let sum: f64 = 0;
    const channels = opAt(layer.op).outC;
    for (let o = 0; o < channels; ++o) sum += <f64>load<f32>(layer.delta + (o << 2));
    layer.fisher = <f32>sum;
    if (layer.fisher - layer.fisher != 0) return false;
  }
  return true;
}
