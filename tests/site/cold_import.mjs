// Imports a built Worker's entry on Pyodide as Cloudflare does when it takes a memory snapshot:
// entropy, the clock, timers and fetch are errors meanwhile, and no JavaScript object may stay.
// Prints the names of the objects that stayed, as JSON.
//
// node cold_import.mjs <site> <SDK folder>
// The packages are found where npx put them: beside the node that runs this.

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const installed = dirname(process.env.PATH.split(":")[0]);
const require = createRequire(join(installed, "index.js"));
const { loadPyodide } = require("pyodide");

const [site, sdk] = process.argv.slice(2);

const PROGRAM = `
import json, sys
import entry
import js
from pyodide.ffi import JsProxy

held = [
    f"{name}.{key}"
    for name, module in list(sys.modules.items())
    if getattr(module, "__file__", None) and "/session/metadata/" in module.__file__
    and "/python_modules/" not in module.__file__
    for key, value in vars(module).items()
    if isinstance(value, JsProxy) and value is not js
]
json.dumps(held)
`;

function copy(fs, source, target) {
  fs.mkdirTree(target);
  for (const item of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, item.name), `${target}/${item.name}`];
    if (item.isDirectory()) copy(fs, from, to);
    else fs.writeFile(to, readFileSync(from));
  }
}

function forbid(object, name) {
  const original = object[name];
  object[name] = () => {
    throw new Error(`${name}() while the Worker is imported`);
  };
  return () => (object[name] = original);
}

const pyodide = await loadPyodide();
pyodide.registerJsModule("_cloudflare_compat_flags", {});
pyodide.registerJsModule("_pyodide_entrypoint_helper", { patchWaitUntil() {} });
copy(pyodide.FS, join(site, "dist", "server"), "/session/metadata");
copy(pyodide.FS, sdk, "/session/metadata/python_modules");
// The SDK comes first: what it does while it is imported is Cloudflare's own.
await pyodide.runPythonAsync(`
import sys
sys.dont_write_bytecode = True
sys.path[:0] = ["/session/metadata", "/session/metadata/python_modules"]
import workers
`);
const undo = [
  forbid(globalThis.crypto, "getRandomValues"),
  forbid(Date, "now"),
  forbid(performance, "now"),
  forbid(globalThis, "fetch"),
  forbid(globalThis, "setTimeout"),
];
let held;
try {
  held = pyodide.runPython(PROGRAM);
} finally {
  for (const each of undo) each();
}
console.log(held);
