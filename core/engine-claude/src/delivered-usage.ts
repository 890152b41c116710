import type { ModelTotals, TotalsByModel, UnreportedMessage } from "@claudeway/ports";
import { isCount, isName, MAX_MESSAGES, MAX_MODELS } from "./result-check.js";
import { add, COUNTS, combine, INPUT_COUNTS, isNothing, lessen, NOTHING, sumOf } from "./totals.js";

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

/** Adds up the streamed usage of one turn's messages, including subagents' messages. */
export class DeliveredUsage {
  readonly #messages = new Map<string, DeliveredMessage>();
  /** The ids of the messages, in their order. */
  readonly #ids: string[] = [];
  /** The sums of each model's messages: adding all of them up for each count that arrives would take too long. */
  readonly #sums = new Map<string, { readonly messages: number; readonly totals: ModelTotals }>();

  /**
   * Records the usage of a message; later counts of the same message replace earlier ones. True if something changed. Throws
   * if it is no usage of a message, or one too many.
   */
  note(messageId: string, model: string, usage: MessageUsage, state: MessageState): boolean {
    const before = this.#messages.get(messageId);
    if (!isName(messageId) || !isName(model) || !isMessageUsage(usage))
      throw new Error("the usage of a message is not valid");
    const isOneTooMany = !this.#sums.has(model) && this.#sums.size >= MAX_MODELS;
    if (this.#messages.size >= MAX_MESSAGES || isOneTooMany)
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
    this.#set(messageId, { model, usage: now, state: later, doubtful, empty });
    return before === undefined || COUNTS.some((count) => now[count] !== known[count]);
  }

  /** The latest `count` messages. */
  latest(count: number): readonly UnreportedMessage[] {
    return this.#ids.slice(-count).flatMap((id) => {
      const message = this.#messages.get(id);
      return message === undefined ? [] : [{ id, model: message.model, used: message.usage }];
    });
  }

  get count(): number {
    return this.#messages.size;
  }

  /** Messages that an earlier gateway received. */
  static of(messages: readonly UnreportedMessage[]): DeliveredUsage {
    const delivered = new DeliveredUsage();
    for (const { id, model, used: usage } of messages)
      delivered.#set(id, { model, usage, state: "whole", doubtful: false, empty: false });
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
    if (which === "uncut" && this.cut) return this.#uncut().totals();
    return Object.fromEntries([...this.#sums].map(([model, { totals }]) => [model, totals]));
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
    const missing = new Map(Object.entries(missingFrom(used, delivered)));
    const unreported = new Map<string, ModelTotals>();
    for (const { model, usage, state, doubtful, empty } of [...this.#messages.values()].reverse()) {
      const row = missing.get(model) ?? NOTHING;
      const mayLack = doubtful || state === "open";
      const fits = mayLack && INPUT_COUNTS.every((count) => usage[count] <= row[count]);
      if (!fits && (!empty || isSameInput(used[model], delivered[model]))) continue;
      unreported.set(model, combine(unreported.get(model) ?? NOTHING, usage, 1));
      setRest(missing, model, lessen(row, usage));
    }
    return { unreported: Object.fromEntries(unreported), ahead: Object.fromEntries(missing) };
  }

  /**
   * The latest messages that a report does not contain yet: subagents were still receiving them.
   *
   * @param counted the report's share for these messages
   */
  uncounted(counted: TotalsByModel): DeliveredUsage {
    const found = new DeliveredUsage();
    const missing = new Map(Object.entries(missingFrom(counted, this.totals())));
    for (const [id, message] of [...this.#messages].reverse()) {
      const { model, usage } = message;
      const row = missing.get(model);
      if (row === undefined || INPUT_COUNTS.some((count) => usage[count] > row[count])) continue;
      found.#set(id, message);
      setRest(missing, model, lessen(row, usage));
    }
    return found;
  }

  #set(id: string, message: DeliveredMessage): void {
    const before = this.#messages.get(id);
    this.#messages.set(id, message);
    // First, so that the models keep their order.
    this.#count(message, 1);
    if (before === undefined) this.#ids.push(id);
    else this.#count(before, -1);
  }

  #count({ model, usage }: DeliveredMessage, sign: 1 | -1): void {
    const { messages, totals } = this.#sums.get(model) ?? { messages: 0, totals: NOTHING };
    if (messages + sign === 0) this.#sums.delete(model);
    else this.#sums.set(model, { messages: messages + sign, totals: combine(totals, usage, sign) });
  }

  #uncut(): DeliveredUsage {
    const found = new DeliveredUsage();
    for (const [id, message] of this.#messages) if (message.state !== "open") found.#set(id, message);
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

function setRest(missing: Map<string, ModelTotals>, model: string, rest: ModelTotals): void {
  if (isNothing(rest)) missing.delete(model);
  else missing.set(model, rest);
}

function isSameInput(a: ModelTotals = NOTHING, b: ModelTotals = NOTHING): boolean {
  return INPUT_COUNTS.every((count) => a[count] === b[count]);
}
