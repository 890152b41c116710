import { constants } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { RunningGateway } from "@claudeway/core/host";
import { messageOf } from "@claudeway/ports";
import type { Logger } from "pino";
import type { ServiceManager } from "./service-manager.js";

/**
 * Catches signals while the program is being loaded. The event loop delivers signals, so one that arrived while modules were
 * evaluated is in `seen` only after the next iteration of the loop, and is lost if the handlers are removed before.
 */
export interface EarlySignals {
  /** In order of arrival. */
  readonly seen: readonly NodeJS.Signals[];
  /** Removes the handlers. Signals then have their default effects, or those of other handlers. */
  release(): void;
}

/** Ends the process as an unhandled signal would, and restores the default effects of further signals. */
export async function followByDefault({ seen, release }: EarlySignals): Promise<void> {
  await setImmediate();
  const [first] = seen;
  // The signal is not sent again, because process 1 of a container has no default effects.
  if (first !== undefined) process.exit(128 + constants.signals[first]);
  release();
}

/** The early signal that ends the process, if any. A reload is ignored: the start reads the file anyway. */
export async function endBeforeStart({ seen }: EarlySignals): Promise<NodeJS.Signals | undefined> {
  await setImmediate();
  return seen.find((signal) => signal !== "SIGHUP");
}

/**
 * The first SIGTERM or SIGINT drains; the second interrupts the running turns; the third exits and leaves the cleanup to
 * the next start. SIGHUP reloads the configuration. A signal during the start takes effect when the gateway has started,
 * so that plugins can release what they have opened.
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
      `${signal}: ${["", "closing; running turns may finish", "interrupting the running turns"][ends] ?? "gone"}`,
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

/** The process exits by itself when nothing is open. This limits how long leaked resources of a plugin can delay that. */
export function leave(log: Logger): void {
  const timer = setTimeout(() => {
    log.warn({ resources: process.getActiveResourcesInfo() }, "open handles remain; exiting anyway");
    process.exit();
  }, 2000);
  timer.unref();
}

/** Reloads the configuration. A fault in it changes nothing and is logged in one line. */
async function reload({ control }: RunningGateway, log: Logger): Promise<void> {
  try {
    // The kernel has logged each plugin that failed.
    const { failed, ...report } = await control.reload();
    log.info({ ...report, failed: failed.length }, "SIGHUP: configuration reloaded");
  } catch (error) {
    log.error(`SIGHUP: reload refused, nothing was changed: ${messageOf(error)}`);
  }
}
