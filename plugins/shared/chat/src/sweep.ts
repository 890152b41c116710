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
  const sweep = async () => {
    for (const { sessionId, keyId } of await places.outdated()) {
      if (stopped) return;
      await sessions.end(keyId, sessionId);
    }
  };
  const start = () => {
    running ??= sweep()
      .catch((error: unknown) => log.warn({ err: error }, "old sessions of chats could not be ended"))
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
