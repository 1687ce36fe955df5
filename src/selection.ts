/** Selections: what a method trains, as the engine's table takes it and as files and reports show it. */
import { KIND } from './control.js';
import type { Engine } from './engine.js';
import { TinyTrainError } from './status.js';
import type { LayerInfo, LayerReport, Method, Selection } from './types.js';

const every = (layer: LayerInfo) => Array.from({ length: layer.out[2] }, (_, channel) => channel);

/** In the names of an adapter's operators (src/adapters.ts), between that of the block's last operator and their own. */
export const ADAPTER_MARK = '.adapter.';

/** True for an operator of an adapter, by its name. */
export const isAdapter = ({ name }: { name: string }): boolean => name.includes(ADAPTER_MARK);

/** The selection of a method that does not look at the samples. */
export function methodSelection(
  method: Exclude<Method, 'tinytrain' | 'sparseupdate'>,
  layers: readonly LayerInfo[],
): Selection {
  const named = (which: readonly LayerInfo[], choice: 'all' | 'bias') =>
    Object.fromEntries(which.map((layer) => [layer.name, choice]));
  if (method === 'none') return { layers: {} };
  const own = layers.filter((layer) => !isAdapter(layer));
  const last = named(own.slice(-1), 'all');
  if (method === 'lastlayer') return { layers: last };
  if (method === 'tinytl') {
    if (own.length === layers.length)
      throw new TinyTrainError('the model has no adapters for method tinytl: tinytrain import --adapters adds them');
    return { layers: { ...named(layers, 'all'), ...named(own, 'bias'), ...last } };
  }
  return { layers: named(layers, method === 'biasonly' ? 'bias' : 'all') };
}

/** Writes a selection into the engine's table; what it does not name is frozen. */
export function applySelection(engine: Engine, selection: Selection, layers: readonly LayerInfo[]): void {
  const names = new Map(layers.map((layer) => [layer.name, layer]));
  for (const layer of layers) engine.setSelection(layer.index, 'none');
  for (const [name, choice] of Object.entries(selection.layers)) {
    const layer = names.get(name);
    if (!layer) throw new TinyTrainError(`selection: the model has no layer '${name}'${nearest(name, names.keys())}`);
    if (choice === 'bias') engine.setSelection(layer.index, 'bias');
    else if (choice === 'all') engine.setSelection(layer.index, every(layer));
    else {
      const list = [...new Set(choice)].sort((a, b) => a - b);
      const outside = list.find((channel) => !Number.isInteger(channel) || channel < 0 || channel >= layer.out[2]);
      if (outside !== undefined) {
        throw new TinyTrainError(`selection: layer '${name}' has channels 0 to ${layer.out[2] - 1}, not ${outside}`);
      }
      engine.setSelection(layer.index, list.length ? list : 'none');
    }
  }
}

function nearest(name: string, names: Iterable<string>): string {
  const prefix = name.split(/[./]/)[0]!;
  const near = [...names].filter((other) => other.startsWith(prefix)).slice(0, 3);
  return near.length ? `; it has ${near.join(', ')}` : '; tinytrain inspect lists its layers';
}

/** The layers of a report: figures of the Fisher pass, and what is trained. */
export function reportLayers(engine: Engine, layers: readonly LayerInfo[]): LayerReport[] {
  return layers.map((layer) => {
    const state = engine.layer(layer.index, layer.out[2]);
    return {
      index: layer.index,
      name: layer.name,
      op: layer.op,
      params: layer.params,
      macs: layer.macs,
      fisher: state.inspected ? state.fisher : null,
      score: state.inspected ? state.score : null,
      channels: layer.out[2],
      selected: state.channels,
      trains: state.kind === KIND.frozen ? 'nothing' : state.kind === KIND.bias ? 'bias' : 'weights',
    };
  });
}

/** What a report says is trained, in the form of a selection file. */
export function selectionOf(report: { layers: readonly LayerReport[] }): Selection {
  const layers: Selection['layers'] = {};
  for (const { name, trains, selected, channels } of report.layers) {
    if (trains === 'bias') layers[name] = 'bias';
    if (trains === 'weights') layers[name] = selected.length === channels ? 'all' : selected;
  }
  return { layers };
}
