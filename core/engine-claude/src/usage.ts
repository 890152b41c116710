import type { ModelTotals, TotalsByModel, TurnUsage, UnreportedMessage } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";
import { isCount, MAX_MODELS, MAX_NAME_CHARS } from "./result-check.js";

export const NO_TOTALS: TotalsByModel = Object.freeze({});
const NOTHING: ModelTotals = Object.freeze({ input: 0, output: 0, cacheRead: 0, cacheWrite: 0, costUsd: 0 });
const INPUT_COUNTS = ["input", "cacheRead", "cacheWrite"] as const;
const COUNTS = [...INPUT_COUNTS, "output"] as const;

/** The `usage` of a Messages API response, as far as it was delivered. */
export interface MessageUsage {
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
}

/** Whether every count that it names is one. */
export function isMessageUsage(value: unknown): value is MessageUsage {
  if (typeof value !== "object" || value === null) return false;
  const counts = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
  return counts.every((count) => {
    const found: unknown = Reflect.get(value, count);
    return found === undefined || found === null || isCount(found);
  });
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value.length <= MAX_NAME_CHARS;
}

/** The totals of one model as the CLI writes them. */
export interface ReportedTotals {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadInputTokens: number;
  readonly cacheCreationInputTokens: number;
  readonly costUSD: number;
}

export function totalsAsReported(byModel: Readonly<Record<string, ReportedTotals>>): TotalsByModel {
  const rows = Object.entries(byModel).map(([model, totals]): [string, ModelTotals] => [
    model,
    {
      input: totals.inputTokens,
      output: totals.outputTokens,
      cacheRead: totals.cacheReadInputTokens,
      cacheWrite: totals.cacheCreationInputTokens,
      costUsd: totals.costUSD,
    },
  ]);
  return Object.fromEntries(rows);
}

/**
 * The progress of a message: `open` until the API has sent its final counts (its output is 1 until then), `closed`
 * with them, `whole` for one without a stream (a subagent's; its output stays 1).
 */
export type MessageState = "open" | "closed" | "whole";

interface DeliveredMessage {
  readonly model: string;
  readonly usage: ModelTotals;
  readonly state: MessageState;
  /** True: an error followed, so that the CLI may have left it out of its totals. */
  readonly doubtful: boolean;
  /** True: it is over, and nothing came of it. */
  readonly empty: boolean;
}

/** Messages of one turn; each is added up again with every other. */
const MAX_MESSAGES = 20_000;

/** Adds up the streamed usage of one turn's messages, including subagents' messages. */
export class DeliveredUsage {
  readonly #messages = new Map<string, DeliveredMessage>();
  readonly #models = new Set<string>();

  /**
   * Records the usage of a message; later counts of the same message replace earlier ones. True if something changed. Throws
   * if it is no usage of a message, or one too many.
   */
  note(messageId: string, model: string, usage: MessageUsage, state: MessageState): boolean {
    const before = this.#messages.get(messageId);
    if (!isName(messageId) || !isName(model) || !isMessageUsage(usage))
      throw new Error("the usage of a message is not valid");
    this.#models.add(model);
    if (this.#messages.size >= MAX_MESSAGES || this.#models.size > MAX_MODELS)
      throw new Error(`a turn must have at most ${MAX_MESSAGES} messages of ${MAX_MODELS} models`);
    const known = before?.usage ?? { ...NOTHING, costUsd: null };
    const now = {
      input: usage.input_tokens ?? known.input,
      output: Math.max(usage.output_tokens ?? 0, known.output),
      cacheRead: usage.cache_read_input_tokens ?? known.cacheRead,
      cacheWrite: usage.cache_creation_input_tokens ?? known.cacheWrite,
      costUsd: null,
    };
    const later = state === "whole" ? (before?.state ?? state) : state;
    const { doubtful, empty } = before ?? { doubtful: false, empty: false };
    this.#messages.set(messageId, { model, usage: now, state: later, doubtful, empty });
    return before === undefined || COUNTS.some((count) => now[count] !== known[count]);
  }

  /** The latest `count` messages. */
  latest(count: number): readonly UnreportedMessage[] {
    const latest = [...this.#messages].slice(-count);
    return latest.map(([id, { model, usage }]) => ({ id, model, used: usage }));
  }

  get count(): number {
    return this.#messages.size;
  }

  /** Messages that an earlier gateway received. */
  static of(messages: readonly UnreportedMessage[]): DeliveredUsage {
    const delivered = new DeliveredUsage();
    for (const { id, model, used: usage } of messages)
      delivered.#messages.set(id, { model, usage, state: "whole", doubtful: false, empty: false });
    return delivered;
  }

  has(messageId: string): boolean {
    return this.#messages.has(messageId);
  }

  /** The message was followed by an error of its agent. */
  doubt(messageId: string): void {
    const message = this.#messages.get(messageId);
    if (message !== undefined) this.#messages.set(messageId, { ...message, doubtful: true });
  }

  /** The message is over before anything came of it. */
  leaveEmpty(messageId: string): void {
    const message = this.#messages.get(messageId);
    if (message !== undefined) this.#messages.set(messageId, { ...message, empty: true });
  }

  /** Whether a message broke off before the API had sent its final counts. */
  get cut(): boolean {
    return [...this.#messages.values()].some(({ state }) => state === "open");
  }

  /** Of all messages, or of those alone that did not break off. */
  totals(which: "all" | "uncut" = "all"): TotalsByModel {
    const totals: Record<string, ModelTotals> = {};
    for (const { model, usage, state } of this.#messages.values()) {
      if (which === "all" || state !== "open") totals[model] = combine(totals[model] ?? NOTHING, usage, 1);
    }
    return totals;
  }

  /**
   * The streamed usage that is not in `used`, the report's share for these messages. A message's input is known at its
   * beginning, so the counts show which of the messages that broke off were left out. (The CLI counts some of them.)
   * A message that ended before any content is never counted. The counts alone do not show that where the report
   * includes something hidden, such as a compaction.
   *
   * @param ahead what earlier turns of the process were delivered that no report had counted yet
   * @returns the messages that were left out, and what is ahead of the reports now
   */
  beside(used: TotalsByModel, ahead: TotalsByModel): { unreported: TotalsByModel; ahead: TotalsByModel } {
    const delivered = add(ahead, this.totals());
    let missing = missingFrom(used, delivered);
    let unreported: TotalsByModel = NO_TOTALS;
    for (const { model, usage, state, doubtful, empty } of [...this.#messages.values()].reverse()) {
      const row = missing[model] ?? NOTHING;
      const mayLack = doubtful || state === "open";
      const fits = mayLack && INPUT_COUNTS.every((count) => usage[count] <= row[count]);
      if (!fits && (!empty || isSameInput(used[model], delivered[model]))) continue;
      unreported = add(unreported, { [model]: usage });
      missing = subtract({ ...missing, [model]: lessen(row, usage) }, NO_TOTALS);
    }
    return { unreported, ahead: missing };
  }

  /**
   * The latest messages that a report does not contain yet: subagents were still receiving them.
   *
   * @param counted the report's share for these messages
   */
  uncounted(counted: TotalsByModel): DeliveredUsage {
    const found = new DeliveredUsage();
    let missing = missingFrom(counted, this.totals());
    for (const [id, message] of [...this.#messages].reverse()) {
      const { model, usage } = message;
      const row = missing[model];
      if (row === undefined || INPUT_COUNTS.some((count) => usage[count] > row[count])) continue;
      found.#messages.set(id, message);
      missing = subtract({ ...missing, [model]: lessen(row, usage) }, NO_TOTALS);
    }
    return found;
  }
}

/**
 * What went in, by model, that `used` does not cover. Models that have no namesake in it are held against those that
 * have none here.
 */
function missingFrom(used: TotalsByModel, delivered: TotalsByModel): TotalsByModel {
  const strangers = Object.entries(used).filter(([model]) => delivered[model] === undefined);
  let spare = sumOf(Object.fromEntries(strangers));
  const missing: Record<string, ModelTotals> = {};
  for (const [model, row] of Object.entries(delivered)) {
    const counted = used[model] ?? spare;
    if (used[model] === undefined) spare = lessen(spare, row);
    const rest = lessen(row, counted);
    if (INPUT_COUNTS.some((count) => rest[count] > 0)) missing[model] = { ...rest, output: 0, costUsd: 0 };
  }
  return missing;
}

function isSameInput(a: ModelTotals = NOTHING, b: ModelTotals = NOTHING): boolean {
  return INPUT_COUNTS.every((count) => a[count] === b[count]);
}

/** The difference, never below zero. */
function lessen(row: ModelTotals, by: ModelTotals): ModelTotals {
  const rest = combine(row, by, -1);
  return {
    input: Math.max(0, rest.input),
    output: Math.max(0, rest.output),
    cacheRead: Math.max(0, rest.cacheRead),
    cacheWrite: Math.max(0, rest.cacheWrite),
    costUsd: 0,
  };
}

/** The larger of each count by model, if both cover parts of the same usage. The cost is then unknown. */
export function most(a: TotalsByModel, b: TotalsByModel): TotalsByModel {
  const models = new Set([...Object.keys(a), ...Object.keys(b)]);
  const rows = [...models].map((model): [string, ModelTotals] => {
    const [one, other] = [a[model] ?? NOTHING, b[model] ?? NOTHING];
    return [
      model,
      {
        input: Math.max(one.input, other.input),
        output: Math.max(one.output, other.output),
        cacheRead: Math.max(one.cacheRead, other.cacheRead),
        cacheWrite: Math.max(one.cacheWrite, other.cacheWrite),
        costUsd: null,
      },
    ];
  });
  return Object.fromEntries(rows);
}

export function add(a: TotalsByModel, b: TotalsByModel): TotalsByModel {
  return merge(a, b, 1);
}

export function subtract(from: TotalsByModel, what: TotalsByModel): TotalsByModel {
  const difference = Object.entries(merge(from, what, -1));
  return Object.fromEntries(difference.filter(([, row]) => !isNothing(row)));
}

export function isEmpty(totals: TotalsByModel): boolean {
  return Object.keys(totals).length === 0;
}

export function sumOf(totals: TotalsByModel): ModelTotals {
  return Object.values(totals).reduce((sum, row) => combine(sum, row, 1), NOTHING);
}

/** Whether nothing in it is below zero, but for the noise of floats. */
export function isPossible(used: TotalsByModel): boolean {
  return Object.values(used).every(
    (row) => COUNTS.every((count) => row[count] >= 0) && (row.costUsd ?? 0) > -1e-9,
  );
}

/** Whether every count of `delivered`, over all models, is in `used`: the names of models differ between the two. */
export function covers(used: TotalsByModel, delivered: TotalsByModel): boolean {
  const sum = sumOf(used);
  const seen = sumOf(delivered);
  return COUNTS.every((count) => sum[count] >= seen[count]);
}

/** Whether it covers `delivered` and says the same of what went in; of what came out the stream may know less. */
export function matches(used: TotalsByModel, delivered: TotalsByModel): boolean {
  const sum = sumOf(used);
  const seen = sumOf(delivered);
  const sameInput = sum.input === seen.input && sum.cacheRead === seen.cacheRead;
  return sameInput && sum.cacheWrite === seen.cacheWrite && sum.output >= seen.output;
}

/**
 * Converts the usage of a turn to the gateway's format. A cost of null gets a learned price from the ledger.
 *
 * @param cut true if a message broke off, so that its output is an estimate of the CLI
 */
export function reportedUsage(used: TotalsByModel, cut = false): TurnUsage {
  const sum = sumOf(used);
  const byModel = Object.entries(used).map(([model, row]) => [
    model,
    { tokens: tokensOf(row), costUsd: roundUsd(row.costUsd) },
  ]);
  return {
    tokens: tokensOf(sum),
    costUsd: roundUsd(sum.costUsd),
    estimated: cut || sum.costUsd === null,
    byModel: Object.fromEntries(byModel),
  };
}

/** The usage of a turn without a report: what was streamed, with an unknown price. */
export function estimatedUsage(delivered: TotalsByModel): TurnUsage {
  return { ...reportedUsage(delivered), estimated: true };
}

/** Totals out of a turn's usage, without its price. */
export function totalsOf({ byModel }: TurnUsage): TotalsByModel {
  const rows = Object.entries(byModel).map(([model, { tokens }]) => {
    const { input, output, cache_read: cacheRead, cache_write: cacheWrite } = tokens;
    return [model, { input, output, cacheRead, cacheWrite, costUsd: null }];
  });
  return Object.fromEntries(rows);
}

function merge(a: TotalsByModel, b: TotalsByModel, sign: 1 | -1): TotalsByModel {
  const models = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries(
    [...models].map((model) => [model, combine(a[model] ?? NOTHING, b[model] ?? NOTHING, sign)]),
  );
}

function combine(a: ModelTotals, b: ModelTotals, sign: 1 | -1): ModelTotals {
  return {
    input: a.input + sign * b.input,
    output: a.output + sign * b.output,
    cacheRead: a.cacheRead + sign * b.cacheRead,
    cacheWrite: a.cacheWrite + sign * b.cacheWrite,
    costUsd: a.costUsd === null || b.costUsd === null ? null : a.costUsd + sign * b.costUsd,
  };
}

function isNothing(row: ModelTotals): boolean {
  return COUNTS.every((count) => row[count] === 0) && Math.abs(row.costUsd ?? 0) <= 1e-12;
}

function tokensOf(row: ModelTotals): Tokens {
  return { input: row.input, output: row.output, cache_read: row.cacheRead, cache_write: row.cacheWrite };
}

/** Differences of sums carry float noise; a ten-billionth of a dollar is below any token's price. */
function roundUsd(usd: number | null): number | null {
  return usd === null ? null : Math.max(0, Math.round(usd * 1e10) / 1e10);
}
