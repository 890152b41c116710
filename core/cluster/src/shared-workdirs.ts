import { createHmac, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "@claudeway/config";
import { messageOf, type NodeRecord, type NodeStart } from "@claudeway/ports";
import { type Clock, sleep } from "./clock.js";

/** The folder of the markers, in the base folder of the working directories. */
const FOLDER = ".claudeway-nodes";
/** How often a marker that may be about to be written is looked for, in ms. */
const LOOK_MS = 100;
const OLD_MS = 3_600_000;

export interface SharedWorkdirsOptions {
  /** The base folder, which all nodes must have under the same path. */
  readonly base: string;
  /** The cluster's. */
  readonly secret: string;
  readonly clock: Clock;
}

/**
 * Checks that the nodes have the same files: each start of a node writes a marker that only it can have written, and reads those
 * of the starts that joined before it. What was copied or restored from earlier has no marker of a
 * start that lives.
 */
export class SharedWorkdirs {
  constructor(private readonly options: SharedWorkdirsOptions) {}

  /** Writes the marker of this start. Rejects with a ConfigError where that fails. */
  async mark(start: NodeStart): Promise<void> {
    const { base } = this.options;
    const path = this.#pathOf(start);
    // No other node may read a half of it.
    const draft = `${path}.${randomUUID()}`;
    try {
      await mkdir(join(base, FOLDER), { recursive: true, mode: 0o700 });
      await writeFile(draft, this.#textOf(start), { mode: 0o600 });
      await rename(draft, path);
    } catch (error) {
      throw new ConfigError(`cluster: ${JSON.stringify(path)} must be writable: ${messageOf(error)}`);
    }
  }

  /** Rejects with a ConfigError if a file that one of these starts has written is not there within `patienceMs`. */
  async check(others: readonly NodeRecord[], patienceMs: number, signal: AbortSignal): Promise<void> {
    const { base, clock } = this.options;
    const until = clock.now() + patienceMs;
    for (
      let missing = await this.missing(others);
      missing[0] !== undefined;
      missing = await this.missing(missing)
    ) {
      if (clock.now() >= until) throw notShared(base, missing[0].node);
      // It may have joined just now.
      await sleep(clock, LOOK_MS, signal);
    }
  }

  /** Those of the starts whose markers are not there. */
  async missing(others: readonly NodeRecord[]): Promise<NodeRecord[]> {
    const found = await Promise.all(others.map((other) => this.#has(other)));
    return others.filter((_, index) => found[index] !== true);
  }

  /** Removes the markers of other nodes than these, once they are old: names may be new with every start. Never rejects. */
  async sweep(nodes: readonly NodeStart[]): Promise<void> {
    const folder = join(this.options.base, FOLDER);
    const kept = new Set(nodes.map(({ node }) => encodeURIComponent(node)));
    for (const name of await readdir(folder).catch(() => [])) {
      if (kept.has(name)) continue;
      const path = join(folder, name);
      // A new one may be of a node that is joining.
      const age = await stat(path).then(
        ({ mtimeMs }) => Date.now() - mtimeMs,
        () => 0,
      );
      if (age > OLD_MS) await rm(path, { force: true }).catch(() => undefined);
    }
  }

  async #has(start: NodeStart): Promise<boolean> {
    const text = await readFile(this.#pathOf(start), "utf8").catch(() => "");
    return text === this.#textOf(start);
  }

  #pathOf({ node }: NodeStart): string {
    return join(this.options.base, FOLDER, encodeURIComponent(node));
  }

  #textOf({ node, incarnation }: NodeStart): string {
    return createHmac("sha256", this.options.secret)
      .update(JSON.stringify(["workdirs", node, incarnation]))
      .digest("hex");
  }
}

function notShared(base: string, node: string): ConfigError {
  return new ConfigError(
    `cluster: with shared_workdirs, workdir must be one folder for all nodes, got ${JSON.stringify(base)}, where this ` +
      `node does not find what node ${JSON.stringify(node)} has written to it; mount the same volume there on all nodes, or ` +
      "set shared_workdirs = false on all of them",
  );
}
