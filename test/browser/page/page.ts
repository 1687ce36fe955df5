import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { OpenBrowser, Tab } from '../browsers.js';
import { type Server, serve } from '../server.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** The page is served under a path, as GitHub Pages does. */
const PATH = '/tinytrain/';

/** Builds the page. */
export function build(): void {
  execFileSync('node', ['examples/browser/build.mjs'], { cwd: root });
}

/** Serves the page; its own policy is in force, none of the server's. */
export function servePage(): Promise<Server> {
  return serve({ files: { [PATH]: new URL('../../../build/page/', import.meta.url) }, csp: false });
}

/** The page in a tab of its own, loaded, and kept by the service worker. */
export async function openPage(browser: OpenBrowser, server: Server): Promise<Tab> {
  const tab = await browser.tab();
  await tab.setViewport(1280, 800);
  await tab.goto(server.origin + PATH);
  await tab.waitFor(() => document.body.classList.contains('ready'));
  await waitForText(tab, 'offline', 'Works offline');
  return tab;
}

/** Text of an element. */
export const textOf = (tab: Tab, id: string): Promise<string> =>
  tab.evaluate((name) => document.getElementById(name)?.textContent ?? '', id);

/** Waits until an element's text contains `part`, and returns the text; says what stands there if it never does. */
export async function waitForText(tab: Tab, id: string, part: string): Promise<string> {
  for (const end = Date.now() + 40_000; ; ) {
    const text = await textOf(tab, id);
    if (text.includes(part)) return text;
    if (Date.now() > end) throw new Error(`#${id} says '${text}', expected '${part}'\n${tab.errors.join('\n')}`);
    await new Promise((resume) => setTimeout(resume, 30));
  }
}

/** Clicks as a person with a mouse does: the element must be there and visible. */
export const click = (tab: Tab, selector: string): Promise<void> => tab.page.locator(selector).click();

/** The samples as classes, the selection shown, the held-out pictures counted for the network as it came. */
export async function trySamples(tab: Tab): Promise<void> {
  await click(tab, '#start .samples');
  await waitForText(tab, 'chart-title', 'layers');
  await waitForText(tab, 'held-out-right', 'before');
}

/** Adapts and waits for the end; returns the checksum of the patch. */
export async function adapt(tab: Tab): Promise<string> {
  await click(tab, '#adapt');
  await waitForText(tab, 'train-status', 'Adapted.');
  return tab.evaluate(() => document.getElementById('facts')?.dataset.sha256 ?? '');
}

/** Drops a file, made of bytes, on an element. */
export const drop = (tab: Tab, selector: string, name: string, type: string, base64: string): Promise<void> =>
  tab.evaluate(
    (where, fileName, mime, text) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], fileName, { type: mime }));
      const target = document.querySelector(where)!;
      for (const kind of ['dragover', 'drop']) {
        target.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
      }
    },
    selector,
    name,
    type,
    base64,
  );

/** Waits until the browser has kept a patch for the next visit. */
export const waitForKept = (tab: Tab): Promise<unknown> =>
  tab.waitFor(
    () =>
      new Promise<boolean>((resolve) => {
        const opening = indexedDB.open('tinytrain');
        opening.onsuccess = () => {
          const database = opening.result;
          const reading = database.transaction('kept').objectStore('kept').get('last');
          reading.onsuccess = () => {
            database.close();
            resolve(reading.result?.adapted !== undefined);
          };
        };
      }),
  );

/** Pastes a PNG where the focus is. */
export const paste = (tab: Tab, base64: string): Promise<void> =>
  tab.evaluate((text) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(
      new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], 'x.png', { type: 'image/png' }),
    );
    const event = new Event('paste', { bubbles: true, cancelable: true });
    Object.defineProperty(event, 'clipboardData', { value: clipboardData });
    document.activeElement!.dispatchEvent(event);
  }, base64);

/** Drops a file or folder of this machine in the middle of an element, as the mouse would; Chromium alone. */
export async function dropPath(tab: Tab, selector: string, path: string): Promise<void> {
  const box = (await (await tab.page.$(selector))!.boundingBox())!;
  const session = await tab.page.createCDPSession();
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    const [x, y] = [box.x + box.width / 2, box.y + 100];
    await session.send('Input.dispatchDragEvent', { type, x, y, data });
  }
  await session.detach();
}

/** Two cameras, whose picture changes all the time; their tracks are listed in `tracks`. All behind them is the page's. */
export const giveCameras = (tab: Tab): Promise<void> =>
  tab.evaluate(() => {
    const canvas = document.createElement('canvas');
    canvas.width = 320;
    canvas.height = 240;
    const context = canvas.getContext('2d')!;
    let frame = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${frame++ * 5} 80% 50%)`;
      context.fillRect(0, 0, 320, 240);
    }, 50);
    const page = globalThis as unknown as { tracks: MediaStreamTrack[] };
    page.tracks = [];
    const cameras = ['videoinput', 'videoinput'].map((kind) => ({ kind }) as MediaDeviceInfo);
    navigator.mediaDevices.enumerateDevices = async () => cameras;
    navigator.mediaDevices.getUserMedia = async () => {
      const stream = canvas.captureStream(20);
      page.tracks.push(...stream.getTracks());
      return stream;
    };
  });
