import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AdaptReport } from '../../../src/types.js';
import { describeInBrowsers, type Tab } from '../browsers.js';
import type { Server } from '../server.js';
import { adaptInNode } from './node.js';
import {
  adapt,
  build,
  click,
  drop,
  dropPath,
  giveCameras,
  openPage,
  paste,
  servePage,
  textOf,
  trySamples,
  waitForKept,
  waitForText,
} from './page.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const SHOTS = 5;
let server: Server;
let folder: string;
/** What Node makes of the same pictures. */
let expected: AdaptReport;
let patch: Uint8Array;
let right: { before: number; after: number };

beforeAll(async () => {
  build();
  server = await servePage();
  folder = mkdtempSync(join(tmpdir(), 'tinytrain-page-'));
  ({ report: expected, patch, right } = await adaptInNode(SHOTS));
});
afterAll(async () => {
  await server?.close();
  if (folder) rmSync(folder, { recursive: true });
});

const shot = async (tab: Tab, name: string, whole = false) => {
  // For looking at them: PAGE_SHOTS=folder.
  if (process.env.PAGE_SHOTS) await tab.screenshot(`${process.env.PAGE_SHOTS}/${name}.png`, whole);
};
/** What was asked of any server; data: and blob: URLs are memory. */
const asks = (tab: Tab) => [...server.requests, ...tab.requests.filter((url) => !/^(data|blob):/.test(url))];
const number = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1]);

/** Fits a phone, and is dark where the person wants it dark. */
async function looks(tab: Tab, name: string): Promise<void> {
  for (const width of [360, 390]) {
    await tab.setViewport(width, 844, 2);
    await tab.waitFor((wanted) => innerWidth === wanted, width);
    expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  }
  await shot(tab, `${name}-phone`, true);
  if (name === 'chromium') {
    await tab.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    const light = await tab.evaluate(() =>
      getComputedStyle(document.body)
        .backgroundColor.match(/\d+/g)!
        .reduce((sum, part) => sum + Number(part), 0),
    );
    expect(light).toBeLessThan(150);
    await shot(tab, `${name}-phone-dark`, true);
    await tab.setViewport(1280, 800);
    await shot(tab, `${name}-dark`);
  }
  await tab.setViewport(1280, 800);
}

describeInBrowsers('page', (browser) => {
  it('adapts the samples as Node does, byte for byte, and asks the server for nothing meanwhile', async () => {
    const tab = await openPage(browser(), server);
    await shot(tab, `${browser().name}-empty`);
    const asked = asks(tab);
    await trySamples(tab);
    const chosen = expected.layers.filter((layer) => layer.trains !== 'nothing');
    const channels = chosen.reduce((sum, layer) => sum + layer.selected.length, 0);
    expect(await textOf(tab, 'chart-title')).toContain(
      `${chosen.length} of ${expected.layers.length} layers, ${channels} channels`,
    );
    await waitForText(tab, 'held-out-right', `${right.before} right before`);

    // A smaller budget shows at once what it would choose.
    const title = await textOf(tab, 'chart-title');
    await tab.page.focus('#compute');
    for (let i = 0; i < 4; i++) await tab.page.keyboard.press('ArrowLeft');
    expect(await textOf(tab, 'compute-value')).toBe('6%');
    await tab.waitFor((old) => document.getElementById('chart-title')?.textContent !== old, title);
    const used = /([\d.]+) ([kM]) of ([\d.]+) ([kM]) MACs/.exec(await textOf(tab, 'compute-used'))!;
    const macs = (value: string, unit: string) => Number(value) * (unit === 'M' ? 1e6 : 1e3);
    expect(macs(used[1]!, used[2]!)).toBeLessThanOrEqual(macs(used[3]!, used[4]!));
    for (let i = 0; i < 4; i++) await tab.page.keyboard.press('ArrowRight');
    await tab.waitFor((old) => document.getElementById('chart-title')?.textContent === old, title);

    await click(tab, '#held-out button:nth-child(12)');
    expect(await adapt(tab)).toBe(expected.patch.sha256);
    expect(await textOf(tab, 'facts')).toContain(`${expected.iterations} iterations`);
    await waitForText(tab, 'held-out-right', `${right.before} right before, ${right.after} right after`);
    expect(await tab.evaluate(() => document.querySelectorAll('#verdict-rows tr').length)).toBe(5);
    for (const id of ['before-best', 'after-best']) {
      expect(number(await textOf(tab, id), / (\d+)%$/)).toBeGreaterThan(20);
    }
    await shot(tab, `${browser().name}-adapted`);
    // The picture of the README.
    await tab.setViewport(1280, 880);
    await shot(tab, `${browser().name}-readme`);
    await looks(tab, browser().name);

    expect(asks(tab)).toEqual(asked);
    expect(tab.errors).toEqual([]);

    // Nothing changes, so nothing runs.
    if (browser().name === 'chromium') {
      const scripts = async () => (await tab.page.metrics()).ScriptDuration!;
      const before = await scripts();
      await new Promise((resume) => setTimeout(resume, 1000));
      expect((await scripts()) - before).toBeLessThan(0.02);
    }

    // The patch of a class that changed is out of date; it can be taken off, and what was kept comes back.
    await waitForKept(tab);
    await tab.goto(`${server.origin}/tinytrain/`);
    await waitForText(tab, 'held-out-right', `${right.after} right after`);
    expect(await tab.evaluate(() => document.getElementById('facts')?.dataset.sha256)).toBe(expected.patch.sha256);
    await click(tab, '.class .thumbs button');
    await waitForText(tab, 'stale', 'adapt again');
    // Saved, it is the file that Node writes; taken off and loaded, it is in force again.
    const saved = await tab.evaluate(async () => {
      const { createObjectURL } = URL;
      const blob = await new Promise<Blob>((resolve) => {
        URL.createObjectURL = (what) => {
          resolve(what as Blob);
          return createObjectURL(what);
        };
        document.getElementById('save-patch')!.click();
      });
      URL.createObjectURL = createObjectURL;
      return Array.from(new Uint8Array(await blob.arrayBuffer()));
    });
    expect(Buffer.from(saved).equals(patch)).toBe(true);
    await click(tab, '#reset');
    await waitForText(tab, 'after-best', 'not adapted yet');
    const file = join(folder, 'clothes.ttd');
    writeFileSync(file, patch);
    const chooser = await tab.page.$('input#patch-file');
    await chooser!.uploadFile(file);
    await waitForText(tab, 'facts', 'loaded from a file');
    await waitForText(tab, 'held-out-right', `${right.after} right after`);
    expect(tab.errors).toEqual([]);
    await tab.close();
  });

  it('makes classes by drawing with keys, dropping and choosing files; aborts; says in words what is wrong', async () => {
    const tab = await openPage(browser(), server);
    const { keyboard } = tab.page;
    const asked = asks(tab);
    expect(await tab.evaluate(() => (document.getElementById('adapt') as HTMLButtonElement).disabled)).toBe(true);
    // A line drawn with the keys.
    await click(tab, '.class:nth-child(1) button[title="Draw"]');
    await tab.waitFor(() => document.activeElement?.tagName === 'CANVAS');
    await keyboard.press(' ');
    for (let i = 0; i < 6; i++) await keyboard.press('ArrowRight');
    await keyboard.press('Enter');
    await tab.waitFor(() => document.querySelectorAll('.class:nth-child(1) .thumbs button').length === 1);
    // A file dropped, a file chosen, and one that is no picture.
    const png = (name: string) => readFileSync(`${root}demo/${name}.png`).toString('base64');
    await drop(tab, '.class:nth-child(2)', 'a.png', 'image/png', png('dress/0'));
    await tab.waitFor(() => document.querySelectorAll('.class:nth-child(2) .thumbs button').length === 1);
    await waitForText(tab, 'chart-title', 'layers');
    const chooser = await tab.page.$('.class:nth-child(2) input[type=file]');
    const text = join(folder, 'notes.png');
    writeFileSync(text, 'no picture');
    await chooser!.uploadFile(`${root}demo/dress/1.png`, text);
    await waitForText(tab, 'classes-error', 'notes.png is not a picture');
    await tab.waitFor(() => document.querySelectorAll('.class:nth-child(2) .thumbs button').length === 2);
    // One pasted, into the class that was used last.
    await tab.page.focus('.class:nth-child(2) .name');
    await paste(tab, png('dress/2'));
    await tab.waitFor(() => document.querySelectorAll('.class:nth-child(2) .thumbs button').length === 3);
    // The name of another class is refused.
    await click(tab, '.class:nth-child(1) .name');
    await tab.page.$eval('.class:nth-child(1) .name', (input) => (input as HTMLInputElement).select());
    await keyboard.type('Class 2');
    await keyboard.press('Tab');
    await waitForText(tab, 'classes-error', "there is a class 'Class 2' already");

    // A budget that is too small, in the library's words.
    await tab.page.focus('#memory');
    await keyboard.press('Home');
    await waitForText(tab, 'budget-error', 'too small to train anything: the least possible is');
    expect(await tab.evaluate(() => (document.getElementById('adapt') as HTMLButtonElement).disabled)).toBe(true);
    await keyboard.press('End');
    await waitForText(tab, 'chart-title', 'layers');

    // Aborted by the keyboard: focus goes from the one button to the other.
    await tab.waitFor(() => !(document.getElementById('adapt') as HTMLButtonElement).disabled);
    await tab.page.focus('#adapt');
    await tab.evaluate(() => {
      // Pressed by the page itself: a driver's key may come when a short adaptation has ended.
      const abort = document.getElementById('abort') as HTMLButtonElement;
      abort.addEventListener('focus', () => abort.click(), { once: true });
    });
    await keyboard.press('Enter');
    await waitForText(tab, 'train-status', 'Aborted');
    await waitForText(tab, 'after-best', 'not adapted yet');

    // Wrong files.
    await drop(tab, 'main', 'x.ttd', '', btoa('no patch'));
    await waitForText(tab, 'train-error', 'not a patch: it does not begin with TTD1');
    await drop(tab, 'main', 'x.ttm', '', btoa('TTM1 and nothing more'));
    await waitForText(tab, 'model-error', 'x.ttm: not a usable .ttm model: ');
    await drop(tab, 'main', 'x.txt', 'text/plain', btoa('text'));
    await waitForText(tab, 'classes-error', 'x.txt: expected pictures, a model');
    // A folder with a folder a class, dropped and chosen; only Chromium's driver can do either.
    if (browser().name === 'chromium') {
      const things = join(folder, 'things');
      for (const name of ['coat', 'shirt']) cpSync(`${root}demo/${name}`, join(things, name), { recursive: true });
      await dropPath(tab, 'main', things);
      await tab.waitFor(() => document.querySelectorAll('.class:nth-child(4) .thumbs button').length === 25);
      const chooser = await tab.page.$('input#folder');
      await chooser!.uploadFile(things);
      await tab.waitFor(() => document.querySelectorAll('.class:nth-child(4) .thumbs button').length === 50);
      expect(await tab.evaluate(() => document.querySelectorAll('.class').length)).toBe(4);
      expect(await tab.page.$eval('.class:nth-child(4) .name', (input) => (input as HTMLInputElement).value)).toBe(
        'shirt',
      );
    }
    // An ONNX file becomes the model, with the pictures that are there.
    const onnx = readFileSync(`${root}test/golden/onnx/mobilenet-dynamo.onnx`).toString('base64');
    await drop(tab, 'main', 'mobilenet.onnx', '', onnx);
    await waitForText(tab, 'model-name', 'mobilenet.onnx');
    await waitForText(tab, 'chart-title', 'layers');
    await adapt(tab);
    await shot(tab, `${browser().name}-own-model`);
    await waitForKept(tab);
    expect(asks(tab)).toEqual(asked);
    await tab.goto(`${server.origin}/tinytrain/`);
    await waitForText(tab, 'model-name', 'mobilenet.onnx');
    await waitForText(tab, 'chart-title', 'layers');
    expect(await tab.evaluate(() => document.querySelectorAll('.error:not([hidden])').length)).toBe(0);
    expect(tab.errors).toEqual([]);
    await tab.close();
  });

  it('adapts the built-in int8 model as Node does, and begins with it the next time', async () => {
    const int8 = await adaptInNode(SHOTS, 'default.int8.ttm');
    const tab = await openPage(browser(), server);
    await trySamples(tab);
    const asked = asks(tab);
    await click(tab, '#model-int8');
    await waitForText(tab, 'model-facts', ', int8');
    expect(await tab.evaluate(() => document.getElementById('model-int8')?.hidden)).toBe(true);
    await waitForText(tab, 'held-out-right', `${int8.right.before} right before`);
    expect(await adapt(tab)).toBe(int8.report.patch.sha256);
    await waitForText(tab, 'held-out-right', `${int8.right.after} right after`);
    expect(asks(tab)).toEqual(asked);
    await waitForKept(tab);
    await tab.goto(`${server.origin}/tinytrain/`);
    await waitForText(tab, 'held-out-right', `${int8.right.after} right after`);
    expect(await textOf(tab, 'model-facts')).toContain(', int8');
    // The patch is of the int8 model: back with the first one, there is none.
    await click(tab, '#model-standard');
    await waitForText(tab, 'after-best', 'not adapted yet');
    expect(await adapt(tab)).toBe(expected.patch.sha256);
    expect(tab.errors).toEqual([]);
    await tab.close();
  });

  it('looks through the camera only while it is asked to, and says why it cannot', async () => {
    const tab = await openPage(browser(), server);
    // These browsers run without a camera.
    await click(tab, 'label[for="source-camera"]');
    await waitForText(tab, 'try-error', 'camera');
    await click(tab, 'label[for="source-picture"]');
    await giveCameras(tab);
    await trySamples(tab);
    await click(tab, '.class:nth-child(1) button[title="Camera"]');
    await tab.waitFor(() => document.activeElement?.textContent === 'Hold to take pictures');
    await tab.page.keyboard.press(' ', { delay: 700 });
    await tab.waitFor(() => document.querySelectorAll('.class:nth-child(1) .thumbs button').length >= 7);
    await click(tab, 'label[for="source-camera"]');
    await click(tab, '.class:nth-child(1) button[title="Camera"]');
    await tab.waitFor(() => / \d+%$/.test(document.getElementById('before-best')!.textContent!));
    expect(await tab.evaluate(() => (globalThis as unknown as { tracks: MediaStreamTrack[] }).tracks.length)).toBe(1);
    // To the other camera: both views go along, and the first one is let go of.
    await click(tab, '#try-turn');
    await tab.waitFor(() => {
      const { tracks } = globalThis as unknown as { tracks: MediaStreamTrack[] };
      return tracks.map((track) => track.readyState).join() === 'ended,live';
    });
    await click(tab, 'label[for="source-draw"]');
    await tab.waitFor(() =>
      (globalThis as unknown as { tracks: MediaStreamTrack[] }).tracks.every((track) => track.readyState === 'ended'),
    );
    expect(tab.errors).toEqual([]);
    await tab.close();
  });

  it('opens and works without a server', async () => {
    const own = await servePage();
    const tab = await openPage(browser(), own);
    await own.close();
    await tab.page.reload();
    await tab.waitFor(() => document.body.classList.contains('ready'));
    await trySamples(tab);
    expect(await adapt(tab)).toBe(expected.patch.sha256);
    await tab.close();
  });
});
