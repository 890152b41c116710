import type {
  EngineListener,
  EngineResult,
  EngineTurn,
  Failure,
  SessionTotals,
  SpawnPlan,
  TurnUsage,
  WorkEvent,
} from "@claudeway/ports";
import { AccountLimits } from "@claudeway/scheduling";
import type { TurnContext } from "./request.js";
import { addUsage, NO_USAGE } from "./usage.js";

export interface FailoverParts {
  readonly context: Pick<TurnContext, "accounts" | "engine" | "log">;
  /** The plan of the CLI with this account, as plugins change it. */
  readonly spawn: (account: ReturnType<AccountLimits["choose"]>) => Promise<SpawnPlan>;
  readonly listener: EngineListener;
  readonly stop: AbortSignal;
  /** The session's totals as the turn has changed them. */
  readonly totals: () => SessionTotals | undefined;
  readonly report: (event: WorkEvent) => void;
  /** The turn runs with this account. */
  readonly uses: (account: string) => void;
}

/** Runs a turn on the engine. If its account reaches a limit, the turn goes on with the next account of its key. */
export async function runWithFailover(turn: EngineTurn, parts: FailoverParts): Promise<EngineResult> {
  const { context, stop, listener } = parts;
  const tried: string[] = [];
  let current = turn;
  let all = await context.engine.run(current, listener, stop);
  let latest = all;
  for (;;) {
    const { account } = current.spawn;
    if (account === undefined) return all;
    parts.uses(account);
    const { end, failure } = latest;
    if (end !== "failed" || !AccountLimits.isLimit(failure)) return all;
    context.accounts.note(turn.info.keyId, account, failure);
    tried.push(account);
    const totals = parts.totals();
    const next = context.accounts.choose(turn.info.keyId, tried);
    // Without totals the CLI has ended without a report: there is nothing that another process could continue.
    if (next === undefined || totals === undefined || stop.aborted) return all;
    // Where no other CLI can run, the turn ends with the limit, and with what it has used.
    const refused = (err: unknown) => {
      context.log.warn({ err, turn_id: turn.info.id }, "the turn can't go on with the next account");
      return undefined;
    };
    const spawn = await parts.spawn(next).catch(refused);
    if (spawn?.account === undefined || tried.includes(spawn.account)) return all;
    reportSwitch(parts, current, spawn.account, failure);
    current = continued(current, spawn, totals, all);
    const before = usageOf(all);
    const result = await context.engine.run(current, after(before, listener), stop).catch(refused);
    if (result === undefined) return all;
    latest = result;
    all = joined(all, latest);
  }
}

function reportSwitch({ context, report }: FailoverParts, turn: EngineTurn, next: string, failure: Failure) {
  const { account = "" } = turn.spawn;
  const { code, limit = null, resetsAt = null } = failure;
  const { id: turn_id } = turn.info;
  context.log.warn(
    { turn_id, account, next_account: next, code },
    "an account could not answer; the turn goes on with the next account",
  );
  const data = { status: "rejected", limit, resets_at: resetsAt, utilization: null } as const;
  report({ type: "limit", data: { ...data, account, next_account: next } });
}

/** The conversation has the prompt: the CLI is asked to go on, see decision 13. */
function continued(
  turn: EngineTurn,
  spawn: SpawnPlan,
  totals: SessionTotals,
  { ran }: EngineResult,
): EngineTurn {
  return {
    ...turn,
    spawn: { ...spawn, cwd: turn.spawn.cwd },
    resume: true,
    restart: false,
    totals,
    granted: turn.granted.filter(({ toolUseId }) => !ran.includes(toolUseId)),
    parkedCall: undefined,
    promptSent: true,
    unresolved: [],
  };
}

/** Receives the progress of a turn that has used something before. */
function after(before: TurnUsage, listener: EngineListener): EngineListener {
  return { ...listener, usage: (usage) => listener.usage(addUsage(before, usage)) };
}

function usageOf({ usage, unreported = NO_USAGE }: EngineResult): TurnUsage {
  return addUsage(usage, unreported);
}

/** The result of a turn that ran on two accounts. */
function joined(before: EngineResult, last: EngineResult): EngineResult {
  const { toolCalls = {}, unreported = NO_USAGE } = before;
  const calls = Object.entries(last.toolCalls ?? {}).map(([tool, n]) => [tool, n + (toolCalls[tool] ?? 0)]);
  return {
    ...last,
    usage: addUsage(before.usage, last.usage),
    unreported: addUsage(unreported, last.unreported ?? NO_USAGE),
    denials: [...before.denials, ...last.denials],
    ran: [...before.ran, ...last.ran],
    lost: [...(before.lost ?? []), ...(last.lost ?? [])],
    toolCalls: { ...toolCalls, ...Object.fromEntries(calls) },
    firstTokenMs: before.firstTokenMs ?? last.firstTokenMs,
    ...(before.process !== undefined && { process: before.process }),
  };
}
