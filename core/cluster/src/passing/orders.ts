import type { ClientRequest } from "node:http";
import { GatewayError, type NodeAddress, type SessionOrder } from "@claudeway/ports";
import { answerTo } from "./hops.js";

const ORDERS: readonly SessionOrder[] = ["hand-over", "interrupt", "end-background", "delete"];
/** Nodes send each other orders below this path; for clients it does not exist. */
const PREFIX = "/cluster/session";
const PATH = new RegExp(`^${PREFIX}/([0-9a-f-]{36})/([a-z-]+)$`);
const MAX_ANSWER_BYTES = 64 * 1024;

/** The path of an order about a session. */
export function orderPath(order: SessionOrder, sessionId: string): string {
  return `${PREFIX}/${sessionId}/${order}`;
}

/** The order in a path; undefined if it is not the path of one. */
export function orderIn(path: string): { order: SessionOrder; sessionId: string } | undefined {
  const [, sessionId, name] = PATH.exec(path) ?? [];
  const order = ORDERS.find((one) => one === name);
  return sessionId === undefined || order === undefined ? undefined : { order, sessionId };
}

/** Sends an order, and resolves to whether it was carried out. Rejects with the error of the other node. */
export async function sendOrder(hop: ClientRequest, to: NodeAddress): Promise<boolean> {
  const answered = answerTo(hop, to);
  hop.end();
  const answer = await answered;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) answer.destroy();
    chunks.push(chunk);
  }
  const body: { readonly done?: unknown; readonly error?: unknown } = JSON.parse(
    Buffer.concat(chunks).toString(),
  );
  if (answer.statusCode === 200) return body.done === true;
  const code = answer.statusCode === 404 ? "NOT_FOUND" : "UNAVAILABLE";
  throw new GatewayError(code, typeof body.error === "string" ? body.error : `the node ${to.node} refused`);
}
