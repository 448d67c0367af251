// Times the work on today's Pyodide, with miniflare's KV and D1; prints {work: [ms, …]} as JSON.
//
// node current.mjs <bindings folder> <work.py> <rounds> <{work: times} as JSON>
// The packages are found where npx put them: beside the node that runs this.

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const installed = dirname(process.env.PATH.split(":")[0]);
const require = createRequire(join(installed, "index.js"));
const { Miniflare } = require("miniflare");
const { loadPyodide } = require("pyodide");

const [bindings, work, rounds, amounts] = process.argv.slice(2);
const times = JSON.parse(amounts);
const NOT_UPLOADED = ["_local", "typings", "__pycache__"];

function copyPython(fs, source, target) {
  fs.mkdirTree(target);
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), `${target}/${entry.name}`];
    if (NOT_UPLOADED.includes(entry.name)) continue;
    if (entry.isDirectory()) copyPython(fs, from, to);
    else if (entry.name.endsWith(".py")) fs.writeFile(to, readFileSync(from));
  }
}

const miniflare = new Miniflare({
  modules: true,
  script: "export default { fetch: () => new Response() }",
  compatibilityDate: "2026-07-01",
  kvNamespaces: { CACHE: "benchmark-kv" },
  d1Databases: { DB: "benchmark-d1" },
  cf: false,
});

try {
  const env = {
    CACHE: await miniflare.getKVNamespace("CACHE"),
    DB: await miniflare.getD1Database("DB"),
  };
  const pyodide = await loadPyodide();
  copyPython(pyodide.FS, bindings, "/site/bindings");
  pyodide.FS.writeFile("/site/work.py", readFileSync(work));
  pyodide.runPython('import sys; sys.path.insert(0, "/site")');
  const run = pyodide.pyimport("work").run;
  await run(env, "set_up", 1);
  const samples = Object.fromEntries(Object.keys(times).map((name) => [name, []]));
  for (let round = 0; round <= Number(rounds); round++) {
    for (const [name, amount] of Object.entries(times)) {
      const start = performance.now();
      await run(env, name, amount);
      if (round > 0) samples[name].push(performance.now() - start);
    }
  }
  console.log(JSON.stringify(samples));
} finally {
  await miniflare.dispose();
}
