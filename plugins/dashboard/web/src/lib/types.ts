/** What the admin API answers. */

export interface Tokens {
  readonly input: number;
  readonly output: number;
  readonly cache_read: number;
  readonly cache_write: number;
}

export interface Me {
  readonly key_id: string;
  readonly version: string;
  /** Null: it came with a key. */
  readonly expires_at: string | null;
}

export interface Load {
  readonly running: number;
  readonly queued: number;
  readonly processes: number;
}

export interface ModelShare {
  readonly model: string;
  readonly request_count: number;
  readonly cost_usd: number | null;
}

export interface Overview {
  readonly uptime_secs: number;
  readonly total_requests: number;
  readonly active_sessions: number;
  readonly total_cost_usd: number | null;
  readonly cost_estimated_turns: number;
  readonly tokens: Tokens;
  readonly models_breakdown: readonly ModelShare[];
  readonly load: Load;
  readonly pending_approvals: number;
  readonly running_turns: readonly Turn[];
  readonly public_url: string | null;
  readonly version: string;
}

export interface Session {
  readonly session_id: string;
  readonly key_id: string;
  readonly model: string;
  readonly created_at: string;
  readonly last_used: string;
  readonly task_count: number;
  readonly workdir: string;
  readonly tokens: Tokens;
  readonly cost_usd: number | null;
  readonly cost_estimated: boolean;
  readonly running: boolean;
}

export interface SessionDetail extends Session {
  readonly kind: "session" | "task";
  readonly system_prompt: string | null;
  readonly by_model: readonly (ModelShare & { readonly tokens: Tokens })[];
}

export interface SessionPage extends Page {
  readonly sessions: readonly Session[];
  readonly models: readonly string[];
}

export interface Page {
  readonly total: number;
  readonly page: number;
  readonly limit: number;
}

export interface Turn {
  readonly turn_id: string;
  readonly session_id: string;
  readonly key_id: string;
  readonly route: string;
  readonly created_at: string;
  readonly state: string;
  readonly ended_at: string | null;
  readonly model: string;
  readonly duration_ms: number | null;
  readonly queued_ms: number | null;
  readonly prompt_bytes: number;
  readonly tokens: Tokens;
  readonly cost_usd: number | null;
  readonly cost_estimated: boolean;
}

export interface Denial {
  readonly tool_name: string;
  readonly tool_use_id: string;
  readonly tool_input: Readonly<Record<string, unknown>>;
}

export interface AnsweredTurn extends Turn {
  /** Its beginning, and how long the whole is; null: not known any more. */
  readonly prompt: { readonly text: string; readonly chars: number } | null;
  readonly answer: {
    readonly result: string;
    readonly result_chars?: number;
    readonly success: boolean;
    readonly error: string | null;
    readonly permission_denials?: readonly Denial[];
  } | null;
}

export interface TurnPage extends Page {
  readonly turns: readonly AnsweredTurn[];
}

export interface ApprovalDecision {
  readonly decision: "allow" | "deny";
  readonly message: string | null;
  readonly scope: "once" | "session";
  readonly by: { readonly channel: string; readonly who: string; readonly from: string | null };
  readonly at: string;
}

export interface Approval {
  readonly id: string;
  readonly session_id: string;
  readonly turn_id: string;
  readonly key_id: string;
  readonly kind: "tool" | "question";
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly workdir: string;
  /** Where the shell stands. */
  readonly cwd: string;
  readonly status: string;
  readonly parked: boolean;
  readonly asked_at: string;
  readonly expires_at: string;
  readonly decision: ApprovalDecision | null;
}

export interface ApprovalPage extends Page {
  readonly approvals: readonly Approval[];
}

export interface LogEntry {
  readonly id: string;
  readonly timestamp: string;
  readonly level: string;
  readonly key_id: string | null;
  readonly message: string;
  readonly session_id?: string;
  readonly model?: string;
  readonly duration_ms?: number;
  readonly success?: boolean;
  readonly error?: string | null;
  readonly cost_usd?: number | null;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
}

export interface LogPage {
  readonly entries: readonly LogEntry[];
  readonly before: string | null;
  readonly read_bytes: number;
  readonly folders: readonly string[];
}

export interface KeyUse {
  readonly key_id: string;
  readonly admin: boolean;
  readonly configured: boolean;
  readonly total_requests: number;
  readonly total_cost_usd: number | null;
  readonly tokens: Tokens;
  readonly last_used: string | null;
}

export type Grouping = "daily" | "weekly" | "monthly";

export interface Period {
  readonly period: string;
  readonly cost_usd: number | null;
  readonly request_count: number;
  readonly tokens: Tokens;
  readonly by_model: readonly ModelShare[];
  readonly by_key: readonly {
    readonly key_id: string;
    readonly cost_usd: number;
    readonly request_count: number;
  }[];
}

export interface Plugin {
  readonly name: string;
  readonly version: string | null;
  readonly state: "on" | "off" | "failed";
  readonly enabled: boolean;
  readonly needs: readonly string[];
  readonly source: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly started_ms: number;
  readonly last_error: string | null;
  readonly tap_ms: number;
  readonly faults: number;
  readonly dropped: number;
  readonly blocked_ms: number;
  readonly notices: readonly string[];
}

export interface ReloadReport {
  readonly started: readonly string[];
  readonly replaced: readonly string[];
  readonly stopped: readonly string[];
  readonly unchanged: readonly string[];
  readonly failed: readonly string[];
}
