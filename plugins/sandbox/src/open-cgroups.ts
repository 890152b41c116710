import { Cgroups, ownCgroup } from "./cgroups.js";
import type { SandboxConfig } from "./config.js";

interface Log {
  info(message: string): void;
  warn(fields: object, message: string): void;
}

/** Folders that this process has opened: the plugin starts again when its section is reloaded, while turns run. */
const opened = new Set<string>();

/** What limits memory, processes and processor time, in words. */
export function limitsBy(problem: string | undefined): string {
  return problem === undefined ? "cgroups" : `prlimit and by measuring, without cgroups: ${problem}`;
}

/** The cgroups of sandboxes; undefined, with a line in the log, where there can be none. */
export function openCgroups(
  config: Pick<SandboxConfig, "memory_mb" | "processes" | "cpus">,
  log: Log,
  place = ownCgroup(),
): Cgroups | undefined {
  const problem = Cgroups.problem(place);
  try {
    if (place !== undefined && problem === undefined) {
      const again = opened.has(place.folder);
      opened.add(place.folder);
      const cgroups = Cgroups.open(place, config, log, again);
      cgroups.tryOut();
      return cgroups;
    }
    log.info(`sandboxes are limited by ${limitsBy(problem)}`);
  } catch (error) {
    log.warn(
      { err: error },
      "sandboxes are limited by prlimit and by measuring: the cgroups could not be set up",
    );
  }
  return undefined;
}
