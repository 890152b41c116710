import type { SessionRecord, SessionTotals, TurnOptions } from "@claudeway/ports";
import type { Row } from "./rows.js";
import { instant, integer, maybeText, text, totals } from "./rows.js";

/** The kind of a session that lists leave out. */
export const HIDDEN = "hidden";

/** A row of `sessions`. */
export function toSession(row: Row): SessionRecord {
  return {
    id: text(row, "id"),
    keyId: text(row, "key_id"),
    kind: text(row, "kind") === "task" ? "task" : "session",
    ...(text(row, "kind") === HIDDEN && { hidden: true }),
    ...toTitle(maybeText(row, "title")),
    model: text(row, "model"),
    systemPrompt: maybeText(row, "system_prompt"),
    ...toOptions(maybeText(row, "options")),
    workdir: text(row, "workdir"),
    ownsWorkdir: integer(row, "owns_workdir") === 1,
    createdAt: instant(row, "created_at"),
    lastUsed: instant(row, "last_used"),
    taskCount: integer(row, "begun"),
    totals: totals(row),
    cliTotals: toCliTotals(maybeText(row, "cli_totals")),
  };
}

/** Written by `create` and `update`. */
function toOptions(json: string | undefined): Pick<SessionRecord, "options"> {
  if (json === undefined) return {};
  const options: TurnOptions = JSON.parse(json);
  return { options };
}

/** Written as it was given, by several methods; a change of its shape needs a migration. */
function toCliTotals(json: string | undefined): SessionTotals | undefined {
  if (json === undefined) return undefined;
  const totals: SessionTotals = JSON.parse(json);
  return totals;
}

function toTitle(title: string | undefined): Pick<SessionRecord, "title"> {
  return title === undefined ? {} : { title };
}
