// Calls the Durable Object of another Worker from a built site, on the workerd of wrangler 3.92:
// Python of the site, RPC of the runtime, and an object in JavaScript.
//
// node objects_workerd.mjs <site> <paths as JSON>
// Prints {path: text} as JSON in the last line.

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(join(dirname(process.env.PATH.split(":")[0]), "index.js"));
const { Miniflare } = require("miniflare");

const [site, paths] = process.argv.slice(2);
const OTHER = `
import { DurableObject } from "cloudflare:workers";

export class Counter extends DurableObject {
  async add(by) {
    const sum = ((await this.ctx.storage.get("sum")) ?? 0) + by;
    await this.ctx.storage.put("sum", sum);
    return { sum, none: null };
  }
  sql(data) { return new Uint8Array(data.bytes); }
  fail() { throw new Error("on purpose"); }
}

export default { fetch: () => new Response() };
`;

function pythonFiles(folder, prefix = "") {
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((item) => {
    const path = prefix + item.name;
    return item.isDirectory() ? pythonFiles(folder, `${path}/`) : path.endsWith(".py") ? [path] : [];
  });
}

const modulesRoot = join(site, "dist/server");
const files = pythonFiles(modulesRoot).filter((path) => path !== "entry.py");
const main = {
  name: "main",
  modulesRoot,
  modules: ["entry.py", ...files].map((path) => ({ type: "PythonModule", path: join(modulesRoot, path) })),
  compatibilityFlags: ["python_workers"],
  durableObjects: { COUNTERS: { className: "Counter", scriptName: "other", useSQLite: true } },
};
const other = {
  name: "other",
  modules: true,
  script: OTHER,
  durableObjects: { COUNTERS: { className: "Counter", useSQLite: true } },
};
const compatibilityDate = "2024-11-01";
const workers = [main, other].map((worker) => ({ ...worker, compatibilityDate }));
const miniflare = new Miniflare({ workers, cf: false });

try {
  const answers = {};
  for (const path of JSON.parse(paths)) {
    const response = await miniflare.dispatchFetch(`http://site.test${path}`);
    answers[path] = await response.text();
  }
  console.log(JSON.stringify(answers));
} finally {
  await miniflare.dispose();
}
