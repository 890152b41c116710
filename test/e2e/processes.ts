import { readFileSync } from "node:fs";
import type { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** A tool call that would run for ten minutes. */
export const LONG_CALL = "[[bash node -e 'setTimeout(() => {}, 600000)']]";

/** Waits until the process of `LONG_CALL` is there; resolves to all of the gateway's, by pid. */
export function longCallRunning(gateway: TestGateway): Promise<number[]> {
  return eventually("a running tool", async () => {
    const pids = await gateway.children();
    return pids.some((pid) => readProcess(pid, "cmdline").startsWith("node\0-e\0")) && pids;
  });
}

/** Waits until nothing runs any more that belongs to the gateway. */
export async function childrenGone(gateway: TestGateway, ms?: number): Promise<void> {
  await eventually("the children gone", async () => (await gateway.children()).length === 0, ms);
}

/** The CLI itself, of a turn's process: in the sandbox it is below bubblewrap, which passes no signal on. */
export function cliOf(pid: number): number {
  const [program = ""] = readProcess(pid, "cmdline").split("\0");
  const [child] = program.endsWith("/bwrap") ? childrenOf(pid) : [];
  return child === undefined ? pid : cliOf(child);
}

/** The pid of the process that ends what the gateway leaves when it is killed. */
export function guardOf({ pid }: TestGateway): number | undefined {
  return childrenOf(pid).find((child) => readProcess(child, "cmdline").includes("claudeway-guard"));
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

/** A file of a process in /proc; empty for one that has gone. */
export function readProcess(pid: number, file: "cmdline" | "environ" | "status"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** Whether the process handles SIGHUP by now, according to /proc. */
export function catchesSignals(pid: number): boolean {
  const status = readProcess(pid, "status");
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${mask}`) & 1n) !== 0n;
}
