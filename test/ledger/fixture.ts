import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Approval, NewSession, NewTurn, ParkedTurn, TurnOutcome, TurnUsage } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";

export const NOON = "2026-03-12T12:00:00.000Z";
export const HASH = "ab".repeat(32);

const made: string[] = [];

/** A new folder, removed by `removeFolders`. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-ledger-"));
  made.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export function newSession(values: Partial<NewSession> = {}): NewSession {
  return {
    id: randomUUID(),
    keyId: "ci",
    kind: "session",
    model: "sonnet",
    systemPrompt: undefined,
    workdir: "/tmp/claude-tasks/one",
    ownsWorkdir: true,
    createdAt: NOON,
    ...values,
  };
}

export function newTurn(
  session: Pick<NewSession, "id" | "keyId" | "kind">,
  values: Partial<NewTurn> = {},
): NewTurn {
  return {
    id: randomUUID(),
    sessionId: session.id,
    kind: session.kind,
    keyId: session.keyId,
    createdAt: NOON,
    route: "POST /session/:id",
    model: "sonnet",
    prompt: { bytes: 11, sha256: HASH },
    ...values,
  };
}

/** A request for a decision on a call of the turn. */
export function newApproval(
  turn: Pick<NewTurn, "id" | "sessionId" | "keyId">,
  values: Partial<Approval> = {},
): Approval {
  return {
    id: randomUUID(),
    sessionId: turn.sessionId,
    turnId: turn.id,
    keyId: turn.keyId,
    kind: "tool",
    toolUseId: `toolu_${randomUUID()}`,
    tool: "Write",
    input: { file_path: "a" },
    workdir: "/work",
    status: "pending",
    parked: false,
    askedAt: NOON,
    expiresAt: "2026-03-13T12:00:00.000Z",
    deciders: undefined,
    decision: undefined,
    ...values,
  };
}

/** What is stored of a turn that waits for the decision on this request. */
export function parkedFor({ id: approvalId, toolUseId }: Approval): ParkedTurn {
  return { ...KEPT, approvalId, toolUseId };
}

/** What is stored of a turn that waits for a usage limit. */
export function parkedForLimit(): ParkedTurn {
  return { ...KEPT, limit: { resetsAt: NOON, since: NOON, account: "a", times: 1 } };
}

const KEPT = {
  plan: {
    model: "sonnet",
    systemPrompt: undefined,
    workdir: "/work",
    timeoutMs: 1000,
    verbatim: false,
    maxBudgetUsd: undefined,
  },
  response: {
    session_id: "s",
    result: "",
    success: false,
    duration_ms: 1,
    tokens: tokens(),
    cost_usd: 0,
    error: "waits",
  },
  stream: { text: "", lastId: 2 },
  ranMs: 1,
  queuedMs: 0,
};

export function tokens(input = 0, output = 0, cacheRead = 0, cacheWrite = 0): Tokens {
  return { input, output, cache_read: cacheRead, cache_write: cacheWrite };
}

/** The usage of a turn with one model. */
export function usageOf(model: string, used: Tokens, costUsd: number | null, estimated = false): TurnUsage {
  return { tokens: used, costUsd, estimated, byModel: { [model]: { tokens: used, costUsd } } };
}

export function outcome(turn: NewTurn, usage: TurnUsage, values: Partial<TurnOutcome> = {}): TurnOutcome {
  return {
    end: "completed",
    response: {
      session_id: turn.sessionId,
      result: "done",
      success: true,
      duration_ms: 1200,
      tokens: usage.tokens,
      cost_usd: usage.costUsd,
      error: null,
    },
    usage,
    durationMs: 1200,
    queuedMs: 7,
    exitCode: 0,
    model: Object.keys(usage.byModel)[0] ?? turn.model,
    ...values,
  };
}

/** Numbers in [0, 1) that a seed decides (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What a promise rejects with; fails the test where it doesn't. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Error)) throw new Error("it did not reject with an Error");
  return outcome;
}

/** Runs something as a user whom file modes stop: as root, they stop nobody. */
export async function withoutRights(work: () => Promise<void>): Promise<void> {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65534);
  try {
    await work();
  } finally {
    if (root) process.seteuid?.(0);
  }
}
