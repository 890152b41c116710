import type { Load } from "@claudeway/core";

/** Data that a page may have to reload. */
const TOPICS = ["turns", "steps", "sessions", "approvals", "logs", "plugins", "gateway"] as const;
export type Topic = (typeof TOPICS)[number];

/** A piece of a running turn's text. */
export interface TurnText {
  readonly turn_id: string;
  /** Number of characters before this text. */
  readonly at: number;
  readonly text: string;
}

// Checks of what another gateway sent: its version may differ.

export function isTopic(value: unknown): value is Topic {
  return TOPICS.some((topic) => topic === value);
}

export function isLoad(value: unknown): value is Load {
  return hasNumbers(value, ["running", "queued", "processes"]);
}

export function isTurnText(value: unknown): value is TurnText {
  if (!hasNumbers(value, ["at"])) return false;
  return (
    "text" in value &&
    typeof value.text === "string" &&
    "turn_id" in value &&
    typeof value.turn_id === "string"
  );
}

function hasNumbers(value: unknown, names: readonly string[]): value is object {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return names.every((name) => typeof fields.get(name) === "number");
}

/** The load of several gateways together. */
export function sumOf(loads: Iterable<Load>): Load {
  const sum = { running: 0, queued: 0, processes: 0 };
  for (const { running, queued, processes } of loads) {
    sum.running += running;
    sum.queued += queued;
    sum.processes += processes;
  }
  return sum;
}
