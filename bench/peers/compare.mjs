// Everybody must compute the same before anything is timed.
const LR = 1e-3;
const COUNT = 3;
/** Of the outputs, which are of the order of 1. */
const OUTPUT_ERROR = 1e-3;
/** Of a loss, as a share of it: three steps of gradients multiply what outputs differ by. */
const LOSS_ERROR = 1e-3;

function worst(got, want, of) {
  if (got.length !== want.length) throw new Error(`${got.length} values instead of ${want.length}`);
  let error = 0;
  for (const [i, value] of got.entries()) {
    if (!Number.isFinite(value)) throw new Error(`${value} among the values`);
    error = Math.max(error, of(value, want[i]));
  }
  return error;
}

const absolute = (a, b) => Math.abs(a - b);
const relative = (a, b) => Math.abs(a - b) / Math.abs(b);

/**
 * Compares the outputs for all pictures to ours, and the losses of the first training steps: cross-entropy among the peers,
 * and our own loss (prototypes) between us and PyTorch. Gives the largest differences; throws if one is too large.
 */
export async function compare(peers) {
  const [ours] = peers;
  const torch = peers.find((peer) => peer.name.startsWith('PyTorch'));
  const checked = [];
  const check = (peer, what, error, limit) => {
    if (!(error <= limit))
      throw new Error(`${peer.name}, ${what}: differs by ${error}, more than ${limit}; nothing timed`);
    checked.push({ name: peer.name, what, error });
  };
  const { outputs: want } = await ours.ask({ ask: 'outputs' });
  for (const peer of peers.slice(1)) {
    if (!peer.about.steps.inference) continue;
    const { outputs } = await peer.ask({ ask: 'outputs' });
    check(peer, 'outputs', worst(outputs.flat(), want.flat(), absolute), OUTPUT_ERROR);
  }
  for (const step of ['training', 'blocks']) {
    const able = peers.slice(1).filter((peer) => peer.about.steps[step] === true);
    const ask = (peer, loss) => peer.ask({ ask: loss, step, lr: LR, count: COUNT });
    const first = torch ?? able[0];
    const losses = first && (await ask(first, 'losses')).losses;
    for (const peer of able.filter((other) => other !== first)) {
      check(peer, `losses, ${step}`, worst((await ask(peer, 'losses')).losses, losses, relative), LOSS_ERROR);
    }
    if (!torch) continue;
    const prototypes = (await ask(torch, 'prototypes')).losses;
    check(ours, `losses, ${step}`, worst((await ask(ours, 'losses')).losses, prototypes, relative), LOSS_ERROR);
  }
  return checked;
}
