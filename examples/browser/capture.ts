import type { App } from './app.js';
import { severalCameras, startCamera, stopCamera, turnCamera } from './camera.js';
import { h, words } from './dom.js';
import { sheet } from './drawing.js';
import { blobOf, square } from './pictures.js';

/** Side of a picture from the camera. */
const SIDE = 256;
/** Milliseconds between two pictures while the button is held. */
const PACE = 180;

/** Opens a way to take pictures in `place`; what it returns ends it. */
export type Capture = (
  app: App,
  place: HTMLElement,
  name: string,
  add: (blob: Blob) => Promise<void>,
  close: () => void,
) => () => void;

/** The camera, and a button that takes pictures for as long as it is held. */
export const captureCamera: Capture = (_app, place, name, add, close) => {
  const video = h('video', { playsinline: true, muted: true, 'aria-label': 'Camera' });
  video.muted = true;
  const hold = h('button', { type: 'button', class: 'primary', disabled: true }, 'Hold to take pictures');
  const failed = (error: unknown) => {
    video.hidden = true;
    note.textContent = words(error);
    note.hidden = false;
  };
  const turn = h(
    'button',
    { type: 'button', class: 'small', hidden: true, onclick: () => void turnCamera().catch(failed) },
    'Other camera',
  );
  const note = h('p', { class: 'error', role: 'alert', hidden: true });
  place.replaceChildren(
    video,
    h('div', { class: 'row' }, hold, turn, h('button', { type: 'button', class: 'small', onclick: close }, 'Close')),
    note,
  );
  hold.setAttribute('aria-label', `Hold to take pictures of ${name}`);

  let timer: ReturnType<typeof setInterval> | undefined;
  const take = async () => add(await blobOf(square(video, SIDE), 'image/jpeg'));
  const begin = () => {
    if (timer !== undefined) return;
    void take();
    timer = setInterval(() => void take(), PACE);
  };
  const end = () => {
    clearInterval(timer);
    timer = undefined;
  };
  hold.addEventListener('pointerdown', (event) => {
    hold.setPointerCapture(event.pointerId);
    begin();
  });
  for (const type of ['pointerup', 'pointercancel', 'blur']) hold.addEventListener(type, end);
  hold.addEventListener('contextmenu', (event) => event.preventDefault());
  hold.addEventListener('keydown', (event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    begin();
  });
  hold.addEventListener('keyup', end);

  startCamera(video).then(() => {
    hold.disabled = false;
    hold.focus();
    void severalCameras().then((several) => {
      turn.hidden = !several;
    });
  }, failed);
  return () => {
    end();
    stopCamera(video);
  };
};

/** A sheet to draw on. */
export const captureDrawing: Capture = (_app, place, name, add, close) => {
  const { element, canvas, clear } = sheet(`Sheet for ${name}`);
  const put = async () => {
    const copy = square(canvas, canvas.width);
    clear();
    await add(await blobOf(copy, 'image/png'));
  };
  canvas.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') void put();
  });
  place.replaceChildren(
    element,
    h(
      'div',
      { class: 'row' },
      h('button', { type: 'button', class: 'primary', onclick: () => void put() }, 'Add drawing'),
      h('button', { type: 'button', class: 'small', onclick: clear }, 'Clear'),
      h('button', { type: 'button', class: 'small', onclick: close }, 'Close'),
    ),
  );
  canvas.focus({ preventScroll: true });
  return () => {};
};
