import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { colours, type Outcome } from './harness.js';

/** The program as a process of its own: a build of src/ in which the fake engine stands for the real one. */
const repository = fileURLToPath(new URL('../../', import.meta.url));
const root = join(repository, '.cache', `cli-${process.pid}`);
const support = join(root, 'support');

beforeAll(async () => {
  mkdirSync(root, { recursive: true });
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  const args = ['-p', 'tsconfig.build.json', '--outDir', join(root, 'dist'), '--declaration', 'false'];
  execFileSync(process.execPath, [join(typescript, 'bin/tsc'), ...args], { cwd: repository });
  copyFileSync(fileURLToPath(new URL('./fake-engine.mjs', import.meta.url)), join(root, 'dist/node/index.js'));
  copyFileSync(join(repository, 'package.json'), join(root, 'package.json'));
  await colours(support, 6);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Running {
  outcome: Promise<Outcome>;
  child: ReturnType<typeof spawn>;
}

function start(args: string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], { env: { ...process.env, ...env } });
  const outcome = new Promise<Outcome>((resolve) => {
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.on('close', (status) => resolve({ status: status ?? -1, out, err }));
  });
  return { outcome, child };
}

/** Sends SIGINT as soon as an adaptation has begun. */
async function interrupt(args: string[], mark: string): Promise<Outcome> {
  const { outcome, child } = start(args, { FAKE_SLOW: '100', FAKE_MARK: join(root, mark) });
  while (!existsSync(join(root, mark)) && child.exitCode === null) await new Promise((done) => setTimeout(done, 20));
  child.kill('SIGINT');
  return outcome;
}

const run = (...args: string[]) => start(args).outcome;

describe('the process', () => {
  it('prints JSON alone, and nothing to a stderr that is no terminal', async () => {
    const { status, out, err } = await run('adapt', '--support', support, '--json');
    expect([status, err]).toEqual([0, '']);
    expect(JSON.parse(out).task.samples).toBe(18);
  });
  it('says what is wrong and sets the status', async () => {
    expect((await run('adapt', '--support', 'nowhere')).status).toBe(1);
    expect((await run('adapt')).status).toBe(2);
    expect((await run()).status).toBe(2);
  });
  it('ends with 130 at SIGINT and leaves no file', async () => {
    const save = join(root, 'p.ttd');
    const { status, out, err } = await interrupt(['adapt', '--support', support, '--save', save], 'adapting');
    expect([status, out, err]).toEqual([130, '', 'tinytrain: interrupted\n']);
    expect(readdirSync(root).filter((name) => name.includes('p.ttd'))).toEqual([]);
  });
  it('does not mind a reader that goes away', async () => {
    const { outcome, child } = start(['inspect', '--json']);
    child.stdout!.destroy();
    const { status, err } = await outcome;
    expect([status, err]).toEqual([0, '']);
  });
});

describe('evaluate on threads', () => {
  const args = ['evaluate', '--data', support, '--way', '2', '--shot', '2', '--query', '3', '--tasks', '7', '--json'];
  it('gives the same results with any number of workers', async () => {
    const rows = [];
    for (const workers of ['1', '2', '3']) {
      const { status, out, err } = await run(...args, '--workers', workers, '--raw', join(root, `${workers}.jsonl`));
      expect([status, err]).toEqual([0, '']);
      rows.push(JSON.parse(out).rows.map(({ secondsPerTask, ...row }: { secondsPerTask: number }) => row));
      const lines = readFileSync(join(root, `${workers}.jsonl`), 'utf8')
        .trim()
        .split('\n');
      expect(lines).toHaveLength(14);
    }
    expect(rows[1]).toEqual(rows[0]);
    expect(rows[2]).toEqual(rows[0]);
  });
  it('passes on what went wrong in a worker', async () => {
    const { outcome } = start([...args, '--workers', '2'], { FAKE_ADAPT: 'layer head: out of memory' });
    expect(await outcome).toEqual({ status: 1, out: '', err: 'tinytrain: layer head: out of memory\n' });
  });
  it('ends with 130 at SIGINT', async () => {
    expect((await interrupt([...args, '--workers', '2'], 'evaluating')).status).toBe(130);
  });
});
