import { count } from '../../src/format.js';
import type { App } from './app.js';
import { byId, say } from './dom.js';
import type { ModelOptions } from './networks.js';

/** How pixels reach a network from an ONNX file, which doesn't say. */
const PIXELS: Record<string, ModelOptions> = {
  minusOne: {},
  zeroOne: { mean: [0], std: [1] },
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};

/** Makes a file the model: .ttm, or .onnx with the pixel values that the page says. */
export async function openModel(app: App, file: File): Promise<void> {
  const onnx = /\.onnx$/i.test(file.name);
  if (!onnx && !/\.ttm$/i.test(file.name)) {
    throw new Error(`${file.name}: a model is a .onnx or .ttm file`);
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const options = onnx ? PIXELS[byId<HTMLSelectElement>('pixels').value]! : {};
  try {
    await app.useModel({ name: file.name, bytes, options, own: true });
  } catch (error) {
    throw new Error(`${file.name}: ${(error as Error).message}`);
  }
}

/** What the model is, and another one in its place. */
export function mountModel(app: App): void {
  const input = byId<HTMLInputElement>('model-file');
  app.errorsOf('model', byId('model-error'));
  byId('model-open').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    input.value = '';
    if (file) void app.try('model', () => openModel(app, file));
  });
  byId('model-standard').addEventListener('click', () => void app.try('model', () => app.useModel(app.standard)));
  byId('model-int8').addEventListener('click', () => void app.try('model', async () => app.useModel(await app.int8)));
  byId('pixels').addEventListener('change', () => {
    const { name, bytes, own } = app.model;
    if (!/\.onnx$/i.test(name)) return;
    const options = PIXELS[byId<HTMLSelectElement>('pixels').value]!;
    void app.try('model', () => app.useModel({ name, bytes, options, own }));
  });
  app.state.on('model', () => {
    const { model, totals } = app.networks.info;
    const [height, width, channels] = model.input;
    const { own } = app.model;
    const type = model.type === 'float32' ? '' : `, ${model.type}`;
    const name = own ? app.model.name : 'built-in model';
    say(byId('model-name'), name);
    say(
      byId('model-facts'),
      `${width} × ${height} × ${channels} pixels, ${totals.layers} layers, ${count(model.params)} parameters, ${count(model.macs)} MACs${type}`,
    );
    byId('model-standard').hidden = app.model === app.standard;
    byId('model-int8').hidden = !own && app.model !== app.standard;
    byId('pixels-row').hidden = !/\.onnx$/i.test(app.model.name);
  });
}
