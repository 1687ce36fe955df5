// Speed of an adaptation in a page, next to tfjs training the same layers of the same network on the same samples in the
// same page, in turn; and what the tab's memory is after 2 and after 50 adaptations.
//
//   npm run bench:browser [-- --json] [--browsers chromium,firefox] [--networks default,mcunet-5fps] [--rounds 3]
//                         [--iterations 40] [--seconds 10] [--parts speed,memory]
//
// TINYTRAIN_DATA names the folder of models/ and data/; without it there is only the default network. Firefox has WebGL only
// with a display: on a machine without one, run under `xvfb-run -a`. A tfjs that would need more than `seconds` for an
// adaptation gets fewer iterations, and so does the tinytrain next to it.
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { memoryOfTab } from './memory.mjs';
import { installPeers } from './peers.mjs';
import { bundlePages, loadHarness, NETWORKS, site, version } from './site.mjs';
import { speedInPage } from './speed.mjs';
import { markdown } from './table.mjs';

const list = (name, text, allowed) => {
  const words = text.split(',').filter(Boolean);
  const wrong = words.find((word) => allowed && !allowed.includes(word));
  if (wrong === undefined) return words;
  throw new Error(`bench:browser: --${name} must be of ${allowed.join(', ')}, got ${wrong}`);
};
const whole = (name, text) => {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`bench:browser: --${name} must be an integer of at least 1, got ${text}`);
};

async function main() {
  const { values: args } = parseArgs({
    options: {
      json: { type: 'boolean' },
      browsers: { type: 'string', default: 'chromium,firefox' },
      networks: { type: 'string', default: 'default,mcunet-5fps' },
      parts: { type: 'string', default: 'speed,memory' },
      rounds: { type: 'string', default: '3' },
      iterations: { type: 'string', default: '40' },
      seconds: { type: 'string', default: '10' },
    },
  });
  const parts = list('parts', args.parts, ['speed', 'memory']);
  const browsers = list('browsers', args.browsers, ['chromium', 'firefox']);
  const options = {
    rounds: whole('rounds', args.rounds),
    iterations: whole('iterations', args.iterations),
    seconds: whole('seconds', args.seconds),
    say: (line) => console.error(line),
  };
  installPeers();
  const [{ openBrowser, serve, findBrowser, howToInstall }] = await Promise.all([loadHarness(), bundlePages()]);
  const { files, networks, missing } = await site(list('networks', args.networks, Object.keys(NETWORKS)));
  for (const line of missing) console.error(line);
  // Isolated from other origins: only so a browser tells of its memory, and gives tfjs its threads.
  const headers = {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  };
  const server = await serve({ files, csp: false, headers });
  const result = {
    package: version,
    machine: { cpu: cpus()[0].model, cores: cpus().length, load: loadavg() },
    date: new Date().toISOString().slice(0, 10),
    missing,
    browsers: [],
  };
  try {
    for (const name of browsers) {
      if (!findBrowser(name)) {
        result.missing.push(howToInstall(name));
        console.error(`skipped: ${name}: ${howToInstall(name)}`);
        continue;
      }
      const launch = (part) => openBrowser(name, settings(name, part));
      result.browsers.push(await bench(name, launch, server.origin, networks, parts, options));
    }
  } finally {
    await server.close();
  }
  result.machine.loadAtEnd = loadavg();
  console.log(args.json ? JSON.stringify(result, null, 2) : markdown(result));
}

/** How a browser is started for a part. */
function settings(name, part) {
  const patience = { protocolTimeout: 600_000 };
  if (name === 'firefox') {
    return { ...patience, headless: !process.env.DISPLAY, extraPrefsFirefox: { 'webgl.force-enabled': true } };
  }
  // V8 keeps compiling scripts for some fifty adaptations; without that, what stays is what adaptations leave.
  const uncompiled = '--js-flags=--no-opt --no-maglev --no-sparkplug --no-lazy-feedback-allocation';
  // WebGL, if only in software.
  return {
    ...patience,
    args: part === 'memory' ? [uncompiled] : ['--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
  };
}

async function bench(name, launch, origin, networks, parts, options) {
  const entry = { name, networks: [] };
  for (const network of networks) {
    const figures = { name: network.name };
    for (const part of parts) {
      // A browser of its own each time: nothing of the part before is left in its processes.
      const browser = await launch(part);
      entry.version = browser.version;
      options.say(`${browser.version}, ${network.name}: ${part}`);
      try {
        if (part === 'speed') Object.assign(figures, await speedInPage(browser, origin, network, options));
        else figures.tab = await memoryOfTab(browser, origin, network, options);
      } finally {
        await browser.close();
      }
    }
    entry.networks.push(figures);
  }
  return entry;
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
