import { expect, it } from 'vitest';
import { describeWithData } from '../data.js';
import { readDump } from '../dumps.js';
import { BINARIES } from '../kernels/harness.js';
import { Int8Kernels } from '../kernels/int8_harness.js';

for (const file of BINARIES) {
  const kernels = new Int8Kernels(file);

  describeWithData(`int8 networks, layer by layer, ${file}`, () => {
    it.each(['mcunet-5fps', 'mbv2-w0.35', 'proxyless-w0.3'])('%s', (network) => {
      const { model, image, traces } = readDump(network);
      const values = [image, ...traces];
      let off = 0;
      for (const [i, operator] of model.operators.entries()) {
        const inputs = operator.second === null ? [operator.input] : [operator.input, operator.second];
        const from = inputs.map((v) => (v === 0 ? model.image! : model.operators[v - 1]!.int8!));
        const out = kernels.run(
          operator,
          inputs.map((v) => values[v]!),
          from,
        );
        const steps = out.map((y, k) => Math.abs(y - traces[i]![k]!));
        expect(Math.max(...[...new Set(steps)]), operator.name).toBeLessThanOrEqual(1);
        off += steps.filter((step) => step > 0).length;
      }
      // The dump rounds in double precision, the engine in single: what lies next to a tie may fall on the other side.
      expect(off / traces.reduce((sum, t) => sum + t.length, 0)).toBeLessThan(2e-4);
    });
  });
}
