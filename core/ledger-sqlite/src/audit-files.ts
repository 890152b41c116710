import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { KnownSecrets } from "@claudeway/core/host";
import type { AuditLog } from "@claudeway/ports";
import type { AuditLine } from "@claudeway/schemas";
import { AuditWriter, UNAUTHORIZED } from "./audit-writer.js";
import { LossReport, type WarnLogger } from "./loss-report.js";
import { RefusedCap } from "./refused-cap.js";

export interface AuditOptions {
  /** The folder of the log; created with mode 0700 on the first line. */
  readonly dir: string;
  readonly log: WarnLogger;
  /** Removed from every line: a client may put its key anywhere, for instance into the path. */
  readonly secrets?: KnownSecrets;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** The minimum time between two warnings about lost lines, in ms (default: one minute). */
  readonly warnEveryMs?: number;
  /** The size of the write queue, in bytes (default: 8 MiB); lines that exceed it are lost. */
  readonly queueBytes?: number;
}

/** How much of the end of a file is searched for its last lines, in bytes: the size of the write queue. */
const END_BYTES = 8 * 1024 * 1024;
/** The maximum length of path and message of a refused request, which an unauthenticated client controls. */
const STRANGERS_TEXT = 512;

export function openAudit(options: AuditOptions): AuditLog {
  const { dir, log, now = Date.now, warnEveryMs = 60_000, queueBytes = 8 * 1024 * 1024 } = options;
  const losses = new LossReport(log, warnEveryMs);
  const writer = new AuditWriter({ dir, losses, queueBytes, now });
  const cap = new RefusedCap(dir, now);
  const { redact } = options.secrets ?? new KnownSecrets();
  let isOpen = true;

  const write = (folder: string, line: AuditLine): void =>
    writeJson(folder, monthOf(line), JSON.stringify(line));
  const writeJson = (folder: string, month: string, json: string): void => {
    if (isOpen) writer.add(folder, month, `${redact(json)}\n`);
  };
  const notice = (message: string): AuditLine => {
    return { timestamp: new Date(now()).toISOString(), level: "WARN", key_id: null, message };
  };

  return {
    turn: (line) => write(line.key_id, line),
    approval: (line) => write(line.key_id, line),
    request: (line) => write(line.key_id, line),
    refused(line) {
      const month = monthOf(line);
      if (!cap.passes(month)) return;
      const json = JSON.stringify({ ...line, path: shorten(line.path), message: shorten(line.message) });
      for (const said of cap.admit(Buffer.byteLength(json) + 1)) {
        if (said === "line") writeJson(UNAUTHORIZED, month, json);
        else write(UNAUTHORIZED, notice(said.notice));
      }
    },
    async latestTurns(keyId, month) {
      await writer.flush();
      return turnsIn(await readEnd(join(dir, keyId, `${month}.log`)));
    },
    flush: () => writer.flush(),
    async close() {
      const left = cap.takeSuppressed();
      if (left !== undefined) write(UNAUTHORIZED, notice(left));
      isOpen = false;
      await writer.flush();
      losses.close();
    },
  };
}

function monthOf(line: AuditLine): string {
  return line.timestamp.slice(0, 7);
}

function turnsIn(lines: string): Set<string> {
  return new Set(
    lines
      .split("\n")
      .map(turnIn)
      .filter((id) => id !== undefined),
  );
}

/** The id of the turn whose end a line records; undefined for any other line, and for a truncated one. */
function turnIn(line: string): string | undefined {
  try {
    const { turn_id, claude_exit_code }: Partial<AuditLine> = JSON.parse(line);
    return claude_exit_code === undefined ? undefined : turn_id;
  } catch {
    return undefined;
  }
}

/** The last part of a file; "" if the file is missing. */
async function readEnd(path: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - END_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return "";
  }
}

function shorten(text: string): string {
  return text.length <= STRANGERS_TEXT ? text : `${text.slice(0, STRANGERS_TEXT)}…`;
}
