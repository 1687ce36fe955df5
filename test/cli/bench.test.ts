import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { relaxedSimd } from 'wasm-feature-detect';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** What Node 20 needs for the relaxed binary. */
const flags = (await relaxedSimd()) ? [] : ['--experimental-wasm-relaxed-simd'];
const bench = (...args: string[]) =>
  execFileSync(process.execPath, [...flags, main, 'bench', '--model', 'small', ...args], { encoding: 'utf8' });

describe('bench', () => {
  it.each(['scalar', 'simd', 'relaxed'])('times kernels, networks and adaptations, %s', (binary) => {
    const report = JSON.parse(bench('--json', '--profile', '--binary', binary, '--runs', '1', '--iterations', '2'));
    expect(report.machine.binary).toBe(binary);
    expect(report.peakGmacs).toBeGreaterThan(0);
    for (const row of [...report.kernels, ...report.networks]) {
      expect(row.ms).toBeGreaterThan(0);
      expect(row.share).toBeCloseTo(row.gmacs / report.peakGmacs, 6);
    }
    const directions = new Set(report.kernels.map((row: { direction: string }) => row.direction));
    expect([...directions]).toEqual([
      'forward',
      'input gradient',
      'weight gradient',
      'weight gradient, 1/8 of the channels',
    ]);
    expect(report.networks.map((row: { step: string }) => row.step)).toEqual([
      'inference',
      'training, tinytrain',
      'training, fulltrain',
    ]);
    expect(report.methods.map((row: { method: string }) => row.method)).toEqual(['tinytrain', 'fulltrain']);
    // Kinds of steps add up to the step: forward and back of all layers are what training everything runs.
    const { rows, macs } = report.profile.fulltrain;
    const dense = rows.filter((row: { dense: boolean }) => row.dense);
    const queries = 10 * 6;
    const sum = dense.reduce((total: number, row: { macs: number }) => total + row.macs, 0);
    expect(sum).toBe(macs * queries);
  });

  it('prints tables', () => {
    const text = bench('--parts', 'networks', '--profile');
    expect(text).toMatch(/peak {6}\S+ GMAC\/s/);
    expect(text).toMatch(/small, inference/);
    expect(text).toMatch(/steps of training, fulltrain/);
    expect(text).not.toMatch(/an adaptation of/);
  });
});
