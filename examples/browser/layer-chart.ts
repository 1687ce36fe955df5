import type { LayerReport } from 'tinytrain/worker';
import { count } from '../../src/format.js';
import type { App } from './app.js';
import { byId, h, say } from './dom.js';

const BARS = 84;
const GAP = 8;
const CHANNELS = 84;

/** Layers from the picture on, left to right: above how much each matters, below its channels, the chosen in colour. */
export function mountChart(app: App): void {
  const { state } = app;
  const canvas = byId<HTMLCanvasElement>('chart');
  let pointed = -1;

  const layers = (): LayerReport[] => state.plan?.layers ?? [];
  const draw = () => {
    const width = canvas.clientWidth;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(canvas.clientHeight * scale);
    const context = canvas.getContext('2d')!;
    context.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const [accent, rest, line] = [colour('--accent'), colour('--rest'), colour('--line')];
    context.fillStyle = line;
    const all = layers();
    const count = all.length || app.networks.info?.layers.length || 0;
    const pitch = width / Math.max(count, 1);
    const bar = Math.max(1, pitch - Math.min(3, pitch * 0.25));
    if (all.length === 0) {
      context.globalAlpha = 0.5;
      for (let i = 0; i < count; i++) context.fillRect(i * pitch, canvas.clientHeight - CHANNELS, bar, CHANNELS);
      context.globalAlpha = 1;
      return;
    }
    context.fillRect(0, BARS - 1, width, 1);
    const logs = all.flatMap(({ fisher }) => (fisher !== null && fisher > 0 ? [Math.log10(fisher)] : []));
    const high = Math.max(...logs);
    // The smallest bar shall be seen as well.
    const low = Math.min(...logs, high - 0.5) - 0.2;
    for (const [i, layer] of all.entries()) {
      const chosen = layer.trains !== 'nothing';
      const left = i * pitch;
      if (layer.fisher !== null && layer.fisher > 0) {
        const height = Math.max(2, ((Math.log10(layer.fisher) - low) / (high - low)) * (BARS - 2));
        context.fillStyle = chosen ? accent : rest;
        context.fillRect(left, BARS - height, bar, height);
      }
      cells(context, layer, { left, bar, accent, rest, line });
      if (i === pointed) {
        context.strokeStyle = colour('--ink');
        context.strokeRect(left - 1.5, 0.5, bar + 3, BARS + GAP + CHANNELS - 1);
      }
    }
  };

  /** The channels of a layer, shaded by their Fisher information, those that matter most on top. */
  const cells = (
    context: CanvasRenderingContext2D,
    layer: LayerReport,
    { left, bar, accent, rest, line }: { left: number; bar: number; accent: string; rest: string; line: string },
  ) => {
    const delta = state.information[layer.name];
    const peak = delta ? Math.max(...delta) || 1 : 1;
    const chosen = new Set(layer.trains === 'weights' ? layer.selected : []);
    const height = CHANNELS / layer.channels;
    context.fillStyle = line;
    context.fillRect(left, BARS + GAP, bar, CHANNELS);
    const order = Array.from({ length: layer.channels }, (_, c) => c);
    if (delta) order.sort((a, b) => delta[b]! - delta[a]!);
    for (const [at, c] of order.entries()) {
      const on = chosen.has(c);
      const strength = delta ? Math.sqrt(delta[c]! / peak) : on ? 1 : 0;
      context.globalAlpha = on ? 0.55 + 0.45 * strength : 0.9 * strength;
      context.fillStyle = on ? accent : rest;
      context.fillRect(left, BARS + GAP + at * height, bar, height);
    }
    context.globalAlpha = 1;
  };

  const describe = () => {
    const { plan } = state;
    if (!plan) {
      say(byId('chart-title'), 'What would be trained');
      say(
        byId('chart-detail'),
        'Give two classes a picture each, and the layers and channels that matter for them show up here.',
      );
      canvas.setAttribute('aria-label', 'Layers of the network; nothing is chosen yet');
      return;
    }
    const chosen = plan.layers.filter((layer) => layer.trains !== 'nothing');
    const channels = chosen.reduce((sum, layer) => sum + layer.selected.length, 0);
    const summary = `${chosen.length} of ${plan.layers.length} layers, ${channels} channels`;
    say(byId('chart-title'), `What would be trained: ${summary}`);
    canvas.setAttribute('aria-label', `${summary}. Arrow keys go through the layers.`);
    const layer = plan.layers[pointed];
    say(
      byId('chart-detail'),
      layer
        ? `${layer.name}, ${layer.op}, ${count(layer.params)} parameters, ${count(layer.macs)} MACs. Fisher potential ${figure(layer.fisher)}. Trains ${trains(layer)}.`
        : 'Bars: how much each layer matters for these classes (Fisher potential, logarithmic). Below: its channels, the ones that matter most on top.',
    );
  };

  const table = () => {
    const rows = layers().filter((layer) => layer.trains !== 'nothing');
    byId('chosen-rows').replaceChildren(
      ...rows.map((layer) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, layer.name),
          h('td', {}, layer.op),
          h('td', {}, trains(layer)),
          h('td', {}, count(layer.params)),
          h('td', {}, count(layer.macs)),
          h('td', {}, figure(layer.fisher)),
          h('td', {}, figure(layer.score)),
        ),
      ),
    );
    byId('chosen').hidden = rows.length === 0;
  };

  const point = (index: number) => {
    const next = Math.max(-1, Math.min(layers().length - 1, index));
    if (next === pointed) return;
    pointed = next;
    draw();
    describe();
  };
  canvas.addEventListener('pointermove', (event) => {
    point(Math.floor((event.offsetX / canvas.clientWidth) * layers().length));
  });
  canvas.addEventListener('pointerleave', () => point(-1));
  canvas.addEventListener('blur', () => point(-1));
  canvas.addEventListener('keydown', (event) => {
    const to = { ArrowLeft: pointed - 1, ArrowRight: pointed + 1, Home: 0, End: layers().length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    point(Math.max(0, to));
  });
  new ResizeObserver(draw).observe(canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  state.on(['plan', 'model'], () => {
    pointed = Math.min(pointed, layers().length - 1);
    canvas.classList.toggle('empty', state.filled().length < 2);
    draw();
    describe();
    table();
  });
}

function trains(layer: LayerReport): string {
  if (layer.trains === 'nothing') return 'nothing';
  if (layer.trains === 'bias') return `the bias of ${layer.channels}`;
  return `${layer.selected.length} of ${layer.channels} channels`;
}

const figure = (value: number | null) => (value === null ? 'not inspected' : String(Number(value.toPrecision(2))));
