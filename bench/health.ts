import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { MACHINE } from "./machine.js";

/*
 * The latency of `GET /health` while a client tries to block the gateway: a login of 9.8 MB without a key, a query of
 * thousands of parameters, a tool call with endless paths, an answer that a Markdown parser is slow with; each ten times.
 * `npm run bench -- health [times]`
 */

const TIMES = Number(process.argv[2] ?? 10);
const GOAL_MS = 100;
const SERVER = fileURLToPath(new URL("./health/server.ts", import.meta.url));
const LOOKER = fileURLToPath(new URL("./health/looker.ts", import.meta.url));
/** After each attempt, in ms. */
const PAUSE_MS = 200;
/** A path of 2,031 segments. */
const LONG = `/${Array.from({ length: 2031 }, () => "a").join("/")}`;
const DIRECTORIES = Array.from({ length: 16 }, (_, n) => `cd d${n} && `).join("");

interface Gateway {
  readonly url: string;
  readonly secret: string;
}

/** What is tried, once. */
type Attempt = (gateway: Gateway) => Promise<unknown>;

const brackets = `{"key":${"[".repeat(9_800_000)}`;
const link = (bytes: number) => `${"[x] ".repeat(bytes / 4)}](http://a)`;

const ATTEMPTS: Readonly<Record<string, Attempt>> = {
  nothing: () => sleep(200),
  "a login of 9.8 MB of brackets": ({ url }) => post(`${url}/admin/login`, brackets),
  "120 logins, one byte short of complete": ({ url }) => unfinished(url, 120),
  "14 kB of query parameters": ({ url, secret }) => get(`${url}/sessions?${"a&".repeat(7000)}`, secret),
  "cat with three paths of 2,031 segments": (gateway) => command(gateway, `cat ${`${LONG} `.repeat(3)}`),
  "cat with seven paths of 2,031 segments": (gateway) => command(gateway, `cat ${`${LONG} `.repeat(7)}`),
  "the same behind 16 cd": (gateway) => command(gateway, `${DIRECTORIES}cat ${`${LONG} `.repeat(3)}`),
  "80 kB of links that are none": (gateway) => render(gateway, link(80_000)),
  "200 kB of links that are none": (gateway) => render(gateway, link(200_000)),
};

interface Measured {
  readonly what: string;
  readonly looks: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const TSX = { execArgv: ["--conditions=unbundled", "--import=tsx"] };
const child = fork(SERVER, [], TSX);
const gateway: Gateway = await firstMessage(child);
const looker = fork(LOOKER, [gateway.url], TSX);
await firstMessage(looker);
const results: Measured[] = [];
try {
  for (const attempt of Object.values(ATTEMPTS)) await attempt(gateway).catch(() => undefined);
  for (const [what, attempt] of Object.entries(ATTEMPTS)) results.push(await measure(what, attempt));
} finally {
  for (const one of [looker, child]) {
    one.disconnect();
    await once(one, "exit");
  }
}
print(`\n${MACHINE}; each ${TIMES} times\n`);
print("| while somebody sends | looks | p50 ms | p99 ms (goal: < 100) | longest ms |\n|---|---|---|---|---|");
for (const { what, looks, p50Ms, p99Ms, maxMs } of results)
  print(`| ${what} | ${looks} | ${p50Ms.toFixed(1)} | ${p99Ms.toFixed(1)} | ${maxMs.toFixed(1)} |`);
const file = process.env["BENCH_JSON"];
if (file !== undefined)
  writeFileSync(file, JSON.stringify({ machine: MACHINE, times: TIMES, results }, null, 2));
if (results.some(({ p99Ms }) => p99Ms >= GOAL_MS)) process.exitCode = 1;

/** The first message of a process. */
async function firstMessage(server: ChildProcess) {
  const failed = once(server, "exit").then(([code]) => Promise.reject(new Error(`it ended with ${code}`)));
  failed.catch(() => undefined);
  const [first] = await Promise.race([once(server, "message"), failed]);
  return first;
}

async function measure(what: string, attempt: Attempt): Promise<Measured> {
  looker.send("begin");
  for (let time = 0; time < TIMES; time++) {
    await attempt(gateway);
    await sleep(PAUSE_MS);
  }
  const answer = once(looker, "message");
  looker.send("end");
  const [took]: number[][] = await answer;
  const sorted = (took ?? []).toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { what, looks: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

/** Resolves when it is answered or hung up on: whoever is refused early may be cut off. */
async function post(url: string, body: string, secret?: string): Promise<unknown> {
  const headers = {
    "content-type": "application/json",
    ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
  };
  const answer = await fetch(url, { method: "POST", body, headers }).catch(() => undefined);
  return answer?.text();
}

async function get(url: string, secret: string): Promise<unknown> {
  return (await fetch(url, { headers: { authorization: `Bearer ${secret}` } })).text();
}

function command({ url, secret }: Gateway, prompt: string): Promise<unknown> {
  return post(`${url}/task`, JSON.stringify({ prompt }), secret);
}

function render({ url, secret }: Gateway, text: string): Promise<unknown> {
  return post(`${url}/render`, JSON.stringify({ text }), secret);
}

/** Logins that never come to their end, all at once, for a moment. */
async function unfinished(url: string, count: number): Promise<void> {
  const { hostname, port } = new URL(url);
  const head = `POST /admin/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${brackets.length + 1}\r\n\r\n`;
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(Number(port), hostname);
    // Being hung up on is what this is about.
    socket.on("error", () => undefined).resume();
    socket.write(head);
    socket.write(brackets.slice(0, 200_000));
    return socket;
  });
  await sleep(500);
  for (const socket of sockets) socket.destroy();
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
