import type { RawImage } from 'tinytrain/worker';
import type { App } from './app.js';
import { severalCameras, startCamera, stopCamera, turnCamera } from './camera.js';
import { byId, h, say, settled } from './dom.js';
import { sheet } from './drawing.js';
import type { Target } from './files.js';
import { imageOf, show, square } from './pictures.js';
import { drawVerdict } from './verdict.js';

/** Milliseconds between two looks at the camera. */
const PACE = 100;
const SIDE = 256;
/** Held-out pictures that are shown to be clicked. */
const STRIP = 16;

type Source = 'picture' | 'camera' | 'draw';

/** Live classification, before beside after. Returns where files go that are dropped on it. */
export function mountTry(app: App): Target {
  const { state, networks } = app;
  const video = byId<HTMLVideoElement>('try-video');
  const preview = byId<HTMLCanvasElement>('try-picture');
  const picker = byId<HTMLInputElement>('try-file');
  app.errorsOf('try', byId('try-error'));
  let source: Source = 'picture';
  /** The picture that was classified last, and its file, to read it again in another size. */
  let current: RawImage | undefined;
  let given: { blob: Blob; label: string } | undefined;

  const pad = sheet('Sheet to try', () => classifyDrawing());
  byId('try-draw').prepend(pad.element);
  byId('try-clear').addEventListener('click', () => {
    pad.clear();
    current = undefined;
    ask();
  });

  let asked = 0;
  /** Classifies `current` and shows the answer, unless a newer question has been asked since. */
  const ask = async () => {
    const question = ++asked;
    const verdict = current ? await networks.classify(current) : { before: null, after: null };
    if (question === asked) drawVerdict(state, verdict, source === 'camera');
  };
  const askAgain = settled(30, () => void app.try('try', ask));
  const input = () => networks.info.model.input;
  const classifyDrawing = () => {
    if (pad.empty) return;
    current = imageOf(pad.canvas, input());
    void app.try('try', ask);
  };
  const put = async (blob: Blob, label = '') => {
    const picture = await app.picture(blob);
    choose('picture');
    given = { blob, label };
    current = picture.image;
    show(current, preview);
    preview.hidden = false;
    byId('try-empty').hidden = true;
    say(byId('try-label'), label && `This is a ${label}.`);
    await ask();
  };
  /** The picture that was given, read once more. */
  const again = () => {
    if (given) void app.try('try', () => put(given!.blob, given!.label));
  };

  let timer: ReturnType<typeof setTimeout> | undefined;
  /** One look at the camera; the next one comes when this one is answered, never while the page is hidden. */
  const look = async () => {
    timer = undefined;
    if (source !== 'camera' || document.hidden) return;
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      current = imageOf(square(video, SIDE), input());
      await app.try('try', ask);
    }
    if (source === 'camera') timer = setTimeout(() => void look(), PACE);
  };
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && source === 'camera' && timer === undefined) void look();
  });

  const choose = (next: Source) => {
    byId<HTMLInputElement>(`source-${next}`).checked = true;
    if (next === source) return;
    if (source === 'camera') stopCamera(video);
    clearTimeout(timer);
    timer = undefined;
    source = next;
    current = undefined;
    for (const each of ['picture', 'camera', 'draw']) byId(`try-${each}-part`).hidden = each !== source;
    app.error('try', '');
    if (next === 'picture') again();
    if (next === 'draw') classifyDrawing();
    if (next === 'camera') {
      void app.try('try', async () => {
        await startCamera(video);
        byId('try-turn').hidden = !(await severalCameras());
        if (timer === undefined) await look();
      });
    }
    void ask();
  };
  for (const each of ['picture', 'camera', 'draw'] as const) {
    byId(`source-${each}`).addEventListener('change', () => choose(each));
  }
  byId('try-turn').addEventListener('click', () => void app.try('try', turnCamera));
  byId('try-open').addEventListener('click', () => picker.click());
  picker.addEventListener('change', () => {
    const file = picker.files?.[0];
    picker.value = '';
    if (file) void app.try('try', () => put(file));
  });

  state.on('model', () => {
    if (source === 'picture') again();
    else if (source === 'draw') classifyDrawing();
  });
  // The camera asks by itself.
  state.on(['before', 'adapted', 'training', 'classes'], () => {
    if (source !== 'camera') askAgain();
  });
  state.on('heldOut', () => {
    const { heldOut } = state;
    const step = Math.max(1, Math.floor(heldOut.length / STRIP));
    byId('held-out').replaceChildren(
      ...heldOut
        .filter((_, i) => i % step === 0)
        .slice(0, STRIP)
        .map(({ label, picture }, i) => {
          const thumb = h('canvas');
          show(picture.image, thumb);
          const props = { type: 'button', title: label, 'aria-label': `Held-out picture ${i + 1}, ${label}` };
          return h('button', { ...props, onclick: () => void app.try('try', () => put(picture.blob, label)) }, thumb);
        }),
    );
    byId('held-out-part').hidden = heldOut.length === 0;
  });
  return { add: async (files) => void (await app.try('try', () => put(files[0]!))) };
}
