import { closeSync, fstatSync, readSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { claudeFolder } from "@claudeway/core/host";
import type { SpawnPlan, TotalsByModel } from "@claudeway/ports";
import { usageProblem } from "./result-check.js";
import { NO_TOTALS } from "./totals.js";
import { openTranscriptSync } from "./transcript-files.js";
import { type ReportedTotals, totalsAsReported } from "./usage.js";

/** How much of a transcript is looked at, from its end, in bytes. */
const LOOKED_AT = 256 * 1024;
/** How much is searched for saved totals, from the end, in bytes: the gateway waits for it. */
const MAX_SEARCHED = 256 * 1024 * 1024;
/** The CLI cuts longer names of folders, and adds a digest of its own to them. */
const MAX_FOLDER = 200;

/** The line in which an ending CLI saves its totals for the session's next process. */
interface CostState {
  readonly type: "cost-state";
  readonly sessionId: string;
  readonly modelUsage: Readonly<Record<string, ReportedTotals>>;
}

/**
 * The file in which the CLI keeps a session's conversation, as CLI 2.1.330 writes it. Another CLI may go on with the
 * session (`claude --resume` in a terminal) and write to it too. Where the file can't be found or read, nothing is
 * known of that, and the gateway does without. Read at once: it is a look at most twice a turn, and a thread costs more
 * than it.
 */
export class Transcript {
  readonly path: string;
  readonly env: SpawnPlan["env"];
  /** What the CLI calls the program that drives it. */
  readonly driver: string;

  constructor(
    readonly sessionId: string,
    { cwd, env }: Pick<SpawnPlan, "cwd" | "env">,
  ) {
    this.env = env;
    this.path = join(claudeFolder(env), "projects", projectOf(realPathOf(cwd)), `${sessionId}.jsonl`);
    this.driver = driverOf(env);
  }

  /** The folder of its subagents' transcripts. */
  get subagents(): string {
    return join(this.path.slice(0, -".jsonl".length), "subagents");
  }

  /**
   * Marks the current end of the conversation. The returned function says whether the conversation still exists and no
   * other program has continued it since.
   */
  mark(): () => boolean {
    const before = sizeOf(this.path);
    return () => {
      const size = sizeOf(this.path);
      return size === before || (size > before && !this.#isByOthers(this.#textFrom(before, size)));
    };
  }

  /** The totals from which a CLI that resumes the session continues; undefined if unknown. */
  savedTotals(): TotalsByModel | undefined {
    return this.#read((file) => lastSaved(file, this.sessionId));
  }

  /** The text between two places, the last of it where that is more than is looked at; "" where it can't be read. */
  #textFrom(from: number, to: number): string {
    const start = Math.max(from, to - LOOKED_AT, 0);
    const read = (file: number) => {
      const buffer = Buffer.alloc(Math.max(0, to - start));
      return buffer.toString("utf8", 0, readSync(file, buffer, 0, buffer.length, start));
    };
    return this.#read(read) ?? "";
  }

  #read<T>(read: (file: number) => T): T | undefined {
    const file = openTranscriptSync(this.path, this.env);
    if (file === undefined) return undefined;
    try {
      return read(file);
    } catch {
      return undefined;
    } finally {
      closeSync(file);
    }
  }

  /** Every message names the program that sent it. */
  #isByOthers(lines: string): boolean {
    return [...lines.matchAll(/"entrypoint":"([^"]*)"/g)].some(([, program]) => program !== this.driver);
  }
}

/** The CLI's name for the program that drives it, which every message contains. */
export function driverOf(env: NodeJS.ProcessEnv): string {
  return env["CLAUDE_CODE_ENTRYPOINT"] || "sdk-ts";
}

/** How a line begins in which a CLI saved its totals. */
export const SAVED = '{"type":"cost-state"';
/** Such a line is shorter than this, in bytes. */
const MAX_SAVED = 64 * 1024;

/** The content of the last line that the CLI would accept; without one, nothing was saved. Undefined: it is too far back. */
function lastSaved(file: number, sessionId: string): TotalsByModel | undefined {
  /** The beginning of what follows, up to the end of its first line: the line may have begun before it. */
  let next = Buffer.alloc(0);
  const { size } = fstatSync(file);
  for (let end = size; end > 0; ) {
    if (size - end > MAX_SEARCHED) return undefined;
    const start = Math.max(0, end - LOOKED_AT);
    const chunk = Buffer.alloc(end - start);
    readSync(file, chunk, 0, chunk.length, start);
    const text = Buffer.concat([chunk, next]);
    const from = start === 0 ? 0 : text.indexOf("\n") + 1;
    if (from > 0 || start === 0) {
      const lines = text.toString("utf8", from).split("\n").reverse();
      for (const line of lines) {
        const totals = line.startsWith(SAVED) ? totalsIn(line, sessionId) : undefined;
        if (totals !== undefined) return totals;
      }
    }
    next = text.subarray(0, from > 0 ? Math.min(from, MAX_SAVED) : MAX_SAVED);
    end = start;
  }
  return NO_TOTALS;
}

/** Undefined where the line is torn (it is being written), another session's, or not as this CLI writes it. */
export function totalsIn(line: string, sessionId: string): TotalsByModel | undefined {
  try {
    const saved: CostState = JSON.parse(line);
    const isWhole = usageProblem(saved.modelUsage) === undefined;
    return isWhole && saved.sessionId === sessionId ? totalsAsReported(saved.modelUsage) : undefined;
  } catch {
    return undefined;
  }
}

/** What the CLI calls the folder of a working directory's transcripts. */
function projectOf(cwd: string): string {
  const name = cwd.replace(/[^a-zA-Z0-9]/g, "-");
  if (name.length <= MAX_FOLDER) return name;
  let digest = 0;
  for (let at = 0; at < cwd.length; at++) digest = ((digest << 5) - digest + cwd.charCodeAt(at)) | 0;
  return `${name.slice(0, MAX_FOLDER)}-${Math.abs(digest).toString(36)}`;
}

/** The folder as the CLI sees it; one that is not there is for the CLI to complain of. */
function realPathOf(folder: string): string {
  try {
    return realpathSync.native(folder);
  } catch {
    return folder;
  }
}

/** 0 if the file does not exist. */
function sizeOf(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}
