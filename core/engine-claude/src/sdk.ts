import type { query as start } from "@anthropic-ai/claude-agent-sdk";

type Query = typeof start;

let query: Query | undefined;

/**
 * Loads the Agent SDK before the first process. It accounts for a quarter of the start time and of the memory at rest.
 */
export async function loadSdk(): Promise<void> {
  if (query === undefined) ({ query } = await import("@anthropic-ai/claude-agent-sdk"));
}

/** The SDK's `query`. Throws before `loadSdk`. */
export function sdkQuery(): Query {
  if (query === undefined) throw new Error("the Agent SDK must be loaded before a process is started");
  return query;
}
