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

export const SECRET = "sk-bench-0123456789abcdef";
export const LIMIT_BYTES = 1024 * 1024;
