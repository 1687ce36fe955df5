import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
};

/** A strict Content-Security-Policy: everything from the page's own server, nothing inline, no eval. */
export const STRICT_CSP = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

export interface ServerOptions {
  /** What is served under which path: a folder ('/demo/': '.../demo'), or a text or bytes ('/index.html': '<!doctype ...'). */
  files: Record<string, URL | string | Uint8Array>;
  /** Policy of every answer; false for none. */
  csp?: string | false;
  headers?: Record<string, string>;
}

export interface Server {
  /** `http://127.0.0.1:PORT`, without a slash. */
  origin: string;
  /** Paths asked for, in order. */
  requests: string[];
  /** What pages and workers did against their policy: one line each. */
  violations: string[];
  close(): Promise<void>;
}

/** Serves folders and texts on a free port of this machine, as a static host does. */
export async function serve({ files, csp = STRICT_CSP, headers = {} }: ServerOptions): Promise<Server> {
  const requests: string[] = [];
  const violations: string[] = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://local').pathname);
    if (path === '/csp-report') {
      let body = '';
      for await (const part of request) body += part;
      const report = JSON.parse(body)['csp-report'];
      violations.push(`${report['effective-directive'] ?? report['violated-directive']} ${report['blocked-uri']}`);
      response.writeHead(204).end();
      return;
    }
    requests.push(path);
    try {
      const body = await find(files, path.endsWith('/') ? `${path}index.html` : path);
      response.writeHead(200, {
        'content-type': TYPES[extname(path) || '.html'] ?? 'application/octet-stream',
        'cache-control': 'no-cache',
        ...(csp && { 'content-security-policy': `${csp}; report-uri /csp-report` }),
        ...headers,
      });
      response.end(body);
    } catch {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    }
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    violations,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** The entry whose path is the longest beginning of the one asked for. */
async function find(files: ServerOptions['files'], path: string): Promise<string | Uint8Array> {
  const exact = files[path];
  if (exact !== undefined && !(exact instanceof URL)) return exact;
  const prefix = Object.keys(files)
    .filter((name) => files[name] instanceof URL && path.startsWith(name))
    .sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) throw new Error(path);
  const folder = fileURLToPath(files[prefix] as URL);
  const file = normalize(join(folder, path.slice(prefix.length)));
  if (!file.startsWith(folder)) throw new Error(path);
  return readFile(file);
}
