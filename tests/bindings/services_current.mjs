// The services of the contract: miniflare's own where it has them, and stand-ins for those
// that run on Cloudflare only and for the events that a Worker's class gets.

const OTHER = `
import { DurableObject } from "cloudflare:workers";

export class Keeper extends DurableObject {
  storage(method, ...args) { return this.ctx.storage[method](...args); }
  alarm() {}
}

const received = [];

export class Room extends DurableObject {
  async fetch(request) {
    const path = new URL(request.url).pathname;
    if (path === "/id") return new Response(this.ctx.id.toString());
    return new Response(\`\${request.method} \${path} \${await request.text()}\`);
  }
  add(first, second) { return { sum: first.n + second, none: null }; }
  nothing() {}
  fail() { throw new Error("on purpose"); }
}

export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/throw") throw new Error("thrown");
    if (url.pathname === "/received") return Response.json(received);
    if (url.pathname === "/redirect") {
      return new Response(null, { status: 302, headers: { location: "/echo" } });
    }
    const told = {
      method: request.method,
      path: url.pathname + url.search,
      a: request.headers.get("a"),
      body: [...new Uint8Array(await request.arrayBuffer())],
    };
    return Response.json(told, { status: 201, headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] });
  },
  queue(batch) {
    for (const { body } of batch.messages) {
      const isBytes = body instanceof ArrayBuffer || ArrayBuffer.isView(body);
      received.push(isBytes ? { bytes: [...new Uint8Array(body)] } : body);
    }
  },
};
`;

export function workers(main, assets) {
  const services = {
    assets: { directory: assets, binding: "ASSETS", routerConfig: { has_user_worker: true } },
    queueProducers: { JOBS: "contract-jobs", SENT: "contract-sent" },
    ratelimits: { LIMIT: { namespace_id: "1001", simple: { limit: 2, period: 60 } } },
    analyticsEngineDatasets: { POINTS: { dataset: "points" } },
    serviceBindings: { OTHER: "other" },
    durableObjects: {
      ROOMS: { className: "Room", scriptName: "other" },
      KEEPERS: { className: "Keeper", scriptName: "other", useSQLite: true },
    },
  };
  const other = {
    name: "other",
    modules: true,
    script: OTHER,
    compatibilityDate: main.compatibilityDate,
    durableObjects: { ROOMS: "Room", KEEPERS: { className: "Keeper", useSQLite: true } },
    queueConsumers: { "contract-sent": { maxBatchTimeout: 0 } },
  };
  return [{ name: "main", ...main, ...services }, other];
}

// Miniflare's proxies seem to have every method; a Worker's objects have their own.
function only(target, ...methods) {
  return Object.fromEntries(methods.map((name) => [name, (...args) => target[name](...args)]));
}

// A Worker's Fetcher takes any name for a method of the other side.
class Fetcher {
  constructor(target) {
    this.fetch = async (url, init) => withBytes(await target.fetch(url, init));
    const isOwn = (own, name) => name in own || name === "then" || typeof name === "symbol";
    const get = (own, name) => (isOwn(own, name) ? own[name] : async () => name);
    return new Proxy(this, { get, has: () => true });
  }
}

// Pyodide knows no Buffer, which Node's streams yield here and no Worker's do.
function withBytes(response) {
  const toBytes = { transform: (chunk, to) => to.enqueue(new Uint8Array(chunk)) };
  const body = response.body && response.body.pipeThrough(new TransformStream(toBytes));
  return new response.constructor(body, response);
}

export async function bindings(miniflare) {
  const env = await miniflare.getBindings("main");
  return {
    ASSETS: new Fetcher(env.ASSETS),
    OTHER: new Fetcher(env.OTHER),
    JOBS: only(env.JOBS, "send", "sendBatch"),
    SENT: only(env.SENT, "send", "sendBatch"),
    LIMIT: only(env.LIMIT, "limit"),
    POINTS: only(env.POINTS, "writeDataPoint"),
    ROOMS: env.ROOMS,
    AI: new Ai(),
    INDEX: new VectorizeIndex(),
    WORKER: events(),
  };
}

// The state of a Durable Object: keys, values and alarms are kept by one of miniflare's. Its SQL
// cannot be asked from here without waiting, so that is Node's SQLite in the shape of workerd's.
export async function objectStates(miniflare) {
  const { DatabaseSync } = await import("node:sqlite");
  const { KEEPERS } = await miniflare.getBindings("main");
  const methods = ["get", "put", "delete", "list", "deleteAll", "getAlarm", "setAlarm", "deleteAlarm"];
  return (name) => {
    const id = KEEPERS.idFromName(name);
    const stub = KEEPERS.get(id);
    const calls = methods.map((method) => [method, (...args) => stub.storage(method, ...args)]);
    const database = new DatabaseSync(":memory:");
    const exec = (text, ...params) => cursorOf(database.prepare(text), params);
    const storage = { ...Object.fromEntries(calls), sql: { exec } };
    return { id: { toString: () => id.toString(), name }, storage };
  };
}

function cursorOf(statement, params) {
  const toCell = (cell) => (ArrayBuffer.isView(cell) ? new Uint8Array(cell).buffer : cell);
  const rows = statement.all(...params).map((row) => Object.values(row).map(toCell));
  const columnNames = statement.columns().map(({ name }) => name);
  return { columnNames, raw: () => ({ toArray: () => rows }) };
}

class Ai {
  marker = "the object itself";
  async run(model, inputs, options) {
    switch (model) {
      case "@cf/bytes":
        return new Uint8Array([1, 2]);
      case "@cf/text":
        return "text";
      case "@cf/null":
        return null;
      case "@cf/fail":
        throw new Error("5007: No such model");
      case "@cf/stream":
        return new Blob(["data: 1\n\n", "data: 2\n\n"]).stream();
      default:
        return { model, inputs: { ...inputs, image: [...inputs.image] }, options };
    }
  }
}

class VectorizeIndex {
  async query(vector, options) {
    return { count: 1, matches: [{ id: "a", score: 0.9, metadata: { vector, options } }] };
  }
  async queryById() {}
  async describe() {
    return { dimensions: 2 };
  }
  async getByIds(ids) {
    return ids.map((id) => ({ id, values: [1, 2] }));
  }
  insert = async (vectors) => ({ mutationId: `insert ${JSON.stringify(vectors)}` });
  upsert = async (vectors) => ({ mutationId: `upsert ${JSON.stringify(vectors)}` });
  deleteByIds = async (ids) => ({ mutationId: `deleteByIds ${JSON.stringify(ids)}` });
}

function events() {
  const log = [];
  const bodies = [{ a: [1, null] }, new Uint8Array([0, 255]).buffer, "text", null];
  const messages = bodies.map((body, index) => ({
    id: `m${index}`,
    timestamp: new Date("2026-01-01"),
    body,
    attempts: 1,
    ack: () => log.push(`ack m${index}`),
    retry: (options) => log.push(`retry m${index} ${JSON.stringify(options)}`),
  }));
  const scheduledTime = Date.parse("2026-01-01");
  const controller = { cron: "0 * * * *", scheduledTime, noRetry: () => log.push("noRetry") };
  return { log, env: globalThis.workerEnv, batch: { queue: "jobs", messages }, controller };
}
