import type { App } from './app.js';
import { byId, say, settled } from './dom.js';

/** Counts how many of the held-out pictures each network gets right; runs once after each change. */
export function mountHeldOut(app: App): void {
  const { state, networks } = app;
  let run = 0;
  const count = settled(400, async () => {
    const mine = ++run;
    const { heldOut } = state;
    const line = byId('held-out-right');
    if (heldOut.length === 0 || state.training || (!state.before && !state.adapted)) return say(line, '');
    const right = { before: 0, after: 0 };
    const asked = { before: 0, after: 0 };
    for (const { label, picture } of heldOut) {
      const verdict = await networks.classify(picture.image);
      if (mine !== run) return;
      for (const when of ['before', 'after'] as const) {
        if (!verdict[when]) continue;
        asked[when]++;
        if (verdict[when].label === label) right[when]++;
      }
    }
    const text = (when: 'before' | 'after') => (asked[when] === heldOut.length ? `${right[when]} right ${when}` : '');
    say(line, `Of ${heldOut.length} held-out pictures: ${[text('before'), text('after')].filter(Boolean).join(', ')}.`);
  });
  state.on(['heldOut', 'before', 'adapted', 'training'], () => {
    run++;
    void count();
  });
}
