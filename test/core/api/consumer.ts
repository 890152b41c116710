/*
 * Plugins as they were written when apiVersion 1 became final. This file does not change as long as the version does: it
 * compiles against the declarations that core publishes, whatever is added to them. Lines that must not compile say so.
 */
import {
  type Approval,
  type ApprovalDesk,
  type Caller,
  type CompletedRequest,
  type Decider,
  type Decision,
  definePlugin,
  type GatewayControl,
  type LedgerView,
  type ListenAddress,
  type Plugin,
  type PluginScope,
  type PluginStatus,
  Refusal,
  type RequestInfo,
  type Scope,
  type SessionInfo,
  type SessionsView,
  type SpawnPlan,
  type ToolCall,
  type TurnEvent,
  type TurnHandle,
  type TurnInfo,
  type TurnOutcome,
  type TurnPlan,
  type TurnResponse,
  type TurnRunner,
  type Verdict,
} from "@claudeway/core";
import Router from "@koa/router";

/** True where the two types are one and the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_ extends true>(): void {}

interface Config {
  readonly word: string;
}

export const taps: Plugin<Config> = definePlugin<Config>({
  name: "taps",
  apiVersion: 1,
  configSchema: { type: "object" },
  exclusive: true,
  async apply(kernel, config) {
    const { hooks } = kernel;
    hooks.request.tap("a", (request: RequestInfo): Refusal | undefined =>
      request.headers["x-word"] === config.word
        ? undefined
        : new Refusal(429, "slow down", { retryAfterSecs: 7 }),
    );
    hooks.request.tapPromise("b", async () => undefined);
    hooks.beforeExecute.tap("a", (plan: TurnPlan, turn: TurnInfo): TurnPlan => {
      if (turn.kind === "task") throw new Refusal(403, "no tasks");
      return { ...plan, prompt: `${plan.prompt}!`, model: "opus", systemPrompt: undefined, maxBudgetUsd: 1 };
    });
    hooks.beforeExecute.tapPromise("b", async (plan) => ({ ...plan, timeoutMs: 1000, verbatim: true }));
    hooks.spawn.tap("a", (plan: SpawnPlan) => ({
      ...plan,
      command: "sudo",
      args: ["-u", "claude", plan.command],
      env: { ...plan.env, A: "b" },
      options: { ...plan.options, maxTurns: 3, allowedTools: ["Read"] },
    }));
    hooks.approve.tap("a", (call: ToolCall, turn: TurnInfo): Verdict | undefined => {
      if (call.tool === "Read") return { verdict: "allow" };
      if (turn.keyId === "bob") return { verdict: "deny", message: "not you" };
      return { verdict: "ask", liveWaitSecs: 1, expiresSecs: 2, maxHoldSecs: 3, deciders: ["key"] };
    });
    hooks.approvalRequested.tap("a", (approval: Approval) => void approval.id);
    hooks.approvalDecided.tapPromise("a", async ({ decision }) => void decision?.by.channel);
    hooks.event.tap("a", (event: TurnEvent, turn) => {
      if (event.type === "text") kernel.log.info({ turn: turn.id }, event.delta);
      if (event.type === "done") holds<Same<typeof event.response, TurnResponse>>();
    });
    hooks.afterExecute.tap("a", (turn: TurnInfo, outcome: TurnOutcome) => {
      kernel.log.info(`${turn.id} ${outcome.end} ${outcome.response.cost_usd} ${outcome.usage.tokens.input}`);
    });
    hooks.requestCompleted.tap("a", (request: CompletedRequest) => void request.durationMs);
    hooks.listening.tap("a", (address: ListenAddress) => void address.url);
    hooks.publicUrl.tap("a", (url: string | undefined) => void url);
    hooks.sessionStart.tap("a", (session: SessionInfo) => void session.workdir);
    hooks.sessionEnd.tap("a", (session: SessionInfo) => void session.keyId);
    hooks.closing.tapPromise("a", async () => {});
    // @ts-expect-error a hook is not called by a plugin
    hooks.event.call;
    // @ts-expect-error nor intercepted
    hooks.event.intercept;
    // @ts-expect-error unknown hook
    hooks.nothing;
    // @ts-expect-error a waterfall takes a whole plan
    hooks.beforeExecute.tap("c", () => ({ prompt: "only" }));
    // @ts-expect-error null is not an answer
    hooks.request.tap("c", () => null);
    // @ts-expect-error unknown verdict
    hooks.approve.tap("c", () => ({ verdict: "maybe" }));
    // @ts-expect-error a deny has a message, the model reads it
    hooks.approve.tap("c", () => ({ verdict: "deny" }));
    hooks.beforeExecute.tap("c", (plan) => {
      // @ts-expect-error a plan is not changed in place
      plan.prompt = "";
    });
  },
});

export const scope = definePlugin<object>({
  name: "scope",
  apiVersion: 1,
  configSchema: { type: "object" },
  apply(kernel) {
    const router = new Router();
    kernel.mount("/a", router);
    kernel.mount("/b", router, { auth: "none", openapi: { "/": { get: {} } } });
    // @ts-expect-error a prefix begins with a slash
    kernel.mount("c", router);
    // @ts-expect-error unknown kind of authentication
    kernel.mount("/d", router, { auth: "nobody" });
    kernel.onDispose(() => {});
    kernel.onDispose(async () => {});
    const takeBack: () => void = kernel.notice("a line");
    takeBack();
    kernel.signal.addEventListener("abort", () => {});
    holds<Same<typeof kernel.storage, string>>();
    holds<Same<typeof kernel.name, string>>();
    holds<Same<typeof kernel.sessions, SessionsView>>();
    holds<Same<typeof kernel.ledger, LedgerView>>();
    // @ts-expect-error what is not asked for is not there
    kernel.turns;
    // @ts-expect-error
    kernel.approvals;
    // @ts-expect-error
    kernel.control;
  },
});

export const needs = definePlugin<object, "turns" | "approvals" | "control">({
  name: "needs",
  apiVersion: 1,
  configSchema: { type: "object" },
  needs: ["turns", "approvals", "control"],
  async apply(kernel) {
    const { turns, approvals, control, sessions, ledger } = kernel;
    holds<Same<typeof turns, TurnRunner>>();
    holds<Same<typeof approvals, ApprovalDesk>>();
    holds<Same<typeof control, GatewayControl>>();
    const session = await turns.startSession("bob", {
      model: "opus",
      systemPrompt: "Be brief.",
      workdir: "/srv",
    });
    const handle: TurnHandle = await turns.prompt("bob", session.id, {
      prompt: "hello",
      timeoutSecs: 10,
      verbatim: true,
      withdrawPending: true,
    });
    for await (const frame of handle.read({ mode: "delta", after: 0 }))
      if (frame !== null) frame.event satisfies string;
    const { success, result }: TurnResponse = await handle.answer;
    if (success) kernel.log.info(result);
    handle.interrupt();
    await turns.approve("bob", session.id, ["toolu_1"]);
    (await turns.interrupt("bob", session.id)) satisfies boolean;
    turns.follow(handle.id)?.id;
    await turns.endSession("bob", session.id);

    const page = await approvals.list({ status: "pending", keyId: "bob", page: 1, limit: 10 });
    const decision: Decision = { decision: "allow", scope: "session", updatedInput: {} };
    const decider: Decider = { channel: "needs", who: "Bob", from: "here" };
    for (const { id } of page.approvals) await approvals.decide(id, decision, decider);
    (await approvals.link("id")) satisfies string;
    (await approvals.get("id"))?.status;

    const status: readonly PluginStatus[] = control.plugins();
    for (const { name, state } of status) if (state === "off") await control.enable(name);
    await control.disable("other");
    (await control.available()) satisfies readonly string[];
    (await control.reload()).failed satisfies readonly string[];
    const caller: Caller | undefined = control.authenticate("secret");
    if (caller?.admin === true) control.announcePublicUrl("https://example.org");
    control.publicUrl() satisfies string | undefined;
    control.load().running satisfies number;
    control.openapi();
    control.keys()[0]?.secretLength satisfies number | undefined;
    [control.version, control.logDir, control.paths.dataDir] satisfies string[];

    (await sessions.get("id"))?.keyId;
    (await sessions.list({ keyId: "bob", page: 1, limit: 10 })).total satisfies number;
    (await sessions.turns("id", { page: 1, limit: 10 })).turns;
    (await sessions.byModel("id"))[0];
    (await sessions.models()) satisfies readonly string[];
    await ledger.overview();
    await ledger.byKey();
    await ledger.costs("daily", 30);
    await ledger.turn("id");
    await ledger.running();
    (await ledger.response("id"))?.result satisfies string | undefined;
  },
});

export const wrongNeeds = definePlugin<object, "turns">({
  name: "wrong",
  apiVersion: 1,
  configSchema: { type: "object" },
  // @ts-expect-error what is named here has to be what the type says
  needs: ["control"],
  apply() {},
});

export const wrongVersion = definePlugin<object>({
  name: "wrong",
  // @ts-expect-error no other version exists
  apiVersion: 2,
  configSchema: { type: "object" },
  apply() {},
});

/** A part of a plugin that needs less than the whole scope. */
export function part(kernel: PluginScope, turns: Scope<"turns">["turns"]): void {
  kernel.hooks.sessionStart.tapPromise("a", async ({ id }) => void turns.follow(id));
}
