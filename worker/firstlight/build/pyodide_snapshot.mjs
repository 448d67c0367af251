// Writes what Pyodide's memory is once it has started: from there it starts in a fraction of the time.
//
// node pyodide_snapshot.mjs <folder of Pyodide> <file>

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, file] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")));
const pyodide = await loadPyodide({ _makeSnapshot: true });
writeFileSync(file, pyodide.makeMemorySnapshot());
