import type { Classification } from 'tinytrain/worker';
import { byId, h, say } from './dom.js';
import { confidence, type Verdict } from './networks.js';
import type { State } from './state.js';

const percent = (share: number) => `${Math.round(100 * share)}%`;

/** The class with its confidence, or why there is none. */
function best(answer: Classification | null, otherwise: string): string {
  return answer ? `${answer.label} ${percent(confidence(answer)[answer.label]!)}` : otherwise;
}

/** Confidence in every class, before beside after. `live`: the picture changes all the time, so it is not read out. */
export function drawVerdict(state: State, { before, after }: Verdict, live: boolean): void {
  const names = [...new Set([...Object.keys(before?.scores ?? {}), ...Object.keys(after?.scores ?? {})])];
  const shares = [before, after].map((answer) => (answer ? confidence(answer) : undefined));
  const body = byId('verdict-rows');
  const rows = new Map(
    Array.from(body.children, (row) => [row.getAttribute('data-class'), row as HTMLTableRowElement]),
  );
  const cells = () =>
    h('td', {}, h('span', { class: 'share' }, h('span', { class: 'fill' })), h('span', { class: 'number' }));
  const ordered = names.map((name) => {
    const row = rows.get(name) ?? h('tr', { 'data-class': name }, h('th', { scope: 'row' }, name), cells(), cells());
    for (const [i, answer] of [before, after].entries()) {
      const cell = row.cells[i + 1]!;
      const share = shares[i]?.[name];
      cell.classList.toggle('best', answer?.label === name);
      cell.querySelector<HTMLElement>('.fill')!.style.width = `${100 * (share ?? 0)}%`;
      say(cell.querySelector<HTMLElement>('.number')!, share === undefined ? '' : percent(share));
    }
    return row;
  });
  if (ordered.some((row, i) => body.children[i] !== row) || ordered.length !== body.children.length) {
    body.replaceChildren(...ordered);
  }
  byId('verdict').hidden = names.length === 0;
  const waiting = state.training ? 'in training' : state.adapted ? '–' : 'not adapted yet';
  say(byId('before-best'), best(before, '–'));
  say(byId('after-best'), best(after, waiting));
  for (const [id, answer] of [
    ['before-best', before],
    ['after-best', after],
  ] as const) {
    byId(id).classList.toggle('none', !answer);
  }
  byId('bests').setAttribute('aria-live', live ? 'off' : 'polite');
  const hint =
    state.before || state.adapted
      ? 'Choose, drop or draw a picture, or turn the camera on.'
      : 'Make two classes first.';
  say(byId('try-hint'), names.length === 0 ? hint : '');
}
