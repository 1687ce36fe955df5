import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TinyTrain } from '../../../src/index.js';
import { openData, readSamples } from '../../../src/node/data.js';
import type { AdaptReport } from '../../../src/types.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What Node makes of the demo images: the first of each class trained with, the others held out. */
export async function adaptInNode(
  shots: number,
  model = 'default.ttm',
): Promise<{ report: AdaptReport; patch: Uint8Array; right: { before: number; after: number } }> {
  const tt = await TinyTrain.load(readFileSync(`${root}models/${model}`));
  const demo = await openData(`${root}demo`);
  const pick = (keep: (image: number) => boolean) =>
    demo.classes.flatMap(({ files }, c) => files.map((_, image) => ({ class: c, image })).filter((s) => keep(s.image)));
  const support = await readSamples(
    demo,
    pick((image) => image < shots),
    tt.model.input,
  );
  const query = await readSamples(
    demo,
    pick((image) => image >= shots),
    tt.model.input,
  );
  const count = () => query.filter(({ image, label }) => tt.classify(image).label === label).length;
  await tt.adapt(support, { method: 'none' });
  const before = count();
  const report = await tt.adapt(support);
  return { report, patch: tt.patch(), right: { before, after: count() } };
}
