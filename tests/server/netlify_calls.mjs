// Packs a function as Netlify does, then calls what was packed; prints JSON of what came of it.
//
// node netlify_calls.mjs <functions folder> <empty folder>

import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const installed = join(dirname(process.execPath), "../..");
const bundler = join(installed, "@netlify/zip-it-and-ship-it/dist/main.js");
const { zipFunctions } = await import(pathToFileURL(bundler));

const [functions, target] = process.argv.slice(2);
const [packed] = await zipFunctions(functions, target, { archiveFormat: "zip" });
const folder = join(target, "unpacked");
mkdirSync(folder);
execFileSync("python3", ["-m", "zipfile", "-e", packed.path, folder]);
const size = Number(execFileSync("du", ["-sb", folder], { encoding: "utf8" }).split("\t")[0]);
const { bundler: used, routes, runtimeAPIVersion } = packed;
const results = { packed: { zip: statSync(packed.path).size, size, bundler: used, routes, runtimeAPIVersion } };

let starts = 0;
// A fresh copy of the module is a fresh instance of the function.
async function instance() {
  const { default: answer } = await import(`${pathToFileURL(join(folder, "firstlight.mjs"))}?${starts++}`);
  return async (path, init, context = {}) => {
    const waiting = [];
    const given = { ip: "9.9.9.9", geo: {}, waitUntil: (promise) => waiting.push(promise), ...context };
    const response = await answer(new Request(`https://tea.example${path}`, init), given);
    return { response, waiting };
  };
}

async function told({ response }) {
  return { status: response.status, headers: [...response.headers], body: await response.text() };
}

process.env.GREETING = "hello";
const call = await instance();
const first = await Promise.all([1, 2, 3, 4].map(() => call("/api/start").then(told)));
results.first = first.map(({ body }) => body);
results.again = (await told(await call("/api/start"))).body;
results.other = (await told(await (await instance())("/api/start"))).body;

const geo = { city: "Bern", country: { code: "CH", name: "Switzerland" }, subdivision: { code: "BE", name: "Bern" }, latitude: 46.9, longitude: 7.4, timezone: "Europe/Zurich" };
const spoofed = { headers: { "cf-connecting-ip": "1.1.1.1" } };
results.visitor = JSON.parse((await told(await call("/api/visitor", spoofed, { geo }))).body);
results.nobody = (await told(await call("/api/visitor", spoofed, { ip: "" }))).status;
results.missing = await told(await call("/nothing"));
results.rewritten = await told(await call("/api/rewrite"));

const streamed = await call("/api/stream");
const reader = streamed.response.body.getReader();
const decoder = new TextDecoder();
results.chunks = [];
for (let step = await reader.read(); !step.done; step = await reader.read()) results.chunks.push(decoder.decode(step.value));

const deep = { method: "POST", headers: { "content-type": "application/json" }, body: "[".repeat(100_000) };
results.deep = await told(await call("/api/json", deep));

const later = await call("/api/later", { method: "POST", headers: { "content-type": "text/plain", origin: "https://tea.example" } });
results.before = [(await told(later)).body, (await told(await call("/api/later"))).body];
await Promise.all(later.waiting);
results.after = (await told(await call("/api/later"))).body;

results.logged = [];
console.error = (message, error) => results.logged.push(`${message} ${error}`);

results.raised = (await told(await call("/api/cancelled"))).status;
results.kept = (await told(await call("/api/start"))).body;

const entry = join(folder, "site/entry.py");
const whole = readFileSync(entry);
writeFileSync(entry, "raise ValueError('broken')\n");
const broken = await instance();
results.failed = (await Promise.all([broken("/api/start"), broken("/api/start")].map((each) => each.then(told)))).map(({ status, body }) => [status, body]);
writeFileSync(entry, whole);
results.repaired = (await told(await broken("/api/visitor"))).status;

// Lambda's part, so that Netlify's own bootstrap makes the request and the context.
async function invoke(path) {
  const out = new PassThrough();
  const { promise: sent, resolve } = Promise.withResolvers();
  const from = (stream, { statusCode }) => resolve(statusCode) ?? stream;
  globalThis.awslambda = { streamifyResponse: (handle) => handle, HttpResponseStream: { from } };
  const { handler } = await import(pathToFileURL(join(folder, "___netlify-entry-point.mjs")));
  const visitor = { "x-nf-client-connection-ip": "9.9.9.9", "x-nf-geo": btoa(JSON.stringify(geo)) };
  const event = { httpMethod: "GET", rawUrl: `https://tea.example${path}`, path, headers: visitor, multiValueHeaders: {}, isBase64Encoded: false };
  await handler(event, out, { getRemainingTimeInMillis: () => 10_000 });
  return [await sent, await text(out)];
}
results.invoked = await invoke("/api/visitor");
results.invokedStream = await invoke("/api/stream");

const snapshot = join(folder, "pyodide/snapshot.bin");
writeFileSync(snapshot, readFileSync(snapshot).fill(0, 16, 24)); // as if of another build
results.unfit = (await told(await (await instance())("/api/visitor"))).status;

rmSync(snapshot);
results.slow = (await told(await (await instance())("/api/visitor"))).status;

writeFileSync(1, JSON.stringify(results));
process.exit(0); // Pyodide leaves timers
