import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { Cgroups, ownCgroup } from "./cgroups.js";
import type { SandboxConfig } from "./config.js";

interface Log {
  info(message: string): void;
  warn(fields: object, message: string): void;
}

const OWNER_CHARS = 12;
/** What this process has opened, for each gateway: the plugin starts again when its section is reloaded, while turns run. */
const opened = new Set<string>();

/** What limits memory, processes and processor time, in words. */
export function limitsBy(problem: string | undefined): string {
  return problem === undefined ? "cgroups" : `prlimit and by measuring, without cgroups: ${problem}`;
}

/** What the gateway that has this folder has in the names of its cgroups. */
export function ownerOf(gateway: string): string {
  return createHash("sha256").update(realpathSync(gateway)).digest("hex").slice(0, OWNER_CHARS);
}

/**
 * The cgroups of sandboxes; undefined, with a line in the log, where there can be none.
 *
 * @param gateway a folder of the gateway's own
 */
export function openCgroups(
  config: Pick<SandboxConfig, "memory_mb" | "processes" | "cpus">,
  log: Log,
  gateway: string,
  place = ownCgroup(),
): Cgroups | undefined {
  const problem = Cgroups.problem(place);
  try {
    if (place !== undefined && problem === undefined) {
      const owner = ownerOf(gateway);
      const name = join(place.folder, owner);
      const again = opened.has(name);
      opened.add(name);
      const cgroups = Cgroups.open(place, owner, config, log, again);
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
