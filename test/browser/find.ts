import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export type BrowserName = 'chromium' | 'firefox';
export const BROWSERS: readonly BrowserName[] = ['chromium', 'firefox'];

/** Names of the programs on the PATH, and where systems without such a habit keep them. */
const PROGRAMS: Record<BrowserName, { names: string[]; places: string[]; variable: string }> = {
  chromium: {
    names: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'microsoft-edge'],
    places: [
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
    ],
    variable: 'TINYTRAIN_CHROMIUM',
  },
  firefox: {
    names: ['firefox-esr', 'firefox'],
    places: ['/Applications/Firefox.app/Contents/MacOS/firefox', 'C:\\Program Files\\Mozilla Firefox\\firefox.exe'],
    variable: 'TINYTRAIN_FIREFOX',
  },
};

/** Path of a browser on this machine; undefined where there is none. */
export function findBrowser(name: BrowserName): string | undefined {
  const { names, places, variable } = PROGRAMS[name];
  const named = process.env[variable];
  if (named) return named;
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const candidates = [...names.flatMap((program) => folders.map((folder) => join(folder, program))), ...places];
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** What to do about a browser that is missing, in a line. */
export function howToInstall(name: BrowserName): string {
  return `no ${name} found: run scripts/install-browsers.sh, or set ${PROGRAMS[name].variable} to its program`;
}
