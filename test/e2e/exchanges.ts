import { ERROR_STATUS } from "@claudeway/schemas";
import { openapiDocument } from "@claudeway/schemas/openapi";
import type WebSocket from "ws";
import { EventParser, type ServerEvent } from "#testing/event-parser.js";
import { Contract } from "./contract.js";

/** What was asked for. */
export interface Asked {
  readonly method: string;
  /** Without the query string. */
  readonly path: string;
}

/** The gateway's own paths, whatever plugins add. */
export const OWN_CONTRACT = new Contract(openapiDocument({ version: "0.1.0", mounts: [] }));

/** Of what no operation can give. */
const ANY_ROUTE = "any route";

/** What any request can meet, whatever path it names. */
const WANTED_OF_ANY_ROUTE = ["400", "404", "405", "431"];

const seen = new Set<string>();
const violations: string[] = [];

/** Every answer that broke the contract, since the start. */
export function violationsSoFar(): readonly string[] {
  return violations;
}

/** Every pair of operation and status that an exchange of this process has shown. */
export function seenSoFar(): ReadonlySet<string> {
  return seen;
}

/** Every documented pair of operation and status that is not in `shown`. */
export function unseen(shown: ReadonlySet<string>): string[] {
  const wanted = OWN_CONTRACT.operations.flatMap((operation) =>
    OWN_CONTRACT.responsesOf(operation)
      // Only a gateway that passes requests on to another one gives it: see the tests of passing.
      .filter(([key]) => key !== "502")
      .map(([key]) => `${operation.method} ${operation.path} ${key}`),
  );
  const ofAny = WANTED_OF_ANY_ROUTE.map((status) => `${ANY_ROUTE} ${status}`);
  return [...wanted, ...ofAny].filter((pair) => !shown.has(pair));
}

/**
 * Holds an answer against the contract and notes that it was seen. JSON is checked at once: rejects where it is not as
 * its schema says. Events are checked as they are read: the returned response's body breaks at a wrong one.
 */
export async function watched(response: Response, asked: Asked, contract: Contract): Promise<Response> {
  const type = mediaType(response.headers);
  const { operation, told } = find(response.status, asked, contract);
  if (told === undefined) {
    if (response.status >= 400 && type === "application/json") await checkError(response, asked, contract);
    else if (operation !== undefined) fail(asked, `${response.status} is not documented`);
    return response;
  }
  const problem = contract.checkHeaders(told, response.headers);
  if (problem !== undefined) fail(asked, `${response.status}: ${problem}`);
  const schema = contract.bodySchema(told, type);
  if (schema === undefined && contract.hasBody(told) && asked.method !== "HEAD")
    fail(asked, `${response.status}: a body of type "${type}" is not documented`);
  if (schema !== undefined && type === "application/json" && asked.method !== "HEAD") {
    const wrong = contract.check(schema, JSON.parse(await response.clone().text()));
    if (wrong !== undefined) fail(asked, `${response.status}: ${wrong}`);
  }
  return type === "text/event-stream" && "contentSchema" in (schema?.node ?? {})
    ? withCheckedEvents(response, asked, contract, JSON.stringify(schema?.node).includes("SessionEvent"))
    : response;
}

/** The same for an answer that came over a bare socket. */
export async function watchedRaw(
  raw: { readonly status: number; readonly headers: Headers; readonly body: string },
  asked: Asked,
): Promise<void> {
  const { status, headers, body } = raw;
  await watched(new Response(status === 304 ? null : body, { status, headers }), asked, OWN_CONTRACT);
}

/** Notes an upgrade and holds every frame that comes against the contract; a wrong one closes the socket. */
export function watchSocket(socket: WebSocket, asked: Asked): void {
  const frame = OWN_CONTRACT.component("StreamEvent");
  socket.once("upgrade", ({ headers }) => {
    const { told } = find(101, asked, OWN_CONTRACT);
    const given = new Headers({ "x-turn-id": String(headers["x-turn-id"]) });
    const problem = told === undefined ? "101 is not documented" : OWN_CONTRACT.checkHeaders(told, given);
    if (problem !== undefined) note(asked, problem);
  });
  socket.on("message", (data) => {
    const problem = OWN_CONTRACT.check(frame, JSON.parse(data.toString()));
    if (problem !== undefined) socket.emit("error", new Error(note(asked, `a frame: ${problem}`)));
  });
}

function find(status: number, { method, path }: Asked, contract: Contract) {
  const operation = contract.operationOf(method, path);
  const told = operation && contract.responseTo(operation, status);
  if (told !== undefined) seen.add(`${operation?.method} ${operation?.path} ${told.key}`);
  else seen.add(`${ANY_ROUTE} ${status}`);
  return { operation, told };
}

/** An error of an undocumented route, or of no route. */
async function checkError(response: Response, asked: Asked, contract: Contract): Promise<void> {
  const body: { readonly code?: string } = JSON.parse((await response.clone().text()) || "{}");
  const wrong =
    asked.method === "HEAD" ? undefined : contract.check(contract.component("ErrorResponse"), body);
  if (wrong !== undefined) fail(asked, `${response.status}: ${wrong}`);
  const status = Object.entries(ERROR_STATUS).find(([code]) => code === body.code)?.[1];
  const refusal = body.code === "FORBIDDEN" && response.status < 500;
  if (status !== response.status && !refusal) fail(asked, `${response.status} with the code ${body.code}`);
  if (response.status === 405 && !response.headers.has("allow")) fail(asked, "405 without Allow");
}

function withCheckedEvents(
  response: Response,
  asked: Asked,
  contract: Contract,
  ofSession: boolean,
): Response {
  if (response.body === null) return response;
  const parser = new EventParser();
  const decoder = new TextDecoder();
  let last: ServerEvent | undefined;
  const checking = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      for (const event of parser.push(decoder.decode(chunk, { stream: true }))) {
        if (last?.event === "done" && !ofSession) fail(asked, `the event ${event.event} after done`);
        last = event;
        checkEvent(event, asked, contract, ofSession);
      }
      controller.enqueue(chunk);
    },
    flush() {
      if (last !== undefined && last.event !== "done" && !ofSession)
        fail(asked, `the last event is ${last.event}`);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(checking), { status, statusText, headers });
}

function checkEvent(
  { event, data }: ServerEvent,
  asked: Asked,
  contract: Contract,
  ofSession: boolean,
): void {
  const value = { event, data: event === "text" && !ofSession ? data : JSON.parse(data) };
  const problem = contract.check(contract.component(ofSession ? "SessionEvent" : "StreamEvent"), value);
  if (problem !== undefined) fail(asked, `the event ${event}: ${problem}`);
}

function fail(asked: Asked, problem: string): never {
  throw new Error(note(asked, problem));
}

function note({ method, path }: Asked, problem: string): string {
  const line = `${method} ${path}: against the contract: ${problem}`;
  violations.push(line);
  return line;
}

function mediaType(headers: Headers): string {
  return (headers.get("content-type") ?? "").split(";", 1)[0] ?? "";
}
