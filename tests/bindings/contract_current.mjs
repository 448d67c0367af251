// Runs the contract on today's Pyodide, with miniflare's KV, D1 and R2, and prints
// {function: "ok" or its traceback} as JSON in the last line.
//
// node contract_current.mjs <bindings folder> <contract folder> <assets folder>
// The packages are found where npx put them: beside the node that runs this.

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { bindings as services, objectStates, workers } from "./services_current.mjs";

const installed = dirname(process.env.PATH.split(":")[0]);
const require = createRequire(join(installed, "index.js"));
const { Miniflare, Response } = require("miniflare");
const { loadPyodide } = require("pyodide");

const [bindings, contract, assets] = process.argv.slice(2);
const NOT_UPLOADED = ["_local", "typings", "__pycache__"];

const PROGRAM = `
import json, sys, traceback
sys.path.insert(0, "/site")
import js
from contract import CONTRACT, Site, set_up
from contract.services import ONLY_CURRENT
from contract.suite import CURRENT
from contract.objects import STORAGE, Keeper
from bindings.cloudflare import D1, KV, R2, env
from bindings.cloudflare._js import enter

async def outcome(check):
    try:
        await check(site)
    except BaseException:
        return traceback.format_exc()
    return "ok"

enter(js.workerEnv)
site = Site(KV("CACHE"), D1("DB"), R2("MEDIA"), env, CURRENT)
await set_up(site)
checks = CONTRACT | ONLY_CURRENT
outcomes = {name: await outcome(check) for name, check in checks.items()}
for name, check in STORAGE.items():
    keeper = Keeper(js.objectState(name), js.workerEnv)
    outcomes[name] = await outcome(lambda _: keeper.run(name))
json.dumps(outcomes)
`;

function copyPython(fs, source, target) {
  fs.mkdirTree(target);
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), `${target}/${entry.name}`];
    if (NOT_UPLOADED.includes(entry.name)) continue;
    if (entry.isDirectory()) copyPython(fs, from, to);
    else if (entry.name.endsWith(".py")) fs.writeFile(to, readFileSync(from));
  }
}

// Pyodide knows no Buffer, which Node's streams yield here and no Worker's do.
function withoutBuffers(namespace) {
  const toBytes = { transform: (chunk, to) => to.enqueue(new Uint8Array(chunk)) };
  async function getWithMetadata(key, options) {
    const found = await namespace.getWithMetadata(key, options);
    if (!(found.value instanceof ReadableStream)) return found;
    return { ...found, value: found.value.pipeThrough(new TransformStream(toBytes)) };
  }
  const get = (target, name) => (name === "getWithMetadata" ? getWithMetadata : target[name]);
  return new Proxy(namespace, { get });
}

// When a stream from miniflare's proxy is dropped half-way, it also aborts a writer of its own
// that it has released.
process.on("unhandledRejection", (error) => {
  if (error.code !== "ERR_INVALID_STATE") throw error;
});

const main = {
  modules: true,
  script: "export default { fetch: () => new Response() }",
  compatibilityDate: "2026-07-01",
  kvNamespaces: { CACHE: "contract-kv" },
  d1Databases: { DB: "contract-d1" },
  r2Buckets: { MEDIA: "contract-r2" },
};
const miniflare = new Miniflare({ workers: workers(main, assets), cf: false });

try {
  globalThis.workerEnv = {
    GREETING: "Grüße",
    EMPTY: "",
    OPTIONS: { depth: 2, names: ["a", "b"], deep: { on: true } },
    LIST: [1, 2],
    COUNT: 3,
    RATIO: 0.5,
    ON: false,
    CACHE: withoutBuffers(await miniflare.getKVNamespace("CACHE")),
    DB: await miniflare.getD1Database("DB"),
    MEDIA: await miniflare.getR2Bucket("MEDIA"),
  };
  Object.assign(globalThis.workerEnv, await services(miniflare));
  globalThis.objectState = await objectStates(miniflare);
  globalThis.caches = await miniflare.getCaches();
  globalThis.Response = Response;
  const pyodide = await loadPyodide();
  copyPython(pyodide.FS, bindings, "/site/bindings");
  copyPython(pyodide.FS, contract, "/site/contract");
  console.log(await pyodide.runPythonAsync(PROGRAM));
} finally {
  await miniflare.dispose();
}
