import type { Scope } from "@claudeway/core";

/** Those that are no plugins. */
const OWN = ["key", "admin", "link"];
/** In a reload, the plugins after this one start after it: how long that may take, in ms. */
const RELOAD_MS = 30_000;

type Parts = Pick<Scope<"control">, "control" | "hooks" | "log" | "onDispose">;

/** Warns of deciders that do not exist, once all plugins have started: calls would wait for them until they expire. */
export function warnOfUnknown(
  deciders: readonly string[],
  { control, hooks, log, onDispose }: Parts,
  reloadMs = RELOAD_MS,
): void {
  const warn = async () => {
    const enabled = control.plugins().map(({ name }) => name);
    const known = [...OWN, ...enabled, ...(await control.available())];
    const unknown = deciders.filter((name) => !known.includes(name));
    if (unknown.length === 0) return;
    log.warn(`unknown deciders: ${unknown.join(", ")}; known: ${[...new Set(known)].sort().join(", ")}`);
  };
  const look = () => {
    warn().catch((error: unknown) => log.warn({ err: error }, "deciders: could not be checked"));
  };
  if (control.address() === undefined) hooks.listening.tap("deciders", look);
  else {
    const timer = setTimeout(look, reloadMs);
    onDispose(() => clearTimeout(timer));
  }
}
