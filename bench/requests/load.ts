import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const SERVER = fileURLToPath(new URL("./server.ts", import.meta.url));
const AUTOCANNON = createRequire(import.meta.url).resolve("autocannon/autocannon.js");
const CONNECTIONS = 10;
const SECONDS = 1;

/** A server in a process of its own. */
export interface Served {
  readonly name: string;
  readonly child: ChildProcess;
  readonly url: string;
  readonly secret: string;
  /** A session that the key of `secret` may read. */
  readonly session: string;
}

/** A request that is sent again and again, and the status that each answer must have. */
export interface Shot {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly status: number;
}

export interface Round {
  /** Processor time of the server for one request, in µs. */
  readonly cpuUs: number;
  readonly requestsPerSec: number;
}

export async function serve(name: string, folder: string): Promise<Served> {
  const child = fork(SERVER, [name, folder], { execArgv: ["--conditions=unbundled", "--import=tsx"] });
  const failed = once(child, "exit").then(([code]) => Promise.reject(new Error(`${name}: exit ${code}`)));
  // It ends some day in any case.
  failed.catch(() => undefined);
  const [{ url, secret, session }] = await Promise.race([once(child, "message"), failed]);
  return { name, child, url, secret, session };
}

export async function stop({ child }: Served): Promise<void> {
  const ended = once(child, "exit");
  child.disconnect();
  await ended;
}

/** Sends one kind of request for a second. Throws where an answer has another status. */
export async function fire(served: Served, shot: Shot): Promise<Round> {
  const before = await cpuOf(served.child);
  const { requests, statusCodeStats, errors } = await cannon(served.url, shot);
  const used = (await cpuOf(served.child)) - before;
  const answers = statusCodeStats[shot.status]?.count ?? 0;
  if (answers === 0 || errors > 0 || Object.keys(statusCodeStats).length > 1)
    throw new Error(`${served.name}: ${shot.path}: ${JSON.stringify({ statusCodeStats, errors })}`);
  return { cpuUs: used / answers, requestsPerSec: requests.average };
}

async function cpuOf(child: ChildProcess): Promise<number> {
  const message = once(child, "message");
  child.send("cpu");
  const [{ cpu }] = await message;
  return cpu.user + cpu.system;
}

interface Fired {
  readonly statusCodeStats: Readonly<Record<string, { readonly count: number }>>;
  readonly errors: number;
  readonly requests: { readonly average: number };
}

/** The load comes from a process of its own. */
async function cannon(url: string, { method, path, headers, body }: Shot): Promise<Fired> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...[AUTOCANNON, "--json", "-c", String(CONNECTIONS), "-d", String(SECONDS), "-m", method],
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}=${value}`]),
    ...(body === undefined ? [] : ["-b", body]),
    url + path,
  ]);
  return JSON.parse(stdout);
}
