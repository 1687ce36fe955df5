import { afterAll, beforeAll, describe, it } from 'vitest';
import { BROWSERS, findBrowser, howToInstall } from './find.js';
import { type OpenBrowser, openBrowser } from './open.js';

export type { OpenBrowser, Tab } from './open.js';

/**
 * Tests that run once in each browser, which is started before and closed after them. A browser that this machine
 * lacks is skipped with a line that says so; where CI is true, that fails.
 */
export function describeInBrowsers(name: string, tests: (browser: () => OpenBrowser) => void): void {
  for (const kind of BROWSERS) {
    if (findBrowser(kind)) {
      describe(`${name}, ${kind}`, () => {
        let browser: OpenBrowser;
        beforeAll(async () => {
          browser = await openBrowser(kind);
        });
        afterAll(() => browser?.close());
        tests(() => browser);
      });
    } else if (process.env.CI === 'true') {
      it(`${name}: ${kind} is installed`, () => {
        throw new Error(howToInstall(kind));
      });
    } else {
      console.warn(`skipped: ${name}, ${kind}: ${howToInstall(kind)}`);
      describe.skip(`${name}, ${kind} (skipped: ${howToInstall(kind)})`, () => tests(() => undefined as never));
    }
  }
}
