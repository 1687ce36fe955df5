import { byId, say } from './dom.js';

/** Has the browser keep the page itself, so that it opens without a network; says so when it does. */
export async function workOffline(): Promise<void> {
  const line = byId('offline');
  if (!('serviceWorker' in navigator)) {
    say(line, 'Needs the network to open: this browser, or this address without https, has no service worker.');
    return;
  }
  try {
    await navigator.serviceWorker.register('sw.js', { updateViaCache: 'none' });
    await navigator.serviceWorker.ready;
    say(line, 'Works offline');
  } catch {
    say(line, 'Needs the network to open: the service worker was refused.');
  }
}
