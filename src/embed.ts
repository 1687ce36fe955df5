/** Features of many tensors, for who looks at them outside of a job of the engine. */
import type { Engine } from './engine.js';
import type { Crew } from './job.js';
import { SLICE, turn } from './run.js';

/** What embedding needs besides the samples. */
export interface EmbedRun {
  signal?: AbortSignal;
  crew?: Crew;
}

/** Features of tensors under the weights that the engine holds; a crew shares them, and each member has all. */
export async function embedAll(
  engine: Pick<Engine, 'embed'>,
  features: number,
  count: number,
  tensor: (i: number) => Float32Array,
  run: EmbedRun,
) {
  const { signal, crew } = run;
  const [index, members] = [crew?.index ?? 0, crew?.count ?? 1];
  const all = new Float32Array(features * count);
  signal?.throwIfAborted();
  let begun = performance.now();
  for (let i = index; i < count; i += members) {
    if (performance.now() - begun > SLICE) {
      await turn();
      signal?.throwIfAborted();
      begun = performance.now();
    }
    all.set(engine.embed(tensor(i), features), i * features);
  }
  if (crew) {
    crew.share(-1, new Uint8Array(all.slice().buffer));
    for (let member = 0; member < members; member++) {
      if (member === index) continue;
      let bytes = crew.gather(member);
      for (; !bytes; bytes = crew.gather(member)) {
        await crew.arrival(signal);
        signal?.throwIfAborted();
      }
      const theirs = new Float32Array(bytes.buffer);
      for (let i = member; i < count; i += members) {
        all.set(theirs.subarray(i * features, (i + 1) * features), i * features);
      }
    }
  }
  return Array.from({ length: count }, (_, i) => all.subarray(i * features, (i + 1) * features));
}
