// Serves built sites, each in a thread of its own: what V8 has compiled of Pyodide serves them all.
// Prints its port; GET /?site=<folder>&port=<port> starts one, and its end comes with the connection's.

import { createServer } from "node:http";
import { Worker } from "node:worker_threads";

const server = createServer((request) => {
  const asked = new URL(request.url, "http://host").searchParams;
  const argv = [asked.get("site"), "--port", asked.get("port")];
  const worker = new Worker(new URL("netlify_server.mjs", import.meta.url), { argv });
  worker.on("error", (error) => console.error(error));
  request.socket.on("close", () => worker.terminate());
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
