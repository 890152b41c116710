import type { Options, SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import type { ApprovalMode, EngineTurn, SpawnOptions, TurnPlan } from "@claudeway/core/ports";

/** The SDK's options that hold for every process of a approval mode. */
export function postureOptions(approvalMode: ApprovalMode): Options {
  if (approvalMode === "bypass") {
    return { ...COMMON, permissionMode: "bypassPermissions", allowDangerouslySkipPermissions: true };
  }
  // The same when every call is asked about: a hook does that, before any rule is looked at. Nothing in the workdir may run or allow anything: neither its settings, with their hooks and rules, nor its .mcp.json.
  return { ...COMMON, permissionMode: "default", settingSources: ["user"], strictMcpConfig: true };
}

/** What a process has to know of a turn when it is started: not its prompt. */
export interface ProcessTerms extends Pick<EngineTurn, "approvalMode" | "unresolved" | "spawn"> {
  /** The CLI's own id of the session. */
  readonly sessionId: string;
  /** The session's last process was in plan mode. */
  readonly planMode: boolean;
  readonly plan: Pick<TurnPlan, "model" | "systemPrompt" | "maxBudgetUsd">;
}

export function termsOf(turn: EngineTurn): ProcessTerms {
  const { approvalMode, unresolved, spawn, plan } = turn;
  const { model, systemPrompt, maxBudgetUsd } = plan;
  return {
    sessionId: cliSessionOf(turn),
    planMode: turn.totals?.planMode === true,
    approvalMode,
    unresolved,
    spawn,
    plan: { model, systemPrompt, maxBudgetUsd },
  };
}

/** The CLI's own id of the turn's session: ours, until `/clear` makes another one of it. */
export function cliSessionOf({ info, totals }: Pick<EngineTurn, "info" | "totals">): string {
  return totals?.session ?? info.sessionId;
}

/** The SDK's options of a session; `resume` forgets model, system prompt and permission mode, so all are always passed. */
export function sessionOptions(terms: ProcessTerms, resume: boolean): Options {
  const { sessionId, plan, spawn, approvalMode } = terms;
  // Only where calls are asked about can anybody let a session leave the mode.
  const staysInPlanMode = resume && terms.planMode && approvalMode === "ask";
  return {
    ...postureOptions(approvalMode),
    ...(staysInPlanMode ? { permissionMode: "plan" } : {}),
    ...(resume ? { resume: sessionId } : { sessionId }),
    model: plan.model,
    systemPrompt: plan.systemPrompt ?? { type: "preset", preset: "claude_code" },
    ...(plan.maxBudgetUsd === undefined ? {} : { maxBudgetUsd: plan.maxBudgetUsd }),
    ...spawnOptions(spawn.options),
  };
}

/**
 * A prompt as the SDK takes it, under an id that the CLI names in what it says to it; written text is delivered without slash commands and file mentions, which read files
 * unasked.
 */
export function userMessage(
  { prompt, verbatim }: TurnPlan,
  approvalMode: ApprovalMode,
  uuid: NonNullable<SDKUserMessage["uuid"]>,
): SDKUserMessage {
  return {
    type: "user",
    uuid,
    message: { role: "user", content: prompt },
    parent_tool_use_id: null,
    ...(verbatim || approvalMode === "ask" ? { client_composed: true } : {}),
  };
}

const COMMON: Options = { includePartialMessages: true, forwardSubagentText: true };

function spawnOptions(options: SpawnOptions): Options {
  const { allowedTools, disallowedTools, additionalDirectories, ...rest } = options;
  return {
    ...rest,
    ...(allowedTools && { allowedTools: [...allowedTools] }),
    ...(disallowedTools && { disallowedTools: [...disallowedTools] }),
    ...(additionalDirectories && { additionalDirectories: [...additionalDirectories] }),
  };
}
