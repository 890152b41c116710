import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { TestGateway } from "./gateway.js";
import { catchesSignals } from "./processes.js";

const STARTS = 200;
const STEP_MS = 10;
const SIGNALS = ["SIGHUP", "SIGTERM", "SIGINT"] as const;

describe("a signal at any moment of a start", () => {
  it(`ends it, or not, as documented: ${STARTS} starts, every ${STEP_MS} ms of the first two seconds`, async () => {
    const gateway = await TestGateway.start();
    await gateway.stop();
    const seen: Record<string, number> = {};
    try {
      for (let start = 0; start < STARTS; start++) {
        // Each signal meets each moment that is three steps from the next.
        const signal = SIGNALS[start % SIGNALS.length] ?? "SIGTERM";
        const outcome = await signalled(gateway, signal, start * STEP_MS);
        seen[outcome] = (seen[outcome] ?? 0) + 1;
      }
    } finally {
      await gateway.dispose();
    }
    process.stdout.write(`${JSON.stringify(seen)}\n`);
  }).timeout(3_600_000);
});

/** Starts it, sends the signal after so long, and holds the end against what is documented; resolves to it in a few words. */
async function signalled(gateway: TestGateway, signal: NodeJS.Signals, afterMs: number): Promise<string> {
  const launched = gateway.launch().then(
    () => "listens",
    () => "ended",
  );
  await sleep(afterMs);
  // Node itself has to start before any program can handle anything.
  const handled = catchesSignals(gateway.pid);
  gateway.signal(signal);
  const started = await launched;
  const at = `${signal} after ${afterMs} ms: ${gateway.stderr}`;
  if (signal === "SIGHUP" && (handled || started === "listens")) {
    expect(started, at).to.equal("listens");
    expect((await gateway.request("/health", { key: null })).status, at).to.equal(200);
    expect(await gateway.stop(), at).to.deep.equal({ code: 0, signal: null });
    return "SIGHUP: goes on";
  }
  const end = await gateway.ended();
  const early = end.signal === signal && !handled;
  if (!early) expect(end, at).to.deep.equal({ code: 0, signal: null });
  expect(await gateway.children(), at).to.deep.equal([]);
  return early ? `${signal}: before Node's first line` : `${signal}: status 0`;
}
