import type { ClientRequest, IncomingMessage } from "node:http";
import { GatewayError, type NodeAddress, type SessionOrder } from "@claudeway/ports";
import { answerTo, noAnswer } from "./hops.js";

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

interface Answer {
  readonly done?: unknown;
  readonly error?: unknown;
}

/** Sends an order, and resolves to whether it was carried out. Rejects with the error of the other node, or UNAVAILABLE. */
export async function sendOrder(hop: ClientRequest, to: NodeAddress): Promise<boolean> {
  const answered = answerTo(hop, to);
  hop.end();
  const answer = await answered;
  const body = await read(answer).catch(() => {
    throw noAnswer(to);
  });
  if (answer.statusCode === 200) return body.done === true;
  const message = typeof body.error === "string" ? body.error : `the node ${to.node} refused`;
  if (answer.statusCode === 404) throw new GatewayError("NOT_FOUND", message);
  throw new GatewayError("UNAVAILABLE", message, {
    headers: { "retry-after": String(answer.headers["retry-after"] ?? 1) },
  });
}

/** Rejects if the answer breaks off, is too long or is not JSON. */
async function read(answer: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
