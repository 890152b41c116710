import { setTimeout as sleep } from "node:timers/promises";

/** The state that cloudflared reports: connected or not; `silent` after several checks without a response. */
export type Health = "connected" | "disconnected" | "silent";

const ANSWER_MS = 5000;
const MAX_SILENT_LOOKS = 3;

/** Polls cloudflared's /ready until the signal is aborted. Never rejects. */
export async function watchHealth(
  url: string,
  { everyMs, signal }: { readonly everyMs: number; readonly signal: AbortSignal },
  report: (health: Health) => void,
): Promise<void> {
  let silent = 0;
  while (!signal.aborted) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const status = await ask(`${url}/ready`, Math.min(everyMs, ANSWER_MS), signal);
    silent = status === undefined ? silent + 1 : 0;
    if (signal.aborted) return;
    if (status !== undefined) report(status === 200 ? "connected" : "disconnected");
    else if (silent === MAX_SILENT_LOOKS) report("silent");
  }
}

/** The status; undefined if none came in time. */
async function ask(url: string, ms: number, signal: AbortSignal): Promise<number | undefined> {
  // Not AbortSignal.any: each one would leave a listener on the plugin's signal, which lives for months.
  const look = new AbortController();
  const abort = () => look.abort();
  const timer = setTimeout(abort, ms);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const response = await fetch(url, { signal: look.signal });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
