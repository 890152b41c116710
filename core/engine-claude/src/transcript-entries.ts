/** The fields that are read of a transcript entry, as written by CLI 2.1.332. Other fields are ignored. */
export interface TranscriptEntry {
  readonly type: "user" | "assistant";
  readonly uuid: string;
  readonly at: string;
  /** What all entries of a prompt have in common. */
  readonly promptId: string | undefined;
  /** Of a message of the model: its own id, which several entries share. */
  readonly messageId: string | undefined;
  readonly model: string | undefined;
  readonly origin: "prompt" | "background";
  readonly forked: boolean;
  readonly content: string | readonly Record<string, unknown>[];
}

/** What the gateway tells the CLI when a usage limit is lifted: no prompt of a client. */
export const GO_ON = "The usage limit has been lifted. Continue from where you left off.";
/** What the CLI adds as a user's message when a turn is interrupted. */
const INTERRUPTED = "[Request interrupted by user";
/** What the CLI calls the author of messages that no model wrote. */
const NO_MODEL = "<synthetic>";

/**
 * The message of a line; undefined for other lines, for the CLI's own notes to the model, and for messages of
 * subagents.
 */
export function entryOf(line: Buffer): TranscriptEntry | undefined {
  if (!line.includes('"type":"user"') && !line.includes('"type":"assistant"')) return undefined;
  const entry = parse(line.toString("utf8"));
  const type = entry?.["type"];
  if (entry === undefined || (type !== "user" && type !== "assistant")) return undefined;
  if (entry["isSidechain"] === true || entry["isMeta"] === true || entry["isCompactSummary"] === true)
    return undefined;
  const message = recordOf(entry["message"]);
  const content = contentOf(message?.["content"]);
  const { uuid, timestamp, promptId } = entry;
  if (message === undefined || content === undefined || isGoOn(content)) return undefined;
  if (typeof uuid !== "string" || typeof timestamp !== "string" || Number.isNaN(Date.parse(timestamp)))
    return undefined;
  const { id, model } = message;
  return {
    type,
    uuid,
    at: new Date(timestamp).toISOString(),
    promptId: typeof promptId === "string" ? promptId : undefined,
    messageId: typeof id === "string" ? id : undefined,
    model: typeof model === "string" && model !== NO_MODEL ? model : undefined,
    origin: recordOf(entry["origin"])?.["kind"] === "task-notification" ? "background" : "prompt",
    forked: recordOf(entry["forkedFrom"]) !== undefined,
    content,
  };
}

function isGoOn(content: TranscriptEntry["content"]): boolean {
  return content === GO_ON || (content.length === 1 && recordOf(content[0])?.["text"] === GO_ON);
}

/** The id of any entry of the main agent's chain. */
export function chainIdOf(line: Buffer): string | undefined {
  const entry = parse(line.toString("utf8"));
  const { uuid, parentUuid, isSidechain } = entry ?? {};
  return typeof uuid === "string" && parentUuid !== undefined && isSidechain !== true ? uuid : undefined;
}

/** The id of the preceding entry; null for the first one. */
export function parentIdOf(line: Buffer): string | null {
  const parent = parse(line.toString("utf8"))?.["parentUuid"];
  return typeof parent === "string" ? parent : null;
}

/** Whether a line can be a prompt: a result of a tool call, which may be long, is not even parsed. */
export function mayBePrompt(line: Buffer): boolean {
  return line.includes('"type":"user"') && !line.includes('"tool_use_id":"');
}

/** Whether a user's message begins a turn of its own after the one with the prompt `current`. */
export function beginsTurn(
  { type, promptId, content }: TranscriptEntry,
  current: string | undefined,
): boolean {
  if (type !== "user" || (promptId !== undefined && promptId === current)) return false;
  const first = typeof content === "string" ? content : content[0]?.["text"];
  return !(typeof first === "string" && first.startsWith(INTERRUPTED));
}

export function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function contentOf(value: unknown): TranscriptEntry["content"] | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  return value.map(recordOf).filter((block) => block !== undefined);
}

/** Undefined for a line that is torn. */
function parse(line: string): Record<string, unknown> | undefined {
  try {
    return recordOf(JSON.parse(line));
  } catch {
    return undefined;
  }
}
