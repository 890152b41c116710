import type {
  AgentDefinition,
  McpServerConfig,
  Options,
  PermissionMode,
} from "@anthropic-ai/claude-agent-sdk";
import type { ApprovalMode, EngineTurn, SpawnOptions, TurnOptions, TurnPlan } from "@claudeway/ports";
import type { Agents, McpServers } from "@claudeway/schemas";
import { clientServer } from "./client-tools.js";

const COMMON: Options = { includePartialMessages: true, forwardSubagentText: true };

/** The SDK's options that hold for every process of an approval mode. */
function modeOptions(approvalMode: ApprovalMode, trusted = false): Options {
  if (approvalMode === "bypass") {
    return { ...COMMON, permissionMode: "bypassPermissions", allowDangerouslySkipPermissions: true };
  }
  // The same when every call is asked about: a hook does that, before any rule is looked at. Unless it is trusted, nothing
  // in the workdir may run or allow anything: neither its settings, with their hooks and rules, nor its .mcp.json.
  return { ...COMMON, permissionMode: "default", ...(trusted ? {} : { settingSources: ["user"] }) };
}

/** The options of a process that runs no turn. */
export const IDLE_OPTIONS: Options = { ...modeOptions("deny"), strictMcpConfig: true };

/** What a process has to know of a turn when it is started: not its prompt. */
export interface ProcessTerms extends Pick<EngineTurn, "approvalMode" | "unresolved" | "spawn" | "trusted"> {
  /** The CLI's own id of the session. */
  readonly sessionId: string;
  /** The gateway's id of the session, whose conversation other nodes go on with; undefined for a task's. */
  readonly sharedAs: string | undefined;
  /** The session's last process was in plan mode. */
  readonly planMode: boolean;
  /** The model may ask questions although no decider decides the calls. */
  readonly asksQuestions: boolean;
  /** The conversation to resume ends with the turn's prompt, unanswered. */
  readonly promptPlaced?: boolean;
  readonly plan: Pick<TurnPlan, "model" | "systemPrompt"> & {
    readonly options: TurnOptions;
  };
}

export function termsOf(turn: EngineTurn): ProcessTerms {
  const { approvalMode, unresolved, spawn, plan, trusted = false } = turn;
  const { model, systemPrompt, options = {} } = plan;
  return {
    sessionId: cliSessionOf(turn),
    sharedAs: turn.info.kind === "session" ? turn.info.sessionId : undefined,
    planMode: turn.totals?.planMode === true,
    asksQuestions: turn.questions !== undefined,
    approvalMode,
    trusted,
    unresolved,
    spawn,
    plan: { model, systemPrompt, options },
  };
}

/** The CLI's own id of the turn's session: ours, until `/clear` makes another one of it. */
export function cliSessionOf({ info, totals }: Pick<EngineTurn, "info" | "totals">): string {
  return totals?.session ?? info.sessionId;
}

/** The SDK's options of a session; `resume` forgets model, system prompt and permission mode, so all are always passed. */
export function sessionOptions(terms: ProcessTerms, resume: boolean): Options {
  const { sessionId, plan, spawn, approvalMode } = terms;
  const staysInPlanMode = resume && ownMode(approvalMode, terms.planMode) === "plan";
  const isPlanMode = staysInPlanMode || plan.options.permissionMode === "plan";
  return {
    ...modeOptions(approvalMode, terms.trusted),
    ...(isPlanMode ? { permissionMode: "plan" } : {}),
    ...(resume ? { resume: sessionId } : { sessionId }),
    model: plan.model,
    systemPrompt: systemPromptOf(plan.systemPrompt, plan.options.appendSystemPrompt),
    ...turnOptions(plan.options),
    ...limits(plan.options, spawn.options),
  };
}

/** The mode of a turn that asks for none. */
export function ownModeOf({ approvalMode, totals }: EngineTurn): PermissionMode {
  return ownMode(approvalMode, totals?.planMode === true);
}

function ownMode(approvalMode: ApprovalMode, planMode: boolean): PermissionMode {
  // Only where calls are asked about can anybody let a session leave the mode.
  if (planMode && approvalMode === "ask") return "plan";
  return approvalMode === "bypass" ? "bypassPermissions" : "default";
}

function systemPromptOf(
  own: string | undefined,
  append: string | undefined,
): NonNullable<Options["systemPrompt"]> {
  // Without `snapshot: false` the CLI repeats the system prompt of the conversation's first turn, whatever it is given.
  if (own !== undefined) {
    return { type: "custom", prompt: append === undefined ? own : `${own}\n\n${append}`, snapshot: false };
  }
  if (append !== undefined) return { type: "preset", preset: "claude_code", append, snapshot: false };
  return { type: "preset", preset: "claude_code" };
}

/** The SDK's options that only a turn sets. */
function turnOptions(options: TurnOptions): Options {
  const { effort, thinking, tools, agents, outputSchema } = options;
  return {
    ...(effort !== undefined && { effort }),
    ...(thinking !== undefined && { thinking }),
    ...(tools !== undefined && { tools: [...tools] }),
    ...mcpOptions(options),
    ...(agents !== undefined && { agents: agentsOf(agents) }),
    ...(outputSchema !== undefined && { outputFormat: { type: "json_schema", schema: { ...outputSchema } } }),
  };
}

function mcpOptions({ mcpServers, clientTools }: TurnOptions): Options {
  if (mcpServers === undefined && clientTools === undefined) return {};
  return {
    mcpServers: {
      ...(mcpServers !== undefined && serversOf(mcpServers)),
      ...(clientTools !== undefined && clientServer(clientTools, mcpServers)),
    },
    // On the command line, other users of the machine could read the servers' headers.
    mcpServersDelivery: "initialize",
  };
}

/** The SDK's options that both a turn and the `spawn` hook set: the stricter limit, and all tools and folders. */
function limits(turn: TurnOptions, spawn: SpawnOptions): Options {
  const fallbackModel = turn.fallbackModel ?? spawn.fallbackModel;
  const maxTurns = Math.min(turn.maxTurns ?? Infinity, spawn.maxTurns ?? Infinity);
  const allowedTools = joined(spawn.allowedTools, turn.allowedTools);
  const disallowedTools = joined(spawn.disallowedTools, turn.disallowedTools);
  const additionalDirectories = joined(spawn.additionalDirectories, turn.additionalDirs);
  return {
    ...(fallbackModel !== undefined && { fallbackModel }),
    ...(Number.isFinite(maxTurns) && { maxTurns }),
    ...(allowedTools && { allowedTools }),
    ...(disallowedTools && { disallowedTools }),
    ...(additionalDirectories && { additionalDirectories }),
  };
}

function joined(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): string[] | undefined {
  return one === undefined && other === undefined
    ? undefined
    : [...new Set([...(one ?? []), ...(other ?? [])])];
}

export function serversOf(servers: McpServers): Record<string, McpServerConfig> {
  return structuredClone(servers);
}

function agentsOf(agents: Agents): Record<string, AgentDefinition> {
  return structuredClone(agents);
}
