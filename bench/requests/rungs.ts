/** Each serves what the one before does, and one thing more. */
export const RUNGS = [
  "node:http",
  "Koa",
  "edge",
  "auth",
  "log line",
  "hooks",
  "schema",
  "the whole gateway",
] as const;

export type Rung = (typeof RUNGS)[number];

/** What the plain requests are measured on. */
export const BARE = "bare Koa";
export const GATEWAY = "the whole gateway";

export const SECRET = "sk-bench-0123456789abcdef";
export const LIMIT_BYTES = 1024 * 1024;
