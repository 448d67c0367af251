// Serves a built site on today's Pyodide: assets first, by miniflare's own asset worker, then
// `class Default(WorkerEntrypoint)` of dist/server/entry.py with the `workers` SDK from PyPI and
// miniflare's KV, D1 and R2.
//
// node current_server.mjs <site> <SDK folder> --port <port>
// The packages are found where npx put them: beside the node that runs this.

import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Readable, pipeline } from "node:stream";

const installed = dirname(process.env.PATH.split(":")[0]);
const require = createRequire(join(installed, "index.js"));
const { Miniflare } = require("miniflare");
const { loadPyodide } = require("pyodide");

const [site, sdk, , port] = process.argv.slice(2);
const FROM_PYTHON = "x-from-python";
const NO_ASSET = "x-no-asset";

// Runs only where no asset has the URL.
const SCRIPT = `export default {
  fetch(request, env) {
    if (request.headers.has("${FROM_PYTHON}")) return env.ASSETS.fetch(request);
    return new Response(null, { status: 404, headers: { "${NO_ASSET}": "1" } });
  },
}`;

const PROGRAM = `
import sys
sys.path[:0] = ["/session/metadata", "/session/metadata/python_modules"]
from workers import python_from_rpc, python_to_rpc
import entry

async def handle(request, env, ctx):
    answer = await entry.Default(ctx, env).fetch(python_from_rpc(request))
    return python_to_rpc(answer)

handle
`;

function copy(fs, source, target) {
  fs.mkdirTree(target);
  for (const item of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, item.name), `${target}/${item.name}`];
    if (item.isDirectory()) copy(fs, from, to);
    else fs.writeFile(to, readFileSync(from));
  }
}

const miniflare = new Miniflare({
  name: "site",
  modules: true,
  script: SCRIPT,
  compatibilityDate: "2026-04-20",
  assets: {
    directory: join(site, "dist", "client"),
    binding: "ASSETS",
    routerConfig: { has_user_worker: true },
    assetConfig: { html_handling: "auto-trailing-slash", not_found_handling: "none" },
  },
  kvNamespaces: { SESSIONS: "sessions", COUNTERS: "counters" },
  d1Databases: { DB: "db" },
  r2Buckets: { FILES: "files" },
  cf: false,
});

class Fetcher {
  fetch(url) {
    return miniflare.dispatchFetch(url, { headers: { [FROM_PYTHON]: "1" } });
  }
}

async function migrate(database) {
  const folder = join(site, "pages", "_migrations");
  for (const name of readdirSync(folder).sort()) {
    const statements = readFileSync(join(folder, name), "utf8").split(/;\s*$/m);
    const prepared = statements.filter((text) => text.trim()).map((text) => database.prepare(text));
    await database.batch(prepared);
  }
}

async function answer(request) {
  const url = `http://${request.headers.host}${request.url}`;
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  const asset = await miniflare.dispatchFetch(url, {
    method: request.method,
    headers: headers.filter(([name]) => !["content-length", "transfer-encoding"].includes(name)),
    redirect: "manual",
  });
  if (!asset.headers.has(NO_ASSET)) return asset;
  const hasBody = !["GET", "HEAD"].includes(request.method) && headers.some(([name]) => ["content-length", "transfer-encoding"].includes(name));
  const body = hasBody ? Readable.toWeb(request) : undefined;
  const standard = new Request(url, { method: request.method, headers, body, duplex: "half" });
  const pending = [];
  const ctx = { waitUntil: (promise) => pending.push(Promise.resolve(promise)) };
  return handle(standard, workerEnv, ctx);
}

async function respond(request, response) {
  const ours = await answer(request);
  const headers = [...ours.headers].filter(([name]) => name !== "content-encoding");
  for (const [name, value] of headers) response.appendHeader(name, value);
  response.writeHead(ours.status);
  // The callback: a body that breaks off, or a visitor who leaves, is no error of this server.
  if (ours.body && request.method !== "HEAD") pipeline(Readable.fromWeb(ours.body), response, () => {});
  else response.end();
}

const workerEnv = {
  SITE_NAME: "Firstlight",
  ASSETS: new Fetcher(),
  DB: await miniflare.getD1Database("DB"),
  FILES: await miniflare.getR2Bucket("FILES"),
  SESSIONS: await miniflare.getKVNamespace("SESSIONS"),
  COUNTERS: await miniflare.getKVNamespace("COUNTERS"),
};
await migrate(workerEnv.DB);
const pyodide = await loadPyodide();
pyodide.registerJsModule("_cloudflare_compat_flags", {});
pyodide.registerJsModule("_pyodide_entrypoint_helper", { patchWaitUntil() {} });
copy(pyodide.FS, join(site, "dist", "server"), "/session/metadata");
copy(pyodide.FS, sdk, "/session/metadata/python_modules");
const handle = await pyodide.runPythonAsync(PROGRAM);

createServer((request, response) => {
  respond(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end("the harness failed");
  });
}).listen(Number(port), "127.0.0.1");
