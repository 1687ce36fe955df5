import { h } from './dom.js';

const SIDE = 256;
const STEP = 8;

/** A sheet to draw on with mouse, finger, pen or keys: black on white. */
export interface Sheet {
  element: HTMLElement;
  canvas: HTMLCanvasElement;
  clear(): void;
  empty: boolean;
}

/** `ondrawn` is called after each stroke. */
export function sheet(label: string, ondrawn: () => void = () => {}): Sheet {
  const canvas = h('canvas', {
    width: SIDE,
    height: SIDE,
    tabindex: 0,
    role: 'application',
    'aria-label': `${label}. Arrow keys move the pen, space puts it down and lifts it.`,
  });
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  // Shows where the pen is to those who move it by keys.
  const pen = h('span', { class: 'pen' });
  const self: Sheet = { element: h('div', { class: 'sheet' }, canvas, pen), canvas, clear, empty: true };
  let at: [number, number] = [0, 0];
  let down = false;

  function clear(): void {
    context.fillStyle = '#fff';
    context.fillRect(0, 0, SIDE, SIDE);
    self.empty = true;
    down = false;
    pen.classList.remove('down');
    moveTo([SIDE / 2, SIDE / 2]);
  }

  function moveTo(to: [number, number]): void {
    at = to;
    pen.style.left = `${(100 * at[0]) / SIDE}%`;
    pen.style.top = `${(100 * at[1]) / SIDE}%`;
  }

  function line(to: [number, number]): void {
    context.strokeStyle = '#000';
    context.lineWidth = 14;
    context.lineCap = context.lineJoin = 'round';
    context.beginPath();
    context.moveTo(...at);
    context.lineTo(...to);
    context.stroke();
    moveTo(to);
    self.empty = false;
  }

  const place = (event: PointerEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    at = place(event);
    line(at);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) line(place(each));
  });
  canvas.addEventListener('pointerup', ondrawn);
  canvas.addEventListener('keydown', (event) => {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    };
    const move = moves[event.key];
    if (move) {
      const within = (n: number) => Math.min(SIDE, Math.max(0, n));
      const to: [number, number] = [within(at[0] + move[0]), within(at[1] + move[1])];
      if (down) line(to);
      else moveTo(to);
    } else if (event.key === ' ') {
      down = !down;
      if (down) line(at);
      else ondrawn();
      pen.classList.toggle('down', down);
    } else return;
    event.preventDefault();
  });
  clear();
  return self;
}
