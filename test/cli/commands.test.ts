import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { METHODS } from '../../src/options.js';
import { behaviour, calls, colours, makeRoot, tinytrain } from './harness.js';

const root = makeRoot();
const at = (name: string) => join(root, name);
const support = await colours(at('support'), 3);
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => Object.assign(behaviour, { slow: 0, fail: undefined, margin: 0.3 }));
const run = (...args: string[]) => tinytrain(root, args);
const passed = (name: string) => calls.find((call) => call[0] === name)!;

describe('adapt', () => {
  it('says that an adaptation was given up', async () => {
    behaviour.margin = 0.01;
    const { status, out, err } = await run('adapt', '--support', support, '--json');
    expect([status, JSON.parse(out).fallback]).toEqual([0, true]);
    expect(err).toMatch(/^tinytrain: adapting was given up: held-back views .* \(margin 0.20 to 0.01\).*--no-guard\n$/);
    expect((await run('adapt', '--support', support)).out).toContain('given up');
    const kept = await run('adapt', '--support', support, '--no-guard');
    expect([kept.err, kept.out.includes('given up')]).toEqual(['', false]);
  });
  it('prints one JSON document', async () => {
    const { status, out, err } = await run('adapt', '--support', support, '--json');
    expect([status, err]).toEqual([0, '']);
    const report = JSON.parse(out);
    expect(report.task).toEqual({ ways: 3, samples: 9, classes: ['blue', 'green', 'red'] });
    expect(report.loss).toHaveLength(40);
  });
  it('passes the options on', async () => {
    const options =
      '--memory 256KB --compute 2M --method fulltrain --iterations 3 --optimizer sgd --lr 0.1 --temperature 5';
    const more =
      '--augment none --seed 7 --variants 2 --views 3 --criterion l2 --model m.ttm --binary scalar --mean .1,.2,.3';
    const { status } = await run('adapt', '--support', support, ...`${options} ${more}`.split(' '));
    expect(status).toBe(0);
    expect(passed('load').slice(1)).toEqual(['m.ttm', { binary: 'scalar', mean: [0.1, 0.2, 0.3] }]);
    expect(passed('adapt')[1]).toMatchObject({
      memory: '256KB',
      compute: '2M',
      method: 'fulltrain',
      iterations: 3,
      optimizer: 'sgd',
      lr: 0.1,
      temperature: 5,
      augment: 'none',
      seed: 7,
      variants: 2,
      views: 3,
      criterion: 'l2',
    });
  });
  it('shows people what was chosen', async () => {
    const { out } = await run('adapt', '--support', support);
    expect(out).toMatchInlineSnapshot(`
      "model     fake (0badcafe), 8 x 8 x 3, 152 parameters, 2.24 k MACs
      task      3 classes, 9 samples
      method    tinytrain, seed 0, pseudo-queries: crops
      chosen    1 of 2 layers, 3 channels with their weights
      memory    2.93 KB of 1.00 MB for the backward pass; 8.79 KB in all
      compute   400 of 450 MACs backward a sample, 13.3% of a full backward pass; 2.24 k forward
      loss      1.000 to 0.025 in 40 iterations, momentum 0.003
      time      3 ms (Fisher pass 1 ms, training 2 ms), scalar binary
      patch     128 B, sha256 abababababababab
        layer  op         channels  params  MACs  Fisher  score
        head   pointwise    3 of 8      40   512   0.020   1.50
      "
    `);
  });
  it('says how many samples an iteration draws', async () => {
    const { out } = await run('adapt', '--support', support, '--method', 'deeptrain', '--criterion', 'depth');
    expect(out).toContain('method    deeptrain, seed 0');
    expect(out).toContain('; 9 samples drawn an iteration, 400 each\n');
  });
  it('writes patch, report and selection', async () => {
    mkdirSync(at('out'));
    const files = ['--save', at('out/p.ttd'), '--report', at('out/r.html'), '--save-selection', at('out/s.json')];
    expect((await run('adapt', '--support', support, ...files)).status).toBe(0);
    expect(readdirSync(at('out')).sort()).toEqual(['p.ttd', 'r.html', 's.json']);
    expect(readFileSync(at('out/r.html'), 'utf8')).toContain('fake adapted to 3 classes');
    expect(JSON.parse(readFileSync(at('out/s.json'), 'utf8'))).toEqual({
      model: 'fake',
      checksum: '0badcafe',
      layers: { head: [0, 2, 5] },
    });
    expect((await run('adapt', '--support', support, '--selection', at('out/s.json'))).status).toBe(0);
    expect(passed('adapt')[1]).toMatchObject({ selection: { layers: { head: [0, 2, 5] } } });
  });
  it('finds out that it cannot write before it works', async () => {
    const result = await run('adapt', '--support', support, '--json', '--save', at('none/p.ttd'));
    expect(result).toMatchObject({ status: 1, out: '' });
    expect(result.err).toMatch(/^tinytrain: cannot write .*p\.ttd: the folder .*none does not exist\n$/);
    expect(calls).toEqual([]);
  });
  it('stops at Ctrl-C and writes nothing', async () => {
    behaviour.slow = 10;
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 60);
    const files = ['--save', at('never.ttd'), '--report', at('never.html')];
    const result = await tinytrain(root, ['adapt', '--support', support, ...files], { signal: stop.signal });
    expect(result).toEqual({ status: 130, out: '', err: 'tinytrain: interrupted\n' });
    expect(readdirSync(root).filter((name) => name.includes('never'))).toEqual([]);
  });
});

describe('sparseupdate', () => {
  const args = ['adapt', '--support', support, '--method', 'sparseupdate'];
  it('says that there is no static selection', async () => {
    expect((await run(...args)).err).toBe(
      "tinytrain: method sparseupdate has no static selection for model 'fake'; give one with --selection FILE.json\n",
    );
  });
  it('takes the packaged one, if it fits', async () => {
    mkdirSync(at('selections'));
    const write = (value: object) => writeFileSync(at('selections/fake.json'), JSON.stringify(value));
    write({ layers: { head: 'all' } });
    expect((await run(...args)).status).toBe(0);
    expect(passed('adapt')[1]).toMatchObject({ method: 'sparseupdate', selection: { layers: { head: 'all' } } });
    write({ layers: { other: 'all' } });
    expect((await run(...args)).err).toContain("the packaged selection for 'fake' is for another model");
    rmSync(at('selections'), { recursive: true });
  });
});

describe('select, inspect, import, classify', () => {
  it('selects without training', async () => {
    const { status, out } = await run('select', '--support', support, '--json');
    expect(status).toBe(0);
    expect(Object.keys(JSON.parse(out))).not.toContain('loss');
    expect((await run('select', '--support', support)).out).toContain('head   pointwise    3 of 8');
  });
  it('inspects', async () => {
    expect(JSON.parse((await run('inspect', '--json')).out).layers).toHaveLength(2);
    expect(passed('load')[1]).toBe('default');
    const { out } = await run('inspect', 'm.onnx', '--features', 'pool');
    expect(out).toContain('0  stem   conv2d     float32  3x3     2x2     8x8x3  4x4x4     112  1.73 k');
    expect(passed('load').slice(1)).toEqual(['m.onnx', { binary: 'auto', features: 'pool' }]);
  });
  it('imports', async () => {
    writeFileSync(at('net.onnx'), Uint8Array.of(8));
    const { status, out } = await run('import', at('net.onnx'), '-o', at('net.ttm'), '--json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ output: at('net.ttm'), bytes: 64 });
    expect(readFileSync(at('net.ttm'))).toHaveLength(64);
    writeFileSync(at('bad.onnx'), Uint8Array.of(1));
    const bad = await run('import', at('bad.onnx'), '-o', at('bad.ttm'));
    expect(bad).toMatchObject({ status: 1, err: `tinytrain: ${at('bad.onnx')}: operator 'Gelu' is not supported\n` });
    expect(existsSync(at('bad.ttm'))).toBe(false);
  });
  it('classifies', async () => {
    await run('adapt', '--support', support, '--save', at('c.ttd'));
    const images = [join(support, 'red/1.png'), join(support, 'blue/0.png')];
    const { status, out } = await run('classify', ...images, '--patch', at('c.ttd'), '--json');
    expect(status).toBe(0);
    const results = JSON.parse(out) as { image: string; label: string; scores: object }[];
    expect(results.map((r) => [r.image, r.label])).toEqual([
      [images[0], 'red'],
      [images[1], 'blue'],
    ]);
    expect(Object.keys(results[0]!.scores)).toEqual(['blue', 'green', 'red']);
    expect((await run('classify', images[0]!, '--patch', at('c.ttd'))).out).toMatch(
      /0?1\.png +red +1\.000 +\w+ +0\.\d{3}\n$/,
    );
    const together = await run('classify', ...images, '--patch', at('c.ttd'), '--together', '--json');
    expect(passed('classifyTogether')[1]).toBe(2);
    expect(JSON.parse(together.out)).toEqual(results);
    writeFileSync(at('no.ttd'), 'x');
    expect((await run('classify', images[0]!, '--patch', at('no.ttd'))).err).toBe(
      `tinytrain: ${at('no.ttd')}: not a patch (magic TTD1 expected)\n`,
    );
  });
});

describe('demo', () => {
  it('adapts the embedded samples and tests with the rest', async () => {
    await colours(at('demo'), 8);
    const { status, out } = await run('demo', '--json');
    expect(status).toBe(0);
    const report = JSON.parse(out);
    expect(report.task.samples).toBe(15);
    expect(report.accuracy).toEqual({ before: 100, after: 100, queries: 9 });
    expect((await run('demo')).out).toContain('accuracy  100% before, 100% after adapting');
  });
});

describe('wrong usage: status 2 and one line', () => {
  it.each([
    [['adapt'], "required option '--support <dir|zip>' not specified"],
    [
      ['adapt', '--support', 'x', '--memory', 'lots'],
      "memory must be bytes, or text such as '256KB' or '1MB', got 'lots'",
    ],
    [['adapt', '--support', 'x', '--compute', '200%'], 'compute must be a share'],
    [['adapt', '--support', 'x', '--method', 'magic'], 'Allowed choices are tinytrain, deeptrain, thintrain, none'],
    [['adapt', '--support', 'x', '--iterations', '-1'], 'iterations must be an integer from 0'],
    [['adapt', '--support', 'x', '--lr', 'fast'], "lr must be a number above 0, got 'fast'"],
    [['adapt', '--support', 'x', '--seed', '1.5'], 'seed must be an integer from 0 to 4294967295'],
    [['adapt', '--support', 'x', '--mean', '123,117,104'], 'on the scale where a pixel is 0 to 1'],
    [['adapt', '--support', 'x', '--std', '0'], 'each above 0'],
    [['adapt', '--support', 'x', '--suport', 'x'], "unknown option '--suport'"],
    [['bench', '--parts', 'everything'], 'parts must be one of kernels, networks, adaptations'],
    [['adopt'], "unknown command 'adopt'"],
    [['adapt', '--support', 'x', 'y'], 'too many arguments'],
    [['classify', '--patch', 'p'], "missing required argument 'image'"],
    [['evaluate', '--data', 'x', '--way', 'some'], "way must be meta or an integer of at least 2, got 'some'"],
    [['evaluate', '--data', 'x', '--methods', 'none,none'], "method 'none' is named twice"],
    [['evaluate', '--data', 'x', '--methods', 'none:speed=1'], "a method's settings are lr, optimizer"],
    [['evaluate', '--data', 'x', '--methods', 'some'], 'method must be one of tinytrain, deeptrain, thintrain, none'],
  ])('%j', async (args, message) => {
    const { status, out, err } = await run(...args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(message);
    expect(err).toMatch(/^tinytrain: [^\n]*\n$/);
  });
  it('helps', async () => {
    expect(await run('--version')).toMatchObject({ status: 0, out: '9.9.9\n' });
    expect((await run('--help')).out).toContain('adapt');
    expect((await run('adapt', '--help')).out).toContain('--save-selection');
    for (const method of METHODS) {
      expect((await run('select', '--help')).out).toMatch(new RegExp(`^  ${method} +\\S.*$`, 'm'));
    }
    expect((await run()).status).toBe(2);
  });
  it('shows a default once, as it would be written', async () => {
    const commands = (await run('--help')).out.match(/^ {2}[a-z]+(?= \[options\])/gm)!.map((name) => name.trim());
    expect(commands).toContain('evaluate');
    const help = async (command: string) => (await run(command, '--help')).out.replace(/\s+/g, ' ');
    for (const command of commands) {
      const text = await help(command);
      expect(text, command).not.toMatch(/default: [[{]|\(default[^)]*\) \(default/);
    }
    expect(await help('evaluate')).toContain('(default: none,tinytrain)');
  });
});

describe('failures: status 1 and one line', () => {
  it.each([
    [['adapt', '--support', at('nowhere')], 'nowhere: no such file or folder'],
    [['adapt', '--support', support, '--selection', at('none.json')], 'none.json: no such file or folder'],
    [['classify', 'a.png', '--patch', at('none.ttd')], 'none.ttd: no such file or folder'],
    [['import', at('none.onnx'), '-o', at('x.ttm')], 'none.onnx: no such file or folder'],
    [['evaluate', '--data', support], 'support: way 5 needs 5 classes of at least 15 images; the data has 0 of its 3'],
  ])('%j', async (args, message) => {
    const { status, out, err } = await run(...args);
    expect([status, out]).toEqual([1, '']);
    expect(err).toContain(message);
    expect(err).toMatch(/^tinytrain: [^\n]*\n$/);
  });
  it('keeps the message of the engine on one line', async () => {
    behaviour.fail = 'model m.ttm: bad\n  checksum';
    expect(await run('inspect', 'm.ttm')).toMatchObject({ status: 1, err: 'tinytrain: model m.ttm: bad checksum\n' });
  });
  it('names the selection file', async () => {
    writeFileSync(at('odd.json'), '{"layers": {"head": "some"}}');
    const { status, err } = await run('adapt', '--support', support, '--selection', at('odd.json'));
    expect([status, err.includes(`${at('odd.json')}: selection must be`)]).toEqual([1, true]);
  });
});
