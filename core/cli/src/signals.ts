import { constants } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { RunningGateway } from "@claudeway/core/host";
import { messageOf } from "@claudeway/core/host";
import type { Logger } from "pino";
import type { ServiceManager } from "./service-manager.js";

/**
 * The signals that come while the program is loaded. The event loop hands a signal over: what came while modules were
 * evaluated is in `seen` only after the loop's next turn, and lost where it is released before.
 */
export interface EarlySignals {
  /** In their order. */
  readonly seen: readonly NodeJS.Signals[];
  /** From then on they have their effects again, the default ones or those of other handlers. */
  release(): void;
}

/** Ends the process as a signal would that nothing handles, and leaves the next ones to their default effects. */
export async function followByDefault({ seen, release }: EarlySignals): Promise<void> {
  await setImmediate();
  const [first] = seen;
  // Not by sending it again: process 1 of a container has no default effects.
  if (first !== undefined) process.exit(128 + constants.signals[first]);
  release();
}

/** The early signal that asks for the end. A reload asks for nothing: the start reads the same file. */
export async function endBeforeStart({ seen }: EarlySignals): Promise<NodeJS.Signals | undefined> {
  await setImmediate();
  return seen.find((signal) => signal !== "SIGHUP");
}

/**
 * The first SIGTERM or SIGINT drains; the second ends the turns at once; the third leaves the rest to the next start.
 * SIGHUP reads the configuration again. A signal that comes while the gateway starts is followed when it has started, so
 * that what plugins have opened by then is tidied up.
 */
export function followSignals(
  starting: Promise<RunningGateway>,
  { log, service }: { readonly log: Logger; readonly service: ServiceManager },
): void {
  let ends = 0;
  const whenStarted = (follow: (gateway: RunningGateway) => Promise<void>) =>
    void starting.then(follow, () => undefined);
  const onEnd = (signal: NodeJS.Signals) => {
    ends++;
    log.info(
      `${signal}: ${["", "closing; running turns may finish", "ending the running turns"][ends] ?? "gone"}`,
    );
    if (ends > 2) process.exit(1);
    service.stopping();
    whenStarted(async (gateway) => {
      await gateway.close();
      leave(log);
    });
  };
  process.on("SIGHUP", () =>
    whenStarted(async (gateway) => {
      if (ends > 0) log.info("SIGHUP: ignored, the gateway is closing");
      else await service.reloading(() => reload(gateway, log));
    }),
  );
  process.on("SIGTERM", onEnd);
  process.on("SIGINT", onEnd);
}

/** The process ends by itself when nothing holds it; what a plugin left behind must not keep it for long. */
export function leave(log: Logger): void {
  const timer = setTimeout(() => {
    log.warn(
      { resources: process.getActiveResourcesInfo() },
      "something was left open; leaving all the same",
    );
    process.exit();
  }, 2000);
  timer.unref();
}

/** Reads the configuration again: a fault in it changes nothing, and is told in one line. */
async function reload({ control }: RunningGateway, log: Logger): Promise<void> {
  try {
    // The kernel has told each plugin that failed.
    const { failed, ...report } = await control.reload();
    log.info({ ...report, failed: failed.length }, "SIGHUP: the configuration was read again");
  } catch (error) {
    log.error(`SIGHUP: refused, nothing was changed: ${messageOf(error)}`);
  }
}
