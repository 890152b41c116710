/** The `[plugins.mcp]` section, validated, with defaults. */
export interface McpConfig {
  readonly timeout_secs: number;
  /** Which tools for approvals clients have. */
  readonly approvals: "decide" | "list" | "off";
  readonly max_sessions_per_key: number;
  readonly session_idle_minutes: number;
  readonly max_resource_bytes: number;
  /** The URL of the gateway, as clients see it. */
  readonly url?: string;
  readonly authorization_servers: readonly string[];
  readonly cors_origins: "*" | readonly string[];
}
