import { describe, expect, it } from 'vitest';
import { budgetBar, channelStrip, decades, logDot, lossCurve, ticks } from '../../src/report/charts.js';
import { figureText } from '../../src/report/html.js';
import { prototypeCosines } from '../../src/report/prototypes.js';
import { renderReport } from '../../src/report/report.js';
import type { AdaptReport, LayerReport } from '../../src/types.js';
import { TinyTrain } from '../cli/fake-engine.mjs';

const image = (r: number, g: number, b: number) => ({ data: Uint8Array.of(r, g, b), width: 1, height: 1 });
const session = await TinyTrain.load('default');
const support = [
  { image: image(255, 0, 0), label: '<b>red & bold</b>' },
  { image: image(0, 255, 0), label: 'green' },
];
const report: AdaptReport = await session.adapt(support, {});

describe('the page', () => {
  const html = renderReport(report, { cosines: prototypeCosines(session.patch()) });
  it('needs no script and no network', () => {
    expect(html).not.toMatch(/<script|<link|<img|https?:|url\(|@import/i);
  });
  it('writes names as text', () => {
    expect(html).not.toContain('<b>red');
    expect(html).toContain('&#60;b&#62;red &#38; bold');
  });
  it('shows budgets, settings and patch', () => {
    expect(html).toContain('limit 1.00 MB');
    expect(html).toContain('limit 450');
    expect(html).toContain(report.patch.sha256);
    expect(html).toContain('momentum, learning rate 0.003, 40 iterations');
    expect(html).toContain('3 of 8');
  });
  it('holds no NaN, also where nothing was trained or inspected', () => {
    expect(html).not.toMatch(/NaN|Infinity|undefined|null/);
    const layer = { ...report.layers[0]!, fisher: null, score: null } satisfies LayerReport;
    const bare = {
      ...report,
      method: 'none' as const,
      layers: [layer],
      loss: [],
      memory: { backwardBytes: 0, peakBytes: 1 },
    };
    const none = renderReport({ ...bare, macs: { forward: 1, backward: 0, fullBackward: 10, draw: 0, adaptation: 0 } });
    expect(none).not.toMatch(/NaN|Infinity|undefined|null/);
    expect(none).not.toContain('<h2>Loss');
  });
  it('says how many samples an iteration draws', () => {
    const macs = { forward: 1, backward: 5, fullBackward: 10, draw: 35_900_000, adaptation: 1 };
    expect(renderReport(report)).not.toContain('drawn');
    expect(renderReport({ ...report, draws: 8, macs })).toContain('; 8 samples drawn an iteration, 35.9 M each');
  });
  it('says how a method without scores takes the layers', () => {
    const layers = report.layers.map((layer) => ({ ...layer, fisher: null, score: null }));
    const thin = renderReport({ ...report, method: 'thintrain', criterion: 'depth', layers });
    expect(thin).toContain('Layers were tried from the last to the first, depthwise ones with all of their weights');
    expect(thin).not.toMatch(/NaN|Infinity|undefined|null|falling score/);
  });
  it('lists pairs where a matrix would be too large', () => {
    const classes = Array.from({ length: 20 }, (_, i) => `class ${i}`);
    const cosines = classes.map((_, i) => classes.map((_, j) => (i === j ? 1 : (i + j) / 40)));
    const many = renderReport(report, { cosines: { classes, cosines } });
    expect(many).toContain('<tr><td>class 18</td><td>class 19</td><td>0.93</td></tr>');
    expect(many).not.toContain('class="matrix"');
  });
});

describe('parts', () => {
  it('put ticks at round values', () => {
    expect(ticks(1.5, 4)).toEqual([0, 0.5, 1, 1.5]);
    expect(ticks(40, 4)).toEqual([0, 10, 20, 30, 40]);
    expect(ticks(0, 4)).toEqual([0]);
  });
  it('span whole decades', () => {
    expect(decades([0.02, 3, null, 0])).toEqual([-2, 1]);
    expect(decades([1])).toEqual([0, 1]);
    expect(decades([null, 0])).toEqual([-1, 0]);
    expect(logDot(0.1, [-2, 0])).toContain('<b style="left:50%">');
    expect(logDot(null, [-2, 0])).not.toContain('<b');
  });
  it('join neighbouring channels', () => {
    expect(channelStrip(8, [1, 2, 3, 6])).toContain(
      '<rect x="1" width="3" height="1" class="on"/><rect x="6" width="1"',
    );
    expect(channelStrip(2, [1], [1, 4])).toContain('class="off" opacity="0.625"/><rect x="1"');
  });
  it('mark the limit', () => {
    const bar = { label: 'm', used: 50, limit: 100, text: String, note: '', binds: true };
    expect(budgetBar(bar)).toContain('width:47.62%');
    expect(budgetBar({ ...bar, binds: false })).toContain('does not bind this method');
    expect(budgetBar({ ...bar, used: 0, limit: 0 })).not.toContain('NaN');
  });
  it('draw a single iteration', () => {
    expect(lossCurve([0.5])).not.toContain('NaN');
  });
  it('write figures short', () => {
    expect([0, 0.034, 12.3, 1e-6, 12345].map(figureText)).toEqual([
      '0',
      '0.034',
      '12',
      '1.0·10<sup>-6</sup>',
      '1.2·10<sup>4</sup>',
    ]);
  });
  it('read the cosines out of a patch', () => {
    const { classes, cosines } = prototypeCosines(session.patch());
    expect(classes).toEqual(['<b>red & bold</b>', 'green']);
    expect(cosines[0]![0]).toBeCloseTo(1, 6);
    expect(cosines[0]![1]).toBeCloseTo((256 + 256 + 1) / (256 ** 2 + 2), 6);
  });
});
