import type { PluginScope } from "@claudeway/core";
import type { ChatPlaces } from "./places.js";
import type { ChatSessions } from "./sessions.js";

const EVERY_MS = 10 * 60 * 1000;

/** Ends the sessions of chats that are too old or too many, now and then, until the plugin is switched off. */
export function sweepSessions(
  places: ChatPlaces,
  sessions: ChatSessions,
  { log, onDispose }: Pick<PluginScope, "log" | "onDispose">,
  everyMs = EVERY_MS,
): void {
  let running: Promise<void> | undefined;
  let stopped = false;
  const warn = (error: unknown) => log.warn({ err: error }, "old sessions of chats could not be ended");
  const sweep = async () => {
    for (const { sessionId, keyId } of await places.outdated()) {
      if (stopped) return;
      await sessions.endUnused(keyId, sessionId).catch(warn);
    }
  };
  const start = () => {
    running ??= sweep()
      .catch(warn)
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(start, everyMs);
  onDispose(async () => {
    stopped = true;
    clearInterval(timer);
    await running;
  });
}
