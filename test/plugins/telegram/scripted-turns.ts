import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  Approval,
  Approvals,
  ContentBlock,
  Decider,
  Decision,
  TurnHandle,
  TurnRunner,
} from "@claudeway/core";
import type { PluginServices } from "#kernel/capabilities.js";
import { outcomeOf } from "../offers.js";

type Response = Awaited<TurnHandle["answer"]>;
type Session = Awaited<ReturnType<TurnRunner["startSession"]>>;

/** The script for a prompt: text that grows piece by piece, then the answer. */
export interface Script {
  readonly pieces?: readonly string[];
  /** Before each piece, in ms. */
  readonly everyMs?: number;
  readonly response?: Partial<Response>;
  /** Tool calls, before the text. */
  readonly calls?: readonly ToolCall[];
}

interface ToolCall {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export class CodedError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Sessions and turns in memory; the test scripts each prompt. */
export class ScriptedTurns {
  script: (prompt: string) => Script = (prompt) => ({ pieces: [`you said: ${prompt}`] });
  /** Every prompt, in the order in which the turns began. */
  readonly ran: { readonly sessionId: string; readonly prompt: string; readonly keyId: string }[] = [];
  /** The content blocks of every prompt that had some. */
  readonly contents: (readonly ContentBlock[])[] = [];
  readonly approved: string[][] = [];
  readonly sessions = new Map<string, Session>();
  /** Files of every session's workdir, by their paths in it. */
  readonly files = new Map<string, string>();
  readonly responses = new Map<string, Response>();
  /** How the ledger answers for a turn. */
  respond = async (id: string) => this.responses.get(id);
  /** What plugins say of the repositories of every key. */
  repos: unknown;
  readonly #running = new Map<string, AbortController>();
  readonly #lanes = new Map<string, Promise<unknown>>();
  readonly #handles = new Map<string, TurnHandle>();
  refuse: Error | undefined;

  readonly runner: TurnRunner = {
    startSession: async (keyId, { model = "sonnet", workdir = "/w" } = {}) => {
      const session = sessionOf(keyId, model, workdir);
      this.sessions.set(session.id, session);
      return session;
    },
    renameSession: () => Promise.reject(new Error("not scripted")),
    forkSession: async () => {
      throw new Error("telegram forks no sessions");
    },
    prompt: async (keyId, sessionId, { prompt, content }) => {
      if (content !== undefined) this.contents.push(content);
      if (this.refuse !== undefined) throw this.refuse;
      if (!this.sessions.has(sessionId)) throw new CodedError("NOT_FOUND", "no such session");
      return this.#start(keyId, sessionId, prompt);
    },
    task: async () => {
      throw new Error("telegram starts no tasks");
    },
    approve: async (keyId, sessionId, ids) => {
      if (this.refuse !== undefined) throw this.refuse;
      this.approved.push([...ids]);
      return this.#start(keyId, sessionId, `approve ${ids.join(" ")}`);
    },
    endBackground: async () => false,
    interrupt: async (_keyId, sessionId) => {
      const running = this.#running.get(sessionId);
      running?.abort();
      return running !== undefined;
    },
    endSession: async (_keyId, sessionId) => {
      if (!this.sessions.delete(sessionId)) throw new CodedError("NOT_FOUND", "no such session");
    },
    follow: (turnId) => this.#handles.get(turnId),
  };

  #start(keyId: string, sessionId: string, prompt: string): TurnHandle {
    const id = randomUUID();
    const stop = new AbortController();
    const before = this.#lanes.get(sessionId);
    let text = "";
    let ended = false;
    let called: readonly ToolCall[] = [];
    const answer = (async (): Promise<Response> => {
      await before;
      this.#running.set(sessionId, stop);
      this.ran.push({ sessionId, prompt, keyId });
      const { pieces = [], everyMs = 0, response, calls = [] } = this.script(prompt);
      called = calls;
      for (const piece of pieces) {
        await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
        if (stop.signal.aborted) break;
        text += piece;
      }
      const how = stop.signal.aborted ? { success: false, error: "the turn was interrupted" } : {};
      ended = true;
      this.#running.delete(sessionId);
      this.#handles.delete(id);
      const { response: whole } = outcomeOf({}, { session_id: sessionId, result: text, ...how, ...response });
      this.responses.set(id, whole);
      return whole;
    })();
    this.#lanes.set(sessionId, answer);
    const handle: TurnHandle = {
      id,
      sessionId,
      async *read() {
        let shown = "";
        let calls = 0;
        for (let frame = 1; !ended; frame++) {
          await sleep(5);
          for (const { name, input } of called.slice(calls)) {
            calls++;
            yield { id: frame, event: "tool_call", data: { id: `toolu_${calls}`, name, input } };
          }
          if (text === shown) continue;
          shown = text;
          yield { id: frame, event: "text", data: text };
        }
        yield { id: 1_000_000, event: "done", data: await answer };
      },
      answer,
      result: () => answer,
      interrupt: () => stop.abort(),
    };
    this.#handles.set(id, handle);
    return handle;
  }
}

function sessionOf(keyId: string, model: string, workdir: string): Session {
  const tokens = { input: 10, output: 5, cache_read: 0, cache_write: 0 };
  return {
    id: randomUUID(),
    keyId,
    kind: "session",
    model,
    systemPrompt: undefined,
    workdir,
    ownsWorkdir: true,
    createdAt: "2030-01-01T00:00:00.000Z",
    lastUsed: "2030-01-01T00:00:00.000Z",
    taskCount: 3,
    totals: { tokens, costUsd: 0.1234, estimated: 0, unpriced: 0 },
    cliTotals: undefined,
  };
}

/** An approval service in memory, with the important rule: the first decision counts. */
export class MemoryApprovals implements Approvals {
  readonly approvals = new Map<string, Approval>();
  decided: (approval: Approval) => void = () => undefined;
  forbid = false;

  async list({ status, sessionId, page, limit }: Parameters<Approvals["list"]>[0]) {
    const all = [...this.approvals.values()].filter(
      (one) =>
        (status === undefined || one.status === status) &&
        (sessionId === undefined || one.sessionId === sessionId),
    );
    return { approvals: all.toReversed(), total: all.length, page, limit };
  }

  async get(id: string) {
    return this.approvals.get(id);
  }

  async decide(id: string, decision: Decision, by: Decider) {
    const approval = this.approvals.get(id);
    if (approval === undefined) throw new CodedError("NOT_FOUND", "no such approval");
    if (this.forbid) throw new CodedError("FORBIDDEN", "this is not for telegram to decide");
    if (approval.status !== "pending") throw new CodedError("CONFLICT", "this was decided before");
    const status = decision.decision === "allow" ? "allowed" : "denied";
    const decided = {
      ...approval,
      status,
      decision: { ...decision, by, at: "2030-01-01T00:00:00.000Z" },
    } as const;
    this.approvals.set(id, decided);
    this.decided(decided);
    return decided;
  }

  async link() {
    return "/approvals/page/x";
  }
}

/** The plugin's services, all in memory. */
export function offersOf(turns: ScriptedTurns, approvalService: MemoryApprovals): Partial<PluginServices> {
  return {
    get turns() {
      return turns.runner;
    },
    get approvals() {
      return approvalService;
    },
    get keys(): PluginServices["keys"] {
      return { describe: async () => ({ repos: turns.repos }) } as unknown as PluginServices["keys"];
    },
    get sessions(): PluginServices["sessions"] {
      return {
        get: async (id: string) => turns.sessions.get(id),
        readFile: async (_id: string, path: string) => {
          const text = turns.files.get(decodeURIComponent(path));
          if (text === undefined) throw new CodedError("NOT_FOUND", "no such file");
          return { content: Buffer.from(text), modifiedAt: "2030-01-01T00:00:00.000Z" };
        },
      } as unknown as PluginServices["sessions"];
    },
    get ledger(): PluginServices["ledger"] {
      const byKey = async () => [{ keyId: "telegram", requests: 7, costUsd: 1.5 }];
      return {
        byKey,
        response: (id: string) => turns.respond(id),
      } as unknown as PluginServices["ledger"];
    },
  };
}
