import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readModel } from '../../src/model/read.js';
import { writeModel } from '../../src/model/write.js';
import { TinyTrain } from '../../src/tinytrain.js';
import { everyOperator, Network, RELU } from '../engine/networks.js';
import { Program, root } from './tools.js';

/** What the program takes of linear memory, and that it takes no more. */
export function memory(file: string): void {
  const program = new Program(file);
  program.add('every', everyOperator());

  it('needs no byte more than the arena that it reports', () => {
    const flags = ['--method', 'tinytrain', '--iterations', '2'];
    const { arenaNeeded, linearBytes } = program.run('every', ...flags).memory;
    const patch = program.patch();
    const exact = program.run('every', ...flags, '--arena', String(arenaNeeded)).memory;
    expect(program.patch()).toEqual(patch);
    expect(exact.arenaNeeded).toBe(arenaNeeded);
    expect(exact.linearBytes).toBe(exact.peakBytes);
    expect(exact.linearBytes).toBeLessThan(linearBytes);
    expect(program.refusal('every', ...flags, '--arena', String(arenaNeeded - 16))).toBe(
      `1 tinytrain-wamr: the run needs an arena of ${arenaNeeded} bytes, and has ${arenaNeeded - 16}`,
    );
  });

  it('holds less than the model in memory', () => {
    const large = new Network([8, 8, 3])
      .convolution(64, { limit: RELU })
      .convolution(256)
      .convolution(512)
      .mean()
      .model();
    program.add('large', large, [2, 2]);
    const bytes = readFileSync(program.path('large.ttm')).length;
    const { memory } = program.run('large', '--method', 'none');
    expect(memory.peakBytes).toBeLessThan(0.5 * bytes);
  });

  it('adapts the embedded model in 320 KB', async () => {
    const bytes = readFileSync(join(root, 'models/default.ttm'));
    const samples = program.add('embedded', readModel(bytes), [1, 1]);
    const options = { ram: '320KB', iterations: 1, variants: 1 } as const;
    const node = await TinyTrain.load(bytes, { binary: 'scalar' });
    const expected = await node.adapt(samples, options);
    const flags = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const { memory } = program.run('embedded', ...flags);
    expect(memory.linearBytes).toBe(320 * 1024);
    expect(memory.peakBytes).toBe(expected.memory.peakBytes);
    expect(Buffer.compare(program.patch(), node.patch())).toBe(0);
  });

  it('gives a larger arena when the engine asks for one', async () => {
    // 25 MB of activations.
    const wide = new Network([512, 512, 3]).convolution(24, { limit: RELU }).mean().model();
    const two = program.add('wide', wide, [1, 1]);
    const { memory } = program.run('wide', '--method', 'none', '--iterations', '0');
    expect(memory.arenaNeeded).toBeGreaterThan(25e6);
    const node = await TinyTrain.load(writeModel(wide), { binary: 'scalar' });
    await node.adapt(two, { method: 'none', iterations: 0 });
    expect(Buffer.compare(program.patch(), node.patch())).toBe(0);
  });
}
