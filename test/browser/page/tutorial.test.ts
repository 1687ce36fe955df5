import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowsers } from '../browsers.js';
import { type Server, serve } from '../server.js';

const root = new URL('../../../', import.meta.url);
const html = /```html\n([\s\S]+?)```/.exec(readFileSync(new URL('docs/browser.md', root), 'utf8'))![1]!;
let server: Server;

beforeAll(async () => {
  server = await serve({
    files: {
      '/index.html': html,
      '/my-network.onnx': readFileSync(new URL('test/golden/onnx/mobilenet-dynamo.onnx', root)),
      '/favicon.ico': '',
      '/tinytrain/': new URL('browser/', root),
    },
    // The page of the tutorial has its script inside.
    csp: false,
  });
});
afterAll(() => server?.close());

it('the page of the tutorial has 40 lines', () => {
  expect(html.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
});

describeInBrowsers('the page of the tutorial', (browser) => {
  it('learns two things that the camera sees', async () => {
    const tab = await browser().tab();
    // A camera whose picture has the colour that the test says.
    await tab.page.evaluateOnNewDocument(() => {
      const canvas = document.createElement('canvas');
      canvas.width = 320;
      canvas.height = 240;
      const context = canvas.getContext('2d')!;
      setInterval(() => {
        context.fillStyle = document.documentElement.lang;
        context.fillRect(0, 0, 320, 240);
      }, 20);
      navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30);
    });
    await tab.goto(`${server.origin}/`);
    const see = async (colour: string) => {
      await tab.evaluate((value) => {
        document.documentElement.lang = value;
      }, colour);
      // The stream is some frames behind.
      await new Promise((resume) => setTimeout(resume, 300));
    };
    const things = { with: 'red', without: 'blue' };
    await tab.waitFor(() => document.querySelector<HTMLVideoElement>('#camera')!.videoWidth > 0);
    for (const [label, colour] of Object.entries(things)) {
      await see(colour);
      for (let i = 0; i < 3; i++) await tab.page.click(`[data-class="${label}"]`);
      expect(await tab.evaluate((name) => document.querySelector(`[data-class="${name}"]`)!.textContent, label)).toBe(
        `${label}: 3`,
      );
    }
    await tab.page.click('#adapt');
    for (const [label, colour] of Object.entries(things)) {
      await see(colour);
      await tab.waitFor((name) => document.querySelector<HTMLOutputElement>('#answer')!.value === name, label);
    }
    expect(tab.errors).toEqual([]);
    await tab.close();
  });
});
