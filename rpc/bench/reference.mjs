// One measurement of the reference client, driven over stdin and stdout like
// the Go client in client.go: "ready", "go", one line of JSON.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [entry, url, token, mode, countText, flightText] = process.argv.slice(2);
const count = Number(countText);
const flight = Number(flightText);
const { GatewayClient } = await import(pathToFileURL(entry).href);

let onEvent = () => {};

async function connect() {
  const connected = Promise.withResolvers();
  const client = new GatewayClient({
    url, token, minProtocol: 3, maxProtocol: 4,
    onHelloOk: () => connected.resolve(),
    onConnectError: (error) => connected.reject(error),
    onEvent: (event) => onEvent(event),
  });
  client.start();
  await connected.promise;
  return client;
}

async function calls(client, n, inFlight) {
  const times = new Float64Array(n);
  let next = 0;
  async function caller() {
    while (next < n) {
      const i = next++;
      const start = performance.now();
      const health = await client.request("health");
      times[i] = performance.now() - start;
      if (health.ok !== true) throw new Error("bad answer");
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller));
  return times;
}

async function connects(n) {
  const times = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const start = performance.now();
    const client = await connect();
    times[i] = performance.now() - start;
    client.stop();
  }
  return times;
}

async function events(client, n) {
  let seen = 0;
  const all = Promise.withResolvers();
  onEvent = (event) => {
    if (event.event === "chat" && ++seen === n) all.resolve();
  };
  const start = performance.now();
  await client.request("bench.flood", { n });
  await all.promise;
  return new Float64Array([performance.now() - start]);
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const client = mode === "connect" ? null : await connect();
const run = {
  calls: (n) => calls(client, n, flight),
  connect: (n) => connects(n),
  events: (n) => events(client, n),
}[mode];
await run(Math.ceil(count / 10));
console.log("ready");
await lines.next();
const times = Array.from(await run(count)).sort((a, b) => a - b);
const at = (q) => times[Math.min(times.length - 1, Math.floor(q * times.length))];
console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), total: times.reduce((a, b) => a + b, 0) }));
await lines.next();
process.exit(0);
