import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Approvals,
  type Capabilities,
  checkHistory,
  fieldsOf,
  type KeyDescription,
  openPluginStore,
  openQuota,
  type PluginServices,
  type PluginTaskRequest,
  type RequestFields,
  type TurnHandle,
  type TurnRunner,
} from "@claudeway/kernel";
import type { BudgetWarning, Caller, Ledger, PassingOn, SessionOrder, Singletons } from "@claudeway/ports";
import { readFileContent } from "@claudeway/workdirs";
import { ledgerLines } from "./ledger-lines.js";
import { markedEnvironment } from "./marker.js";
import type { Services } from "./services.js";
import type { Turn } from "./turns/turn.js";

/** The heartbeat interval of a silent stream. Plugins have no proxy to keep open, but a reader requires a number. */
const HEARTBEAT_MS = 15_000;
const DEFAULT_TIMEOUT_SECS = 600;
/** The route of tasks that plugins start, in the ledger. */
const PLUGIN_TASK = "plugin task";
/** How often what plugins watch in the store is looked at, where other gateways write to it, in ms. */
const WATCH_MS = 1000;

export interface PluginServicesParts
  extends Pick<Capabilities, "control" | "approvals">,
    Pick<Services, "sessions" | "history" | "keyLimits" | "tasks" | "files" | "turns" | "localWork"> {
  readonly ledger: Ledger;
  /** In a cluster: what reaches sessions of other nodes. */
  readonly passing?: PassingOn | undefined;
  readonly fields: RequestFields;
  readonly dataDir: string;
  /** Tells plugins that a share of a budget is used up. */
  readonly warn: (warning: BudgetWarning) => void;
  /** Lets plugins say what they know of a key. */
  readonly describeKey: (known: KeyDescription, keyId: string) => Promise<KeyDescription>;
  /** The prefix of the mark of every child process. */
  readonly marker: string;
  /** Whether other gateways work on the ledger. */
  readonly shared: boolean;
  readonly singletons: Singletons;
  /** Removes secrets from JSON. */
  readonly redact: (json: string) => string;
}

/** Creates the gateway's services for plugins. */
export function createPluginServices(parts: PluginServicesParts): PluginServices {
  const { ledger, history, control, approvals, keyLimits, dataDir, marker, shared, singletons } = parts;
  const watchMs = shared ? WATCH_MS : undefined;
  return {
    shared,
    singletons,
    approvals: approvalsOf(approvals),
    control,
    keys: {
      list: () => control.keys(),
      of: (keyId) => keyLimits.of(keyId),
      describe: (keyId, known) => parts.describeKey(known, keyId),
      limit: (limitsOf) => keyLimits.add(limitsOf),
    },
    turns: createTurnRunner(parts),
    sessions: {
      get: (id) => ledger.sessions.get(id),
      list: (query) => ledger.sessions.list(query),
      turns: (sessionId, query) => ledger.turns.listBySession(sessionId, query),
      prompts: async (sessionId, turnIds) => {
        const session = await ledger.sessions.get(sessionId);
        return session === undefined ? new Map() : history.prompts(session, turnIds);
      },
      messages: async (sessionId, query) => {
        const session = await ledger.sessions.get(sessionId);
        return session && history.messages(session, query);
      },
      readFile: async (sessionId, path, options) => {
        const session = await ledger.sessions.get(sessionId);
        return session && readFileContent(parts.files, session, path, options);
      },
      background: async (sessionId) => {
        const found = await ledger.sessions.get(sessionId);
        if (found?.kind !== "session") return [];
        return (await parts.sessions.view(asCaller(found.keyId), sessionId)).background ?? [];
      },
      terminal: async (sessionId) => {
        const found = await ledger.sessions.get(sessionId);
        if (found === undefined) return undefined;
        const { session, spawn } = await history.refOf(found);
        return { session, workdir: spawn.cwd, configDir: spawn.env["CLAUDE_CONFIG_DIR"] };
      },
      node: async (sessionId) => parts.passing?.nodeOf(sessionId),
      byModel: (sessionId) => ledger.sessions.byModel(sessionId),
      models: () => ledger.sessions.models(),
    },
    ledger: {
      overview: () => ledger.totals.overview(),
      byKey: () => ledger.totals.byKey(),
      costs: (groupBy, limit) => ledger.totals.costs(groupBy, limit),
      turns: (query) => ledger.turns.search(query),
      statistics: (range) => ledger.turns.statistics(range),
      turn: (id) => ledger.turns.get(id),
      running: () => ledger.turns.running(),
      response: (turnId) => ledger.turns.response(turnId),
      workload: (since) => ledger.nodes.workload(since),
      auditLines: ledgerLines(ledger.audit, parts.redact),
    },
    storage: (plugin) => {
      const folder = join(dataDir, "plugins", plugin);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return folder;
    },
    quota: (plugin) => openQuota(ledger.quota, plugin, parts.warn),
    store: (plugin) => openPluginStore(ledger.pluginStore, plugin, { watchMs }),
    childMark: (plugin) => markedEnvironment(`${marker}.plugin.${plugin}`),
  };
}

/** The approval service, without its internal interface to the turns. */
function approvalsOf(approvalService: Approvals): Approvals {
  return {
    list: (query) => approvalService.list(query),
    get: (id) => approvalService.get(id),
    decide: (id, decision, decider) => approvalService.decide(id, decision, decider),
    link: (id) => approvalService.link(id),
  };
}

function createTurnRunner(parts: PluginServicesParts): TurnRunner {
  const { sessions, tasks, turns, fields, passing, localWork } = parts;
  const carryOut = async (order: SessionOrder, keyId: string, sessionId: string) => {
    const caller = asCaller(keyId);
    return (await passing?.order(order, sessionId, caller)) ?? localWork.carryOut(order, sessionId, caller);
  };
  return {
    startSession: async (keyId, request = {}) => {
      const { model = "sonnet", systemPrompt, workdir, options = {}, hidden = false, history = [] } = request;
      history.forEach(checkHistory);
      const body = { model, system_prompt: systemPrompt, workdir, ...fieldsOf(options) };
      const checked = fields.read("session-start-request", given(body));
      return sessions.start(asCaller(keyId), checked, { hidden, history });
    },
    forkSession: async (keyId, sessionId, { at, hidden } = {}) => {
      const caller = asCaller(keyId);
      await passing?.bring(sessionId, caller);
      return (await sessions.fork(caller, sessionId, { ...(at !== undefined && { at }) }, hidden)).session_id;
    },
    prompt: async (keyId, sessionId, request) => {
      const { withdrawPending, restartConversation, timeoutSecs = DEFAULT_TIMEOUT_SECS } = request;
      const body = {
        ...bodyOf({ ...request, timeoutSecs }),
        withdraw_pending: withdrawPending,
        restart_conversation: restartConversation,
      };
      const checked = fields.read("session-turn-request", given(body));
      await passing?.bring(sessionId, asCaller(keyId));
      return handleOf(await sessions.prompt(asCaller(keyId), sessionId, checked, randomUUID()));
    },
    task: async (keyId, request) => {
      const checked = fields.read("task-request", given({ ...bodyOf(request), workdir: request.workdir }));
      return tasks.withId(async (id) =>
        handleOf(await tasks.start(asCaller(keyId), checked, { id, route: PLUGIN_TASK })),
      );
    },
    renameSession: async (keyId, sessionId, title) => {
      const checked = fields.read("session-update-request", { title });
      await sessions.update(asCaller(keyId), sessionId, checked);
    },
    approve: async (keyId, sessionId, toolUseIds) => {
      await passing?.bring(sessionId, asCaller(keyId));
      return handleOf(await sessions.approve(asCaller(keyId), sessionId, toolUseIds, randomUUID()));
    },
    interrupt: (keyId, sessionId) => carryOut("interrupt", keyId, sessionId),
    endBackground: (keyId, sessionId) => carryOut("end-background", keyId, sessionId),
    endSession: async (keyId, sessionId) => {
      await carryOut("delete", keyId, sessionId);
    },
    follow: (turnId) => {
      const turn = turns.get(turnId);
      return turn === undefined ? undefined : handleOf(turn);
    },
  };
}

/** The fields of a request that a plugin's prompt has. */
function bodyOf(request: PluginTaskRequest): object {
  const {
    prompt,
    content,
    timeoutSecs,
    verbatim,
    model,
    systemPrompt,
    options = {},
    maxBudgetUsd,
    onLimit,
    maxWaitSecs,
    metadata,
    events,
  } = request;
  return {
    prompt: content ?? prompt,
    timeout_secs: timeoutSecs,
    verbatim,
    detach: true,
    model,
    system_prompt: systemPrompt,
    max_budget_usd: maxBudgetUsd,
    on_limit: onLimit,
    max_wait_secs: maxWaitSecs,
    metadata,
    events,
    ...fieldsOf(options),
  };
}

/** Copies the set fields only: JSON Schema has no undefined, and validation fills in defaults. */
function given(fields: object): object {
  return structuredClone(
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  );
}

function handleOf(turn: Turn): TurnHandle {
  return {
    id: turn.info.id,
    sessionId: turn.info.sessionId,
    read: ({ mode, after = 0 }) => turn.stream.read({ mode, after, heartbeatMs: HEARTBEAT_MS }),
    answer: turn.ended.then(({ outcome }) => outcome.response),
    result: async () => {
      const { outcome, error } = await turn.ended;
      if (error !== undefined) throw error;
      return outcome.response;
    },
    interrupt: (refusal) => turn.stop("interrupted", refusal),
  };
}

/** A plugin acts as a key, never as the admin. */
function asCaller(keyId: string): Caller {
  return { keyId, admin: false };
}
