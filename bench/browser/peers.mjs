/** tfjs, installed for the bench alone; it is no dependency of the package. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const VERSION = '4.22.0';
const PACKAGES = ['tfjs-core', 'tfjs-backend-cpu', 'tfjs-backend-wasm', 'tfjs-backend-webgl'];

/** Where the bench builds and installs. */
export const folder = new URL('../../build/bench/browser/', import.meta.url);
/** Where the binaries of tfjs's wasm backend lie. */
export const wasmFolder = new URL('node_modules/@tensorflow/tfjs-backend-wasm/dist/', folder);

/** Installs what is missing. */
export function installPeers() {
  mkdirSync(folder, { recursive: true });
  const there = PACKAGES.every((name) => {
    const file = new URL(`node_modules/@tensorflow/${name}/package.json`, folder);
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === VERSION;
  });
  if (there) return;
  // Without a package.json npm would look for one above.
  writeFileSync(new URL('package.json', folder), '{ "private": true }\n');
  const path = fileURLToPath(folder);
  const wanted = PACKAGES.map((name) => `@tensorflow/${name}@${VERSION}`);
  try {
    execFileSync('npm', ['install', '--prefix', path, '--no-audit', '--no-fund', ...wanted], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } catch {
    throw new Error(`bench:browser: tfjs ${VERSION} cannot be installed: npm must reach its registry`);
  }
}
