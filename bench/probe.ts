import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { TestGateway } from "../test/e2e/gateway.js";

/** The option that switches the probe on. */
export const WITH_PROBE = ["--enable-plugin", fileURLToPath(new URL("./probe", import.meta.url))];

/** Resources of the gateway's own process after a garbage collection. */
export interface Held {
  /** Bytes of memory in RAM. */
  readonly rss: number;
  /** Bytes of JavaScript objects and their buffers. */
  readonly held: number;
  readonly handles: number;
  readonly files: number;
}

export async function probe(gateway: TestGateway): Promise<Held> {
  const { status, body } = await gateway.request<Held>("/probe");
  if (status !== 200) throw new Error(`/probe: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** The gateway's own CLI processes, by pid, without what these run themselves. */
export async function cliProcesses(gateway: TestGateway): Promise<number[]> {
  const pids = await gateway.children();
  const parents = await Promise.all(pids.map(parentOf));
  return pids.filter((_, index) => parents[index] === gateway.pid);
}

/** The parent of a process that may be gone; the field after command and state in its stat (proc(5)). */
async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

export function inMb(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
