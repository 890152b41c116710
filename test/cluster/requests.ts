import { KEYS } from "../e2e/gateway.js";
import type { ClusterNode } from "./node.js";

const ANSWER_MS = 60_000;

/** A node's answer, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** The turn, if there is one. */
  readonly turn: string;
}

export interface Sent {
  /** GET without one. */
  readonly body?: object;
  readonly key?: keyof typeof KEYS;
  /** Of a key that is not among them. */
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long its turn works, in ms. */
  readonly workMs?: number;
}

/** Rejects where no whole answer comes. */
export async function ask(
  { url }: Pick<ClusterNode, "url">,
  path: string,
  { body, key = "admin", secret = KEYS[key], headers, workMs = 0 }: Sent = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${secret}`,
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ANSWER_MS + workMs),
  });
  return {
    status: response.status,
    body: JSON.parse(await response.text()),
    turn: response.headers.get("x-turn-id") ?? "",
  };
}
