import puppeteer, { type Browser, type LaunchOptions, type Page } from 'puppeteer-core';
import { type BrowserName, findBrowser, howToInstall } from './find.js';

/** A tab of a browser under test. */
export interface Tab {
  goto(url: string): Promise<void>;
  /** Runs a function in the page, awaits its promise; arguments and result are plain JSON values. */
  evaluate<A extends unknown[], R>(run: (...args: A) => R, ...args: A): Promise<Awaited<R>>;
  /** Polls a function in the page until it gives something truthy, which is returned. */
  waitFor<A extends unknown[], R>(run: (...args: A) => R, ...args: A): Promise<NonNullable<Awaited<R>>>;
  setViewport(width: number, height: number, scale?: number): Promise<void>;
  /** PNG of the viewport, or of the whole page. */
  screenshot(path: `${string}.png`, whole?: boolean): Promise<void>;
  /** Errors and warnings of the console, and exceptions that nothing caught; one line each. */
  errors: string[];
  /** URLs that the page asked for, other servers' too; what workers ask for stands in the server's list alone. */
  requests: string[];
  /** The whole interface of puppeteer, where the above is not enough (keyboard, files, touch). */
  page: Page;
  close(): Promise<void>;
}

/** A running browser. */
export interface OpenBrowser {
  name: BrowserName;
  version: string;
  /** The browser's first process; undefined where puppeteer doesn't know it. */
  process?: number;
  tab(): Promise<Tab>;
  close(): Promise<void>;
}

/** How long `waitFor` waits. */
const PATIENCE = 60_000;

/**
 * Starts a browser of this machine: Chromium through its own protocol, Firefox through WebDriver BiDi. `options` are
 * puppeteer's; their arguments follow those that are needed anyway.
 */
export async function openBrowser(
  name: BrowserName,
  { args = [], ...options }: LaunchOptions = {},
): Promise<OpenBrowser> {
  const executablePath = findBrowser(name);
  if (!executablePath) throw new Error(howToInstall(name));
  // Chromium's sandbox refuses to run as root, which is what containers are.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = await puppeteer.launch(
    name === 'chromium'
      ? { ...options, browser: 'chrome', executablePath, args: [...sandbox, '--disable-dev-shm-usage', ...args] }
      : { ...options, browser: 'firefox', executablePath, args },
  );
  return {
    name,
    version: await browser.version(),
    process: browser.process()?.pid,
    tab: () => openTab(browser),
    close: () => browser.close(),
  };
}

async function openTab(browser: Browser): Promise<Tab> {
  // A context of its own: no storage or cache of another tab.
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const errors: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (/^(error|warn)/.test(message.type())) errors.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => {
    errors.push(`uncaught: ${error instanceof Error ? error.message : error}`);
  });
  page.on('request', (request) => {
    requests.push(request.url());
  });
  const evaluate: Tab['evaluate'] = async (run, ...args) => (await page.evaluate(run as never, ...args)) as never;
  return {
    page,
    errors,
    requests,
    evaluate,
    goto: async (url) => {
      const response = await page.goto(url, { waitUntil: 'load' });
      if (!response?.ok()) throw new Error(`${url} answers ${response?.status()}`);
    },
    // Puppeteer's own waitForFunction needs eval, which a strict policy forbids.
    waitFor: async (run, ...args) => {
      for (const end = Date.now() + PATIENCE; ; ) {
        const value = await evaluate(run, ...args);
        if (value) return value as never;
        if (Date.now() > end) throw new Error(`waited in vain for ${run}\n${errors.join('\n')}`);
        await new Promise((resume) => setTimeout(resume, 50));
      }
    },
    setViewport: (width, height, scale = 1) => page.setViewport({ width, height, deviceScaleFactor: scale }),
    screenshot: async (path, whole = false) => {
      await page.screenshot({ path, fullPage: whole });
    },
    close: () => context.close(),
  };
}
