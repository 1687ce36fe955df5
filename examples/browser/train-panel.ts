import { bytes, digits, duration } from '../../src/format.js';
import type { App } from './app.js';
import { byId, h, saveFile, say } from './dom.js';
import { drawLoss } from './loss-chart.js';

const PHASES = { fisher: 'Looking at what matters', prefix: 'Computing what stays frozen', train: 'Training' };

/** The button, the loss while it falls, and what came out. */
export function mountTraining(app: App): void {
  const { state } = app;
  const adapt = byId<HTMLButtonElement>('adapt');
  const abort = byId<HTMLButtonElement>('abort');
  const bar = byId<HTMLProgressElement>('progress');
  const status = byId('train-status');
  const picker = byId<HTMLInputElement>('patch-file');
  app.errorsOf('train', byId('train-error'));

  adapt.addEventListener('click', async () => {
    say(status, '');
    const done = await app.try('train', () => app.adapt());
    say(status, done === undefined ? '' : done ? 'Adapted.' : 'Aborted; everything is as it was.');
  });
  abort.addEventListener('click', () => app.abort());
  byId('save-patch').addEventListener('click', () => {
    if (state.adapted) saveFile(`${app.networks.info.model.name}.ttd`, state.adapted.patch);
  });
  byId('load-patch').addEventListener('click', () => picker.click());
  picker.addEventListener('change', () => {
    const file = picker.files?.[0];
    picker.value = '';
    if (file) void app.try('train', async () => app.usePatch(new Uint8Array(await file.arrayBuffer())));
  });
  byId('reset').addEventListener('click', () => void app.try('train', () => app.reset()));

  let phase = '';
  const running = () => {
    const { training } = state;
    adapt.hidden = training !== undefined;
    abort.hidden = bar.hidden = training === undefined;
    adapt.disabled = state.plan === undefined;
    byId('time').hidden = training === undefined;
    if (!training) return;
    const { progress, begun, curve } = training;
    say(byId('time'), duration(performance.now() - begun));
    if (!progress) {
      bar.removeAttribute('value');
      drawLoss([], 1);
      return;
    }
    const { iteration = 0, iterations = 1, done, total } = progress;
    bar.value = progress.phase === 'train' ? iteration / iterations : total > 0 ? (0.1 * done) / total : 0;
    drawLoss(curve, iterations);
    // Said once a phase: a screen reader shall not count every iteration.
    if (progress.phase !== phase) say(status, `${PHASES[progress.phase]} …`);
    phase = progress.phase;
  };

  let wasTraining = false;
  state.on(['training', 'plan'], () => {
    const focused = document.activeElement === adapt || document.activeElement === abort;
    running();
    if (focused && wasTraining !== (state.training !== undefined)) (state.training ? abort : adapt).focus();
    if (!state.training) phase = '';
    wasTraining = state.training !== undefined;
  });

  state.on('adapted', () => {
    const { adapted } = state;
    const report = adapted?.report;
    if (!state.training)
      drawLoss(
        (report?.loss ?? []).map((loss, i) => [i + 1, loss] as const),
        report?.iterations ?? 1,
      );
    byId('save-patch').hidden = byId('reset').hidden = !adapted;
    say(byId('stale'), adapted?.stale ? 'The classes were changed since: adapt again to take that in.' : '');
    const facts = byId('facts');
    if (!adapted) {
      facts.replaceChildren();
      return;
    }
    const fact = (name: string, value: string, note: string) =>
      h('div', {}, h('dt', {}, name), h('dd', {}, value, h('small', {}, note)));
    if (!report) {
      facts.replaceChildren(fact('patch', bytes(adapted.patch.length), 'loaded from a file'));
      return;
    }
    const { loss, time, patch, model, binary } = report;
    facts.replaceChildren(
      fact('loss', loss.length ? `${digits(loss[0]!)} → ${digits(loss.at(-1)!)}` : '–', `${loss.length} iterations`),
      fact('time', duration(time.totalMs), `${binary === 'simd' ? 'SIMD' : 'scalar'} binary`),
      fact('patch', bytes(patch.bytes), `of ${bytes(4 * model.params)} weights`),
    );
    facts.dataset.sha256 = patch.sha256;
  });
}
