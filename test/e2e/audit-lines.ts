import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditLine } from "@claudeway/schemas";
import { validate } from "@claudeway/schemas";

/** The lines of one key's logs, in order; throws at a line that is not as the schema says. */
export function readAudit(logDir: string, keyId: string): AuditLine[] {
  const folder = join(logDir, keyId);
  return filesOf(folder).flatMap((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    return text.split("\n").filter(Boolean).map(parse);
  });
}

/** Of turns alone. */
export function readTurnLines(logDir: string, keyId: string): AuditLine[] {
  return readAudit(logDir, keyId).filter(({ turn_id }) => turn_id !== undefined);
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function parse(line: string): AuditLine {
  const checked = validate("audit-line", JSON.parse(line));
  if (!checked.ok) throw new Error(`${checked.message}: ${line}`);
  return checked.value;
}
