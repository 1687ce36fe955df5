/** The page: makes the parts, loads model and samples, puts back what was kept. */
import { App, type ModelFile } from './app.js';
import { mountBudgets } from './budget-panel.js';
import { mountClasses } from './classes-panel.js';
import { byId, say, words } from './dom.js';
import { listenForFiles } from './files.js';
import { mountHeldOut } from './held-out.js';
import { mountChart } from './layer-chart.js';
import { mountModel } from './model-panel.js';
import { workOffline } from './offline.js';
import { loadSamples } from './samples.js';
import { keep, restore } from './storage.js';
import { mountTraining } from './train-panel.js';
import { mountTry } from './try-panel.js';

/** Bytes of a file of the page. */
async function bytesOf(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file} cannot be fetched: the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A model that comes with the page. */
async function builtIn(name: string, file: string): Promise<ModelFile> {
  return { name, bytes: await bytesOf(file), options: {}, own: false };
}

async function start(): Promise<void> {
  // Everything is fetched here, once: threads that are started later run the script from memory.
  const samples = loadSamples();
  const [thread, standard] = await Promise.all([bytesOf('thread.js'), builtIn('default', 'models/default.ttm')]);
  const app = new App(URL.createObjectURL(new Blob([thread], { type: 'text/javascript' })));
  const { state } = app;
  mountModel(app);
  const classTarget = mountClasses(app);
  mountBudgets(app);
  mountChart(app);
  mountTraining(app);
  const tryTarget = mountTry(app);
  mountHeldOut(app);
  listenForFiles(app, (element) => {
    const target = element?.getAttribute('data-target');
    return target === 'try' ? tryTarget : target ? classTarget(Number(target)) : undefined;
  });

  app.standard = standard;
  app.int8 = builtIn('default-int8', 'models/default.int8.ttm');
  // Said where it is asked for.
  app.int8.catch(() => {});
  await app.useModel(app.standard);
  await samples;
  await app.try('classes', () => restore(app));
  while (state.classes.length < 2) state.addClass();
  for (const topic of ['heldOut', 'classes', 'model', 'adapted'] as const) state.changed(topic);
  keep(app);
  document.body.classList.add('ready');
  await workOffline();
}

start().catch((error) => say(byId('model-facts'), words(error)));
