import type { DealtUsage } from "@claudeway/plugin-demo/model";
import type { Tokens } from "@claudeway/schemas";
import { priceOf, sumOfDealt, sumOfDelivered } from "../test/e2e/dealt.js";
import { addTokens, LedgerFile, NO_TOKENS } from "../test/e2e/ledger-file.js";
import { type MessagePart, Written } from "../test/e2e/written.js";

/** A prompt that was sent, and what is known of it from outside. */
export interface SentPrompt {
  readonly act: string;
  readonly tag: string;
  readonly session: string;
  readonly sha256: string;
  /** The answer had another text than its own; undefined: it was right, or there was none. */
  wrong?: string;
}

/** What the model dealt for one of its messages, and for which prompt. */
export interface TaggedUsage extends DealtUsage {
  /** Undefined where the CLI asked for itself: to tell of what ran in the background, say. */
  readonly tag: string | undefined;
  /** How the prompt begins that it belongs to. */
  readonly begin: string;
}

/** How a turn's record compares with what the model dealt for it. */
export type Finding =
  /** To the last token and nanodollar. */
  | "exact"
  /** To the last token of what was delivered, and says that it estimates. */
  | "delivered"
  /** The same, with the CLI's own guess at the output of a message that broke off. */
  | "guessed"
  /**
   * Without the message in progress when the turn was cut off, or its end: the CLI has neither reported nor recorded it.
   * Marked as an estimate.
   */
  | "unheard"
  /** It came to no message of the model. */
  | "nothing"
  /** The gateway was down: the prompt never began. */
  | "not begun"
  | "wrong";

export type ChaosTable = Readonly<Record<string, Readonly<Partial<Record<Finding, number>>>>>;

/** A turn as it is recorded. */
interface Filed {
  readonly tokens: Tokens;
  readonly costUsd: number;
  readonly estimated: boolean;
  readonly end: string | null;
  /** How many turns were ended in the middle: by a kill, an interrupt, a timeout. */
  readonly cutOff: number;
}

/** What a run leaves behind. */
interface Found {
  readonly dataDir: string;
  /** `CLAUDE_CONFIG_DIR` */
  readonly claudeDir: string;
  /** The messages that a CLI has told of. */
  readonly said: ReadonlyMap<string, MessagePart>;
}

/** How much of a message a gateway can know, of a turn that ended so. */
type Known = (messageId: string, end: string) => MessagePart | undefined;

const COUNTS = ["input", "output", "cache_read", "cache_write"] as const;

/** More than the CLI guesses of a message that broke off: a third of its characters. */
const GUESS = 100;
const CUT_OFF: ReadonlySet<string> = new Set(["interrupted", "timeout"]);
const BACKGROUND = "what ran in the background";

/** Holds each turn against its tag, and what the CLI began by itself against the session. */
export async function compare(
  sent: readonly SentPrompt[],
  dealt: readonly TaggedUsage[],
  { dataDir, claudeDir, said }: Found,
): Promise<{ readonly table: ChaosTable; readonly wrong: readonly string[] }> {
  const filed = await readTurns(dataDir);
  const written = new Written(claudeDir);
  const known: Known = (id, end) => {
    const parts = [written.part(id)];
    // A gateway that was killed had not read all that its CLIs had said.
    if (end !== "lost") parts.push(said.get(id));
    return parts.find((part) => part === "ended") ?? parts.find((part) => part !== undefined);
  };
  const byTag = grouped(dealt, ({ tag }) => tag);
  const table: Record<string, Partial<Record<Finding, number>>> = {};
  const wrong: string[] = [];
  const note = (row: string, finding: Finding, line: string) => {
    const counts = table[row] ?? {};
    table[row] = counts;
    counts[finding] = (counts[finding] ?? 0) + 1;
    if (finding === "wrong") wrong.push(`${row}: ${line}`);
  };
  for (const prompt of sent) {
    const own = byTag.get(prompt.tag) ?? [];
    const turns = filed.get(`${prompt.session} ${prompt.sha256}`) ?? [];
    const finding =
      prompt.wrong === undefined && turns.length < 2 ? findingOf(turns[0], own, known) : "wrong";
    const line = `${prompt.session} ${prompt.tag}: ${prompt.wrong ?? ""} ${describe(turns, own)}`;
    note(prompt.act, finding, line);
  }
  for (const session of new Set(sent.map(({ session }) => session))) {
    const turns = filed.get(`${session} background`) ?? [];
    const own = dealt.filter((usage) => usage.tag === undefined && usage.sessionId === session);
    if (turns.length > 0 || own.length > 0)
      note(BACKGROUND, findingOf(sumUp(turns), own, known), `${session}: ${describe(turns, own)}`);
    const all = [...filed].flatMap(([key, some]) => (key.startsWith(`${session} `) ? some : []));
    if (!atLeast(sumUp(all).tokens, written.savedBy(session)))
      wrong.push(`${session}: less than the CLI saved, ${JSON.stringify(written.savedBy(session))}`);
  }
  return { table, wrong };
}

function findingOf(turn: Filed | undefined, dealt: readonly TaggedUsage[], known: Known): Finding {
  const delivered = sumOfDelivered(dealt);
  if (turn === undefined) return total(delivered) === 0 ? "not begun" : "wrong";
  const { tokens, estimated, end } = turn;
  if (end === null) return "wrong";
  if (total(tokens) === 0 && total(sumOfDealt(dealt)) === 0) return "nothing";
  if (equal(tokens, sumOfDealt(dealt)) && (estimated || near(turn.costUsd, priceOf(tokens)))) return "exact";
  if (!estimated) return "wrong";
  if (equal(tokens, delivered)) return "delivered";
  const broken = dealt.filter(({ end: how }) => how !== "finished").length;
  const more = tokens.output - delivered.output;
  if (equal({ ...tokens, output: 0 }, { ...delivered, output: 0 }) && more > 0 && more <= GUESS * broken) {
    return "guessed";
  }
  const messages = dealt.map((message) => ({ message, part: known(message.id, end) }));
  return turn.cutOff > 0 && isSumOf(tokens, messages, turn.cutOff) ? "unheard" : "wrong";
}

interface KnownMessage {
  readonly message: TaggedUsage;
  readonly part: MessagePart | undefined;
}

/**
 * Whether these tokens are the sum of the messages, of which at most `most` are missing: wholly where they are not known,
 * or with the output that their end reported.
 */
function isSumOf(tokens: Tokens, [first, ...others]: readonly KnownMessage[], most: number): boolean {
  if (first === undefined) return equal(tokens, NO_TOKENS);
  const { message, part } = first;
  const delivered = sumOfDelivered([message]);
  const fits = (some: Tokens, left: number) =>
    atLeast(tokens, some) && isSumOf(subtract(tokens, some), others, left);
  if (fits(delivered, most)) return true;
  if (most === 0 || part === "ended") return false;
  const guess = message.end === "finished" ? 0 : GUESS;
  const begun = Array.from({ length: Math.max(delivered.output, 1) + guess }, (_, i) => ({
    ...delivered,
    output: i + 1,
  }));
  return [...(part === undefined ? [NO_TOKENS] : []), ...begun].some((some) => fits(some, most - 1));
}

async function readTurns(dataDir: string): Promise<Map<string, Filed[]>> {
  const ledger = new LedgerFile(dataDir);
  const rows = await ledger.query(
    "SELECT t.*, s.id AS session, lower(hex(t.prompt_sha256)) AS sha256 FROM turns t JOIN sessions s ON s.seq = t.session_seq",
  );
  const turns = rows.map((row): [string, Filed] => [
    `${row["session"]} ${row["origin"] === "background" ? "background" : row["sha256"]}`,
    {
      tokens: {
        input: Number(row["input"]),
        output: Number(row["output"]),
        cache_read: Number(row["cache_read"]),
        cache_write: Number(row["cache_write"]),
      },
      costUsd: Number(row["cost_nano"]) / 1e9,
      estimated: row["estimated"] === 1,
      end: row["end"] === null ? null : String(row["end"]),
      cutOff: row["exit_code"] !== 0 || CUT_OFF.has(String(row["end"])) ? 1 : 0,
    },
  ]);
  const byKey = grouped(turns, ([key]) => key);
  return new Map([...byKey].map(([key, group]) => [key, group.map(([, turn]) => turn)]));
}

function grouped<Key, Value>(values: readonly Value[], keyOf: (value: Value) => Key): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}

/** Several turns as one. */
function sumUp(turns: readonly Filed[]): Filed {
  return {
    tokens: turns.reduce((sum, { tokens }) => addTokens(sum, tokens), NO_TOKENS),
    costUsd: turns.reduce((sum, { costUsd }) => sum + costUsd, 0),
    estimated: turns.some(({ estimated }) => estimated),
    end: turns.some(({ end }) => end === null)
      ? null
      : (turns.find(({ end }) => end === "lost")?.end ?? "completed"),
    cutOff: turns.reduce((sum, { cutOff }) => sum + cutOff, 0),
  };
}

function describe(turns: readonly Filed[], dealt: readonly TaggedUsage[]): string {
  const messages = dealt.map(
    ({ seq, kind, end, delivered, tag, begin }) =>
      `${seq} ${kind} ${end} ${JSON.stringify(delivered)}${tag === undefined ? ` ${begin}` : ""}`,
  );
  return `recorded ${JSON.stringify(turns)}, the model: ${messages.join("; ")}`;
}

function subtract(a: Tokens, b: Tokens): Tokens {
  return {
    input: a.input - b.input,
    output: a.output - b.output,
    cache_read: a.cache_read - b.cache_read,
    cache_write: a.cache_write - b.cache_write,
  };
}

function total({ input, output, cache_read, cache_write }: Tokens): number {
  return input + output + cache_read + cache_write;
}

function equal(a: Tokens, b: Tokens): boolean {
  return atLeast(a, b) && atLeast(b, a);
}

function atLeast(a: Tokens, b: Tokens): boolean {
  return COUNTS.every((count) => a[count] >= b[count]);
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) < 1e-9;
}
