import { describe, expect, it } from 'vitest';
import { everyOperator, support } from './networks.js';
import { BINARIES, Rig } from './rig.js';

describe.each(BINARIES)('the probe, %s', (binary) => {
  const model = everyOperator();
  const samples = support(model.input, [3, 1, 4]);
  const rig = async (ramBudget = 0) => {
    const made = await Rig.create(binary, model, samples);
    made.set({ augment: 3 });
    made.engine.control.set('ramBudget', ramBudget);
    return made;
  };
  const counts = ({ engine: { control } }: Rig) => [control.get('probePlain'), control.get('probeMirrored')];
  const prototypes = ({ engine, ways }: Rig) =>
    engine.floats('prototypesPointer', ways * engine.control.get('featureCount'));

  it('finds the same with features kept as where RAM is limited and they are computed again', async () => {
    const [kept, again] = [await rig(), await rig(1 << 24)];
    kept.run('probe');
    again.run('probe');
    expect(counts(kept)).toEqual(counts(again));
    expect(counts(kept)[0]).toBeGreaterThan(0);
  });

  it('leaves its prototypes as they were, and a Fisher pass right after it gives what one alone gives', async () => {
    const [after, alone, other] = [await rig(), await rig(), await rig()];
    after.run('probe');
    const left = prototypes(after);
    after.run('fisher');
    alone.run('fisher');
    expect(left).toEqual(prototypes(alone));
    const delta = ({ engine }: Rig) => engine.layer(2, model.operators[2]!.out[2]).delta;
    expect(delta(alone).some((value) => value > 0)).toBe(true);
    expect(delta(after)).toEqual(delta(alone));
    // Another task in between: its own prototypes.
    other.run('probe');
    other.engine.task([...other.labels].reverse(), other.ways);
    alone.engine.task([...alone.labels].reverse(), alone.ways);
    other.run('fisher');
    alone.run('fisher');
    expect(delta(other)).toEqual(delta(alone));
    expect(delta(other)).not.toEqual(delta(after));
  });
});
