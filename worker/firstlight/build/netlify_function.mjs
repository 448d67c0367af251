// The site as a Netlify function: Pyodide runs the modules of a Worker.
//
// Source:
//   https://docs.netlify.com/build/functions/api/
//   https://docs.netlify.com/build/frameworks/frameworks-api/

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadPyodide } from "./pyodide/pyodide.mjs";

// Read by Netlify without running it. Its bundler leaves the folder as it is.
export const config = {
  name: "Firstlight",
  generator: "firstlight",
  path: "/*",
  excludedPath: ["/.netlify/*"],
  preferStatic: true,
  nodeBundler: "none",
  includedFiles: ["**/*"],
};

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const PYODIDE = `${FOLDER}pyodide/`;
const SNAPSHOT = `${PYODIDE}snapshot.bin`;
const PROGRAM = `
import random
import sys

random.seed()  # a snapshot holds the state of when it was made
sys.dont_write_bytecode = True
sys.path.insert(0, "/site")

from entry import fetch

fetch
`;
const PAGES = JSON.parse(readFileSync(`${FOLDER}pages.json`, "utf8"));

const env = { ...process.env, ASSETS: { fetch: page } };
let started;

export default async function answer(request, context) {
  const own = (started ??= start());
  let fetch;
  try {
    fetch = await own;
    const waiting = { waitUntil: (promise) => context.waitUntil(Promise.resolve(promise)) };
    return await fetch(visited(request, context), env, waiting);
  } catch (error) {
    // What is raised in Python leaves the interpreter whole, and with it other requests and state.
    const isWhole = fetch && error?.name === "PythonError";
    if (!isWhole && started === own) started = undefined;
    console.error(`The site's function failed${isWhole ? "" : ", and the next request starts it again"}:`, error);
    const headers = { "content-type": "text/plain;charset=utf-8" };
    return new Response("500 Internal Server Error\n", { status: 500, headers });
  }
}

// Returns `fetch` of the site's entry.py.
async function start() {
  const pyodide = (await restored()) ?? (await loadPyodide({ indexURL: PYODIDE }));
  copy(pyodide.FS, `${FOLDER}site`, "/site");
  return pyodide.runPython(PROGRAM);
}

// Returns Pyodide as the snapshot has it; nothing without one, or where it does not fit, such as on a
// Node much older than the one that made it.
async function restored() {
  if (!existsSync(SNAPSHOT)) return undefined;
  try {
    return await loadPyodide({ indexURL: PYODIDE, _loadSnapshot: readFileSync(SNAPSHOT) });
  } catch (error) {
    console.error("The snapshot of Pyodide does not fit, so the function starts slowly:", error);
    return undefined;
  }
}

function copy(fs, source, target) {
  fs.mkdirTree(target);
  for (const item of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [`${source}/${item.name}`, `${target}/${item.name}`];
    if (item.isDirectory()) copy(fs, from, to);
    else fs.writeFile(to, readFileSync(from));
  }
}

// Tells of the visitor as Cloudflare does; a header that the visitor sent does not count.
function visited(request, { ip, geo = {} }) {
  const headers = new Headers(request.headers);
  headers.delete("cf-connecting-ip");
  if (ip) headers.set("cf-connecting-ip", ip);
  const cf = {
    city: geo.city,
    country: geo.country?.code,
    region: geo.subdivision?.name,
    regionCode: geo.subdivision?.code,
    latitude: geo.latitude?.toString(),
    longitude: geo.longitude?.toString(),
    postalCode: geo.postalCode,
    timezone: geo.timezone,
  };
  return Object.assign(new Request(request, { headers }), { cf });
}

// Answers with a prerendered page, for the 404 page and rewrites.
async function page(url) {
  const found = PAGES[decodeURIComponent(new URL(url).pathname).replace(/\/+$/, "")];
  if (!found) return new Response(null, { status: 404 });
  return new Response(readFileSync(`${FOLDER}client/${found.file}`), { headers: found.headers });
}
