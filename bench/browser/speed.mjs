/** The speed part: tinytrain and every tfjs that can train, in one page, in turn. */

/** What is trained with on both sides; the cosines' temperature is the package's default. */
const TRAINING = { lr: 0.005, temperature: 10 };
/** What single precision may differ by: of the largest feature, and of the losses after the last iteration. */
const FEATURE_TOLERANCE = 1e-4;
const LOSS_TOLERANCE = 0.01;

export async function speedInPage(browser, origin, network, { rounds, iterations, seconds, say }) {
  const tab = await browser.tab();
  const call = (name, ...given) => tab.evaluate((name, given) => globalThis.bench[name](...given), name, given);
  await tab.goto(`${origin}/`);
  await tab.waitFor(() => 'bench' in globalThis);
  const job = await call('load', network);
  const backends = await call('backends');

  // What each tfjs answers is looked at before anything is timed; this warms all of them up too.
  await call('own', 'page', { ...TRAINING, iterations });
  await call('own', 'thread', { ...TRAINING, iterations });
  await call('own', 'threads', { ...TRAINING, iterations });
  const expected = (await call('own', 'page', { ...TRAINING, iterations: 2 })).loss;
  const peers = [];
  for (const { backend, problem } of backends) {
    if (problem) peers.push({ backend, problem });
    else for (const form of ['plain', 'composed']) peers.push(await check(call, backend, form, expected));
  }
  for (const peer of peers) {
    if (peer.problem) continue;
    const { prefixMs, trainMs } = await call('peer', peer.backend, peer.form, { ...TRAINING, iterations: 2 });
    const affordable = Math.floor((seconds * 1000 - prefixMs) / (trainMs / 2));
    Object.assign(peer, { iterations: Math.max(2, Math.min(iterations, affordable)), rounds: [] });
  }

  const usual = { page: [], thread: [], threads: [] };
  const own = { page: [], thread: [], threads: [] };
  for (let round = 0; round < rounds; round++) {
    for (const where of ['page', 'thread', 'threads']) {
      own[where].push((await call('own', where, { ...TRAINING, iterations })).totalMs);
      const { totalMs, memory, macs, patch, binary } = await call('usual', where);
      usual[where].push({ totalMs, memory, macs, patch, binary });
    }
    for (const peer of peers) {
      if (peer.problem) continue;
      await turn(call, peer, round);
      const { backend, form, rounds: done } = peer;
      const { tfjs, tinytrain, threads } = done.at(-1);
      const [its, ours, shared] = [tfjs, tinytrain, threads].map(({ totalMs }) => Math.round(totalMs));
      say(`  ${backend} ${form}: ${its} ms, tinytrain ${ours} ms, in a thread a core ${shared} ms`);
    }
  }
  await tab.close();
  return { job, training: { ...TRAINING, optimizer: 'momentum', augment: 'none' }, backends, peers, own, usual };
}

/** Features and the first losses of a tfjs next to tinytrain's; `problem` says why it can't be timed. */
async function check(call, backend, form, expected) {
  const peer = await call('check', backend, form, { ...TRAINING, iterations: expected.length });
  if (peer.problem) return peer;
  if (!(peer.features <= FEATURE_TOLERANCE * peer.largest)) peer.problem = `its features differ by ${peer.features}`;
  peer.lossDifference = expected.map((value, i) => Math.abs(value - peer.loss[i]));
  if (!peer.lossDifference.every((difference, i) => difference <= FEATURE_TOLERANCE * expected[i])) {
    peer.problem = `its first losses are ${peer.loss}, tinytrain's ${expected}`;
  }
  return peer;
}

/** One round of one tfjs: it and tinytrain, in one thread and in one a core; who begins, in turn. */
async function turn(call, peer, round) {
  const options = { ...TRAINING, iterations: peer.iterations };
  const run = {
    tfjs: () => call('peer', peer.backend, peer.form, options),
    tinytrain: () => call('own', 'page', options),
    threads: () => call('own', 'threads', options),
  };
  const order = round % 2 ? ['tfjs', 'threads', 'tinytrain'] : ['tinytrain', 'threads', 'tfjs'];
  const done = {};
  for (const name of order) done[name] = await run[name]();
  const { tfjs, tinytrain, threads } = done;
  const apart = Math.abs(tfjs.loss.at(-1) - tinytrain.loss.at(-1));
  if (!(apart <= LOSS_TOLERANCE * tinytrain.loss[0])) {
    throw new Error(
      `bench:browser: after ${peer.iterations} iterations the loss is ${tinytrain.loss.at(-1)}, that of tfjs ${peer.backend} ${tfjs.loss.at(-1)}`,
    );
  }
  if (threads.loss.join() !== tinytrain.loss.join()) throw new Error('bench:browser: threads give another loss');
  peer.rounds.push({
    tfjs: { totalMs: tfjs.totalMs, prefixMs: tfjs.prefixMs },
    tinytrain: { totalMs: tinytrain.totalMs },
    threads: { totalMs: threads.totalMs },
    ratio: tfjs.totalMs / tinytrain.totalMs,
    ratioOfThreads: tfjs.totalMs / threads.totalMs,
    loss: { tfjs: tfjs.loss, tinytrain: tinytrain.loss },
  });
}
