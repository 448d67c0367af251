// benchmarks/templates.py on Pyodide: `python benchmarks/templates.py DIR`, then
// npx -p node@22 -p pyodide@0.28.3 node benchmarks/templates_pyodide.mjs DIR

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const installed = dirname(process.env.PATH.split(":")[0]);
const { loadPyodide } = createRequire(join(installed, "index.js"))("pyodide");

function copy(fs, source, target) {
  fs.mkdirTree(target);
  for (const item of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, item.name), `${target}/${item.name}`];
    if (item.isDirectory()) copy(fs, from, to);
    else fs.writeFile(to, readFileSync(from));
  }
}

const pyodide = await loadPyodide();
copy(pyodide.FS, process.argv[2], "/compared");
pyodide.runPython(`
import sys
sys.path.insert(0, "/compared")
import templates
templates.main()
`);
