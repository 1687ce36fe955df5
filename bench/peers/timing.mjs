// All peers in turn, round by round.
import { spread } from '../../dist/node/bench/timing.js';

export const STEPS = {
  inference: 'inference',
  training: 'training step, all weights',
  blocks: 'training step, last 3 blocks and head',
};
/** A peer's turn. */
const TURN_MS = 150;
const WARM_MS = 800;
/** A step that takes longer than this has its turn in the first rounds only. */
const SLOW_MS = 500;
const SLOW_ROUNDS = 2;

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

/**
 * Milliseconds of each step: a row a name, with the median, quartiles and the least of all runs, and `times`: how many times
 * as long as ours it took, the median of what it was in each round.
 */
export async function time(peers, rounds, say) {
  const rows = new Map(peers.map(({ name }) => [name, { name, steps: {} }]));
  const turns = [];
  for (const step of Object.keys(STEPS)) {
    for (const peer of peers) {
      const can = peer.about.steps[step];
      const { steps } = rows.get(peer.name);
      if (can === true) turns.push({ step, peer, rounds: [] });
      else if (can) steps[step] ??= { reason: can };
    }
  }
  for (const { peer, step } of turns) await peer.ask({ ask: 'time', step, ms: WARM_MS });
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`);
    for (let i = 0; i < turns.length; i++) {
      // Another one begins each time.
      const turn = turns[(i + round) % turns.length];
      const { peer, step } = turn;
      if (round >= SLOW_ROUNDS && spread(turn.rounds[0]).median > SLOW_MS) continue;
      turn.rounds.push((await peer.ask({ ask: 'time', step, ms: TURN_MS })).ms);
    }
  }
  for (const { step, peer, rounds: measured } of turns) {
    const ours = turns.find((turn) => turn.step === step && turn.peer === peers[0]).rounds;
    const sorted = measured.flat().sort((a, b) => a - b);
    rows.get(peer.name).steps[step] = {
      ms: spread(sorted).median,
      quartiles: [quantile(sorted, 0.25), quantile(sorted, 0.75)],
      best: sorted[0],
      runs: sorted.length,
      times: spread(measured.map((ms, i) => spread(ms).median / spread(ours[i]).median)).median,
      way: peer.about.ways?.[step],
    };
  }
  return [...rows.values()];
}
