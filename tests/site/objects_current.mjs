// Runs the Durable Objects of a built site on today's Pyodide, with the `workers` SDK from PyPI.
//
// node objects_current.mjs <site> <SDK folder> <paths as JSON>
// Ours are the namespace and its stubs, which hand calls over as workerd's entrypoint does: cloned,
// then through the SDK's conversions. What an object keeps is kept by one of miniflare's own.
// Prints {classes, answers, alarm} as JSON in the last line.

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { objectStates, workers } from "../bindings/services_current.mjs";

const installed = dirname(process.env.PATH.split(":")[0]);
const require = createRequire(join(installed, "index.js"));
const { Miniflare } = require("miniflare");
const { loadPyodide } = require("pyodide");

const [site, sdk, paths] = process.argv.slice(2);

// Which classes a Worker has is found as workerd's introspection.py does.
const PROGRAM = `
import sys
sys.path[:0] = ["/session/metadata", "/session/metadata/python_modules"]
from inspect import isclass, iscoroutine
from pyodide.ffi import to_js
from workers import DurableObject, python_from_rpc, python_to_rpc
import entry

def is_object(name):
    found = getattr(entry, name)
    return isclass(found) and issubclass(found, DurableObject) and found is not DurableObject

classes = [name for name in dir(entry) if not name.startswith("_") and is_object(name)]

def make(name, ctx, env):
    return getattr(entry, name)(ctx, env)

async def call(instance, method, args):
    result = getattr(instance, method)(*[python_from_rpc(value) for value in args])
    return python_to_rpc(await result if iscoroutine(result) else result)

async def fetch(request, env, ctx):
    return python_to_rpc(await entry.Default(ctx, env).fetch(python_from_rpc(request)))

to_js([to_js(classes), make, call, fetch])
`;

function copy(fs, source, target) {
  fs.mkdirTree(target);
  for (const item of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, item.name), `${target}/${item.name}`];
    if (item.isDirectory()) copy(fs, from, to);
    else fs.writeFile(to, readFileSync(from));
  }
}

// The SDK tells both by the names of their classes.
class DurableObjectStorage {}

class DurableObjectNamespace {
  #instances = new Map();
  idFromName(name) { return name; }
  // A stub takes any name but `then` for a method of the object.
  get(name) {
    const isOwn = (method) => method === "then" || typeof method === "symbol";
    const get = (own, method) => (isOwn(method) ? own[method] : (...args) => this.call(name, method, args));
    return new Proxy({}, { get });
  }
  async call(name, method, args) {
    if (!this.#instances.has(name)) {
      const { id, storage } = state(name);
      const ctx = { id, storage: Object.assign(new DurableObjectStorage(), storage) };
      this.#instances.set(name, make("Counter", ctx, env));
    }
    return structuredClone(await call(this.#instances.get(name), method, structuredClone(args)));
  }
}

const main = { modules: true, script: "export default {}", compatibilityDate: "2026-07-01" };
const miniflare = new Miniflare({ workers: workers(main, join(site, "dist/client")), cf: false });
const state = await objectStates(miniflare);
const env = { COUNTERS: new DurableObjectNamespace(), GREETING: "hello" };
const pyodide = await loadPyodide();
pyodide.registerJsModule("_cloudflare_compat_flags", {});
pyodide.registerJsModule("_pyodide_entrypoint_helper", { patchWaitUntil() {} });
copy(pyodide.FS, join(site, "dist/server"), "/session/metadata");
copy(pyodide.FS, sdk, "/session/metadata/python_modules");
const [classes, make, call, fetch] = await pyodide.runPythonAsync(PROGRAM);

try {
  const answers = {};
  for (const path of JSON.parse(paths)) {
    const response = await fetch(new Request(`http://site.test${path}`), env, { waitUntil() {} });
    answers[path] = await response.text();
  }
  await env.COUNTERS.call("a", "alarm", [{ retryCount: 0, isRetry: false }]);
  const alarm = await env.COUNTERS.call("a", "told", []);
  console.log(JSON.stringify({ classes, answers, alarm }));
} finally {
  await miniflare.dispose();
}
