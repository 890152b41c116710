import type { Approval, TurnInfo, TurnOutcome } from "@claudeway/core";
import { NO_SERVICES, type PluginServices } from "#kernel/capabilities.js";
import { temporaryFolder } from "../temporary.js";
import { memoryStore } from "./memory-store.js";

/** Of this process's tests alone: those of another may run beside it. */
export const MARK = `test-${process.pid}`;

/** PluginServices without a gateway: services that a test does not provide throw when used. */
export function fakeOffers(given: Partial<PluginServices>): PluginServices {
  const offers = Object.create(NO_SERVICES, Object.getOwnPropertyDescriptors(given)) as PluginServices;
  if (given.storage === undefined) {
    const folder = temporaryFolder("claudeway-plugin-");
    Object.defineProperty(offers, "storage", { value: () => folder });
  }
  if (given.store === undefined) {
    const store = memoryStore();
    Object.defineProperty(offers, "store", { value: () => store });
  }
  if (given.childMark === undefined) {
    Object.defineProperty(offers, "childMark", {
      value: (name: string) => ({ CLAUDEWAY_PROCESS: `${MARK}.${name}` }),
    });
  }
  return offers;
}

export function turnOf(more: Partial<TurnInfo> = {}): TurnInfo {
  return {
    id: "00000000-0000-4000-8000-000000000001",
    sessionId: "00000000-0000-4000-8000-000000000002",
    kind: "session",
    keyId: "alice",
    createdAt: "2030-01-01T00:00:00.000Z",
    ...more,
  };
}

const TOKENS = { input: 120, output: 45, cache_read: 0, cache_write: 0 };

export function outcomeOf(
  more: Partial<TurnOutcome> = {},
  response: Partial<TurnOutcome["response"]> = {},
): TurnOutcome {
  return {
    end: "completed",
    response: {
      session_id: "00000000-0000-4000-8000-000000000002",
      result: "done",
      success: true,
      duration_ms: 3200,
      tokens: TOKENS,
      cost_usd: 0.0123,
      error: null,
      ...response,
    },
    usage: { tokens: TOKENS, costUsd: 0.0123, estimated: false, byModel: {} },
    durationMs: 3200,
    queuedMs: 0,
    exitCode: 0,
    model: "claude-sonnet-5",
    ...more,
  };
}

export function approvalOf(more: Partial<Approval> = {}): Approval {
  return {
    id: "11111111-1111-4111-8111-111111111111",
    sessionId: "00000000-0000-4000-8000-000000000002",
    turnId: "00000000-0000-4000-8000-000000000001",
    keyId: "alice",
    kind: "tool",
    toolUseId: "toolu_1",
    tool: "Bash",
    input: { command: "rm -rf build && make" },
    workdir: "/tmp/work",
    status: "pending",
    parked: false,
    askedAt: "2030-01-01T00:00:00.000Z",
    expiresAt: "2030-01-02T00:00:00.000Z",
    deciders: undefined,
    decision: undefined,
    ...more,
  };
}
