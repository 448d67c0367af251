// Serves a built site as Netlify does: redirects, files, then the function. Netlify's own parsers and
// redirect engine read `_redirects` and `_headers`.
//
// node netlify_server.mjs <site> --port <port>
// The packages are found where npx put them: beside the node that runs this.
//
// Source:
//   https://docs.netlify.com/start/core-concepts/request-chain/
//   https://github.com/netlify/cli/pull/6842 (redirects come before functions)
//   https://github.com/slorber/trailing-slash-guide (which URL is which file, as measured)

import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { Readable, pipeline } from "node:stream";
import { pathToFileURL } from "node:url";

const installed = join(dirname(process.execPath), "../..");
const load = (file) => import(pathToFileURL(join(installed, file)));
const { parseAllRedirects } = await load("@netlify/redirect-parser/lib/index.js");
const { parseAllHeaders } = await load("@netlify/headers-parser/lib/index.js");
const { default: redirector } = await load("netlify-redirector/index.js");

const [site, , port] = process.argv.slice(2);
const client = join(site, "dist", "client");
const entry = join(site, ".netlify/v1/functions/firstlight/firstlight.mjs");
const { default: call } = existsSync(entry) ? await import(pathToFileURL(entry)) : {};
const TYPES = { ".html": "text/html", ".css": "text/css", ".txt": "text/plain", ".js": "text/javascript", ".json": "application/json", ".xml": "application/xml", ".svg": "image/svg+xml", ".gif": "image/gif" };

async function redirectRules() {
  const { redirects, errors } = await parseAllRedirects({ redirectsFiles: [join(client, "_redirects")], configRedirects: [], minimal: false });
  if (errors.length) throw new AggregateError(errors);
  const rules = redirects.map(({ from, query, ...rule }) => ({ ...rule, origin: from, params: query }));
  return rules.length ? redirector.parseJSON(JSON.stringify(rules), {}) : { match: () => null };
}

async function headerRules() {
  const { headers, errors } = await parseAllHeaders({ headersFiles: [join(client, "_headers")], configHeaders: [], minimal: false });
  if (errors.length) throw new AggregateError(errors);
  return headers;
}

const rules = await redirectRules();
const added = await headerRules();

const isFile = (path) => existsSync(join(client, path)) && statSync(join(client, path)).isFile();

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

// Finds a file, or the URL it has by "Pretty URLs", which are on unless a project turns them off.
function find(path) {
  if (path.includes("\0") || path.split("/").includes("..") || ["/_headers", "/_redirects"].includes(path)) return {};
  const bare = path.replace(/\/$/, "");
  if (!path.endsWith("/") && isFile(path)) return { file: path };
  if (bare && isFile(`${bare}.html`)) return path === bare ? { file: `${bare}.html` } : { location: bare };
  if (isFile(`${bare}/index.html`)) return path === `${bare}/` ? { file: path + "index.html" } : { location: `${path}/` };
  return {};
}

function serve({ file, location }, url, status = 200) {
  if (location) return new Response(null, { status: 301, headers: { location: encodeURI(location) + url.search } });
  const type = TYPES[extname(file)] ?? "application/octet-stream";
  const headers = new Headers({ "content-type": type.startsWith("text/") ? `${type}; charset=UTF-8` : type });
  for (const { forRegExp, values } of added) {
    if (forRegExp.test(url.pathname)) for (const [name, value] of Object.entries(values)) headers.set(name, value);
  }
  return new Response(readFileSync(join(client, file)), { status, headers });
}

async function answer(request, context) {
  const url = new URL(request.url);
  const found = find(decoded(url.pathname));
  const hasFile = Boolean(found.file ?? found.location);
  const asked = { scheme: "http", host: url.hostname, path: decoded(url.pathname), query: url.search.slice(1), headers: {}, cookieValues: {}, getHeader: (name) => request.headers.get(name) ?? "", getCookie: () => "" };
  const rule = rules.match(asked);
  if (rule && (rule.force || !hasFile)) {
    const location = rule.to.includes("?") ? rule.to : rule.to + url.search;
    if (rule.status >= 300 && rule.status < 400) return new Response(null, { status: rule.status, headers: { location } });
    return serve(find(rule.to), url, rule.status);
  }
  if (hasFile && !["GET", "HEAD"].includes(request.method)) return new Response(null, { status: 405 }); // taken to be
  if (hasFile) return serve(found, url);
  if (call) return call(request, context);
  return isFile("/404.html") ? serve({ file: "/404.html" }, url, 404) : new Response("Not Found", { status: 404 });
}

async function respond(request, response) {
  const headers = Object.entries(request.headers).flatMap(([name, value]) => [value].flat().map((each) => [name, each]));
  const hasBody = !["GET", "HEAD"].includes(request.method) && ("content-length" in request.headers || "transfer-encoding" in request.headers);
  const body = hasBody ? Readable.toWeb(request) : undefined;
  const asked = new Request(`http://${request.headers.host}${request.url}`, { method: request.method, headers, body, duplex: "half" });
  const context = { ip: request.socket.remoteAddress, geo: {}, waitUntil: (promise) => promise.catch(() => {}) };
  const ours = await answer(asked, context);
  for (const [name, value] of ours.headers) response.appendHeader(name, value);
  response.writeHead(ours.status);
  if (ours.body && request.method !== "HEAD") pipeline(Readable.fromWeb(ours.body), response, () => {});
  else response.end();
}

createServer((request, response) => {
  respond(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end("the harness failed");
  });
}).listen(Number(port), "127.0.0.1");
