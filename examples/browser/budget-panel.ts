import { bytes, count } from '../../src/format.js';
import type { App } from './app.js';
import { byId, say } from './dom.js';

/** Stops of the compute slider, in percent of the full backward pass. */
const PERCENT = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100];

/** Stops of the memory slider, in bytes: two to each doubling, from 8 KB to what training everything takes. */
function memoryStops(most: number): number[] {
  const stops: number[] = [];
  for (let size = 8192; ; size *= 2) {
    stops.push(size, size * 1.5);
    if (size * 1.5 >= most) return stops;
  }
}

const nearest = (stops: readonly number[], value: number) =>
  stops.reduce((best, stop, i) => (Math.abs(stop - value) < Math.abs(stops[best]! - value) ? i : best), 0);

/** Two sliders, and beside each what would be used of it. */
export function mountBudgets(app: App): void {
  const { state } = app;
  const memory = byId<HTMLInputElement>('memory');
  const compute = byId<HTMLInputElement>('compute');
  let sizes = memoryStops(1 << 20);
  app.errorsOf('budget', byId('budget-error'));

  /** The sliders where the budgets are; a small model has a shorter one, which then stands at its end. */
  const place = () => {
    sizes = memoryStops(app.networks.info.memory.fulltrainBackwardBytes);
    memory.max = String(sizes.length - 1);
    compute.max = String(PERCENT.length - 1);
    memory.value = String(nearest(sizes, state.budgets.memory));
    compute.value = String(nearest(PERCENT, state.budgets.compute * 100));
    label();
  };
  const label = () => {
    const size = bytes(state.budgets.memory);
    const percent = Math.round(state.budgets.compute * 100);
    say(byId('memory-value'), size);
    say(byId('compute-value'), `${percent}%`);
    memory.setAttribute('aria-valuetext', size);
    compute.setAttribute('aria-valuetext', `${percent} percent of a full backward pass`);
  };
  memory.addEventListener('input', () => {
    state.budgets = { ...state.budgets, memory: sizes[Number(memory.value)]! };
    label();
    state.changed('budgets');
  });
  compute.addEventListener('input', () => {
    state.budgets = { ...state.budgets, compute: PERCENT[Number(compute.value)]! / 100 };
    label();
    state.changed('budgets');
  });
  state.on('model', place);
  state.on('training', () => {
    memory.disabled = compute.disabled = state.training !== undefined;
  });
  state.on('plan', () => {
    const { plan } = state;
    const fill = (id: string, share: number) => {
      byId(id).style.width = `${Math.min(100, 100 * share)}%`;
    };
    if (!plan) {
      for (const id of ['memory-used', 'compute-used']) say(byId(id), '–');
      for (const id of ['memory-fill', 'compute-fill']) fill(id, 0);
      return;
    }
    const { budgets, macs } = plan;
    say(byId('memory-used'), `${bytes(plan.memory.backwardBytes)} used; ${bytes(plan.memory.peakBytes)} in all`);
    say(byId('compute-used'), `${count(macs.backward)} of ${count(budgets.backwardMacs)} MACs`);
    fill('memory-fill', plan.memory.backwardBytes / budgets.memoryBytes);
    fill('compute-fill', macs.backward / budgets.backwardMacs);
  });
}
