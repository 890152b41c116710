import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { claudeFolder } from "@claudeway/core/host";
import type { SessionTotals, TotalsByModel, WrittenUsage } from "@claudeway/core/ports";
import { afterReport, settle } from "./bases.js";
import { SAVED, totalsIn } from "./transcript.js";
import { DeliveredUsage, isMessageUsage } from "./usage.js";

/** What the CLI calls the author of messages that no model wrote, such as "API Error: …". */
const NO_MODEL = "<synthetic>";

/**
 * The usage that a session's CLI recorded in its transcript since `since`, including subagents, for messages that the
 * gateway did not receive. It covers each message of which at least one block arrived, with its usage at that point. If
 * the CLI then ended by itself and saved its totals, those are used: they include the price, and usage outside
 * messages. Undefined if nothing is found.
 *
 * @param session the CLI's own id of the session
 * @param before what is known of the session's totals before `since`
 */
export async function writtenSince(
  session: string,
  env: NodeJS.ProcessEnv,
  since: Date,
  before: SessionTotals | undefined,
): Promise<WrittenUsage | undefined> {
  const delivered = new DeliveredUsage();
  let saved: TotalsByModel | undefined;
  for (const path of await transcriptsOf(session, claudeFolder(env))) {
    for await (const line of linesOf(path)) {
      if (line.startsWith(SAVED)) saved = totalsIn(line, session) ?? saved;
      else if (noteMessage(line, since, delivered)) saved = undefined;
    }
  }
  const all = delivered.totals();
  if (Object.keys(all).length === 0) return undefined;
  if (saved === undefined) return { used: all };
  const { used, base } = settle(saved, before, { all, uncut: all });
  return { used, totals: { ...before, ...afterReport(saved, base, false) } };
}

/** The session's own file comes last: its end says whether the CLI saved its totals. */
async function transcriptsOf(session: string, claude: string): Promise<string[]> {
  const projects = join(claude, "projects");
  const found: string[] = [];
  for (const project of await namesIn(projects)) {
    const names = await namesIn(join(projects, project, session, "subagents"));
    const subagents = names.filter((name) => name.endsWith(".jsonl"));
    found.push(...subagents.map((name) => join(projects, project, session, "subagents", name)));
    found.push(join(projects, project, `${session}.jsonl`));
  }
  return found;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    // No conversation is there; the ledger has what was heard.
    return [];
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch {
    // The session is another folder's, or its file can't be read: nothing is known of it.
    return;
  }
  yield* file.readLines();
}

/** Whether the line is a model's message of that time or later, which is counted then. */
function noteMessage(line: string, since: Date, delivered: DeliveredUsage): boolean {
  if (!line.includes('"type":"assistant"')) return false;
  const entry = parse(line);
  if (entry?.["type"] !== "assistant" || !(Date.parse(String(entry["timestamp"])) >= since.getTime())) {
    return false;
  }
  const message = recordOf(entry["message"]);
  const { id, model, usage } = message ?? {};
  if (typeof id !== "string" || typeof model !== "string" || model === NO_MODEL) return false;
  if (!isMessageUsage(usage)) return false;
  delivered.note(id, model, usage, "closed");
  return true;
}

/** Undefined for a line that is torn. */
function parse(line: string): Record<string, unknown> | undefined {
  try {
    return recordOf(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}
