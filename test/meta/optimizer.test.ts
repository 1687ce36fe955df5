import { describe, expect, it } from 'vitest';
import { beginTraining, meanGradient, type OptimizerOptions, rateOf, trainingStep } from '../../src/meta/optimizer.js';
import type { OptimizerName } from '../../src/types.js';

const options = (optimizer: OptimizerName, more: Partial<OptimizerOptions> = {}): OptimizerOptions => ({
  ...{ optimizer, lr: 0.1, steps: 1e9, warmup: 0, decay: 0, clip: 1, average: 0.5 },
  ...more,
});

/** Weights after steps with the gradients 1, 2, 3, ... */
function trained(steps: number, given: OptimizerOptions, start = [1, -2]) {
  const state = beginTraining(Float32Array.from(start), Float32Array.from(start), given.optimizer);
  for (let i = 1; i <= steps; i++)
    trainingStep(
      state,
      Float32Array.from(start, () => i),
      given,
      [[1, 2]],
    );
  return state;
}

describe('the optimiser of the offline stage', () => {
  it('is plain descent, heavy-ball momentum or Adam', () => {
    expect(trained(2, options('sgd')).weights[0]).toBeCloseTo(1 - 0.1 - 0.2, 6);
    // v = 1, then 0.9 + 2.
    expect(trained(2, options('momentum')).weights[0]).toBeCloseTo(1 - 0.1 - 0.29, 6);
    const [m, v] = [(0.9 * 0.1 + 0.2) / (1 - 0.81), (0.999 * 0.001 + 0.004) / (1 - 0.999 ** 2)];
    expect(trained(2, options('adam')).weights[0]).toBeCloseTo(1 - 0.1 - (0.1 * m) / Math.sqrt(v), 6);
  });

  it('decays weights, not biases', () => {
    const { weights } = trained(1, options('sgd', { decay: 0.5 }));
    expect(weights[0]).toBeCloseTo(0.9, 6);
    expect(weights[1]).toBeCloseTo(-2 + 0.1 * 0.5 * 2 - 0.1, 6);
  });

  it('averages the weights, over fewer steps at the beginning', () => {
    const { averaged, weights } = trained(1, options('sgd'));
    expect(averaged[0]).toBeCloseTo((1 / 11) * 1 + (10 / 11) * weights[0]!, 6);
    const later = trained(20, options('sgd'));
    const before = trained(19, options('sgd'));
    expect(later.averaged[0]).toBeCloseTo(0.5 * before.averaged[0]! + 0.5 * later.weights[0]!, 4);
    expect(trained(5, options('sgd', { average: 0 })).averaged).toEqual(trained(5, options('sgd')).weights);
  });

  it('has a rate that rises, then falls as a cosine to nothing', () => {
    const given = options('sgd', { steps: 100, warmup: 4 });
    const rates = Array.from({ length: 100 }, (_, step) => rateOf(given, step));
    expect(rates[0]).toBeCloseTo(0.02, 6);
    expect(rates[1]).toBeCloseTo(0.04, 4);
    expect(Math.max(...rates)).toBe(rates[4]);
    expect(rates[50]).toBeCloseTo(0.05, 9);
    expect(rates[99]).toBeGreaterThan(0);
    expect(rates[99]).toBeLessThan(1e-4);
  });

  it('takes the mean of the gradients and clips its norm', () => {
    const gradients = [Float32Array.of(1, 2, 0), Float32Array.of(5, 6, 0)];
    const out = new Float32Array(3);
    expect(meanGradient(gradients, 10, out)).toBe(5);
    expect([...out]).toEqual([3, 4, 0]);
    expect(meanGradient(gradients, 2.5, out)).toBe(5);
    expect([...out]).toEqual([1.5, 2, 0]);
    expect(meanGradient([Float32Array.of(Number.NaN)], 1, new Float32Array(1))).toBeNaN();
  });
});
