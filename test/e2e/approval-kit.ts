import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Approval, TurnResponse, TurnStatus } from "@claudeway/schemas";
import { type Answer, KEYS, type RequestOptions, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** The settings of the plugin in test/fixtures/plugins/asks. */
export interface AsksConfig {
  readonly allow?: string;
  readonly deny?: string;
  readonly live_wait_secs?: number;
  readonly expires_secs?: number;
  readonly max_hold_secs?: number;
  readonly deciders?: readonly string[];
}

const ASKS = fileURLToPath(new URL("../fixtures/plugins/asks", import.meta.url));
/** Bypass is what the gateway would do without the plugin: what runs unasked, runs. */
const env = { IS_SANDBOX: "1" };

export function asking(config: AsksConfig = {}) {
  const lines = Object.entries(config).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return { env, args: ["--enable-plugin", ASKS], config: `[plugins.asks]\n${lines.join("\n")}\n` };
}

/** A plugin that makes the CLI hear of everything late. */
export const SLOW_STDIN = fileURLToPath(new URL("../fixtures/plugins/slow-stdin", import.meta.url));

/** A plugin with which the CLI never hears what is decided about its calls. */
export const UNHEARD = fileURLToPath(new URL("../fixtures/plugins/unheard", import.meta.url));

/** Without the plugin, and with the bypass on. */
export const BYPASS = { env, args: [], config: "" } as const;

export function startAsking(config: AsksConfig = {}): Promise<TestGateway> {
  return TestGateway.start(asking(config));
}

/** A session and its folder. */
export interface TestSession {
  readonly id: string;
  readonly workdir: string;
}

export async function newSession(gateway: TestGateway, key: string = KEYS.admin): Promise<TestSession> {
  const { body } = await gateway.request<{ session_id: string; workdir: string }>("/session/start", {
    body: {},
    key,
  });
  return { id: body.session_id, workdir: body.workdir };
}

export function prompt(
  gateway: TestGateway,
  session: TestSession,
  text: string,
  more: Readonly<Record<string, unknown>> = {},
  key: string = KEYS.admin,
): Promise<Answer<TurnResponse & { readonly code?: string; readonly approval_id?: string }>> {
  return gateway.request(`/session/${session.id}`, { body: { prompt: text, ...more }, key });
}

/** The requests of a session that are pending, the oldest first, when there are as many. */
export function pending(gateway: TestGateway, session: TestSession, count = 1): Promise<Approval[]> {
  return eventually(`${count} pending requests`, async () => {
    const { body } = await gateway.request<{ approvals: Approval[] }>("/approvals?status=pending&limit=1000");
    const found = body.approvals.filter(({ session_id }) => session_id === session.id).reverse();
    return found.length >= count ? found : undefined;
  });
}

export async function onlyPending(gateway: TestGateway, session: TestSession): Promise<Approval> {
  const [approval] = await pending(gateway, session);
  if (approval === undefined) throw new Error("there is no request");
  return approval;
}

export function decide(
  gateway: TestGateway,
  id: string,
  body: Readonly<Record<string, unknown>>,
  options: RequestOptions = {},
): Promise<Answer<Approval & { readonly code?: string; readonly error?: string }>> {
  return gateway.request(`/approvals/${id}`, { body, ...options });
}

/** The turn, when it has come so far. */
export async function turnIn(
  gateway: TestGateway,
  id: string,
  state: TurnStatus["state"],
  options: RequestOptions = {},
): Promise<TurnStatus> {
  let last: TurnStatus | undefined;
  const look = async () => {
    last = (await gateway.request<TurnStatus>(`/turns/${id}`, options)).body;
    return last.state === state ? last : undefined;
  };
  return eventually(`turn ${id} is ${state}`, look).catch((error: Error) => {
    throw new Error(`${error.message}; it is ${JSON.stringify(last)}`);
  });
}

/** Asks for something that parks at once; resolves to the turn's id and the request. */
export async function park(gateway: TestGateway, session: TestSession, text: string) {
  const answer = await prompt(gateway, session, text);
  const { pending_approval: approval } = answer.body;
  if (approval === undefined) throw new Error(`it did not park: ${JSON.stringify(answer.body)}`);
  return { answer: answer.body, approval, turnId: approval.turn_id };
}

export function read(session: TestSession, name: string): string | undefined {
  const file = join(session.workdir, name);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** The CLI's own transcript of a session; empty before there is one. */
export function transcriptOf(gateway: TestGateway, session: TestSession): string {
  const folder = session.workdir.replace(/[^a-zA-Z0-9]/g, "-");
  const file = join(gateway.dir, "claude", "projects", folder, `${session.id}.jsonl`);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** How often a tool was called with this id, and came back with a result, in the CLI's own transcript. */
export function resultsOf(gateway: TestGateway, session: TestSession, toolUseId: string): string[] {
  const results = transcriptOf(gateway, session).matchAll(
    /\{"tool_use_id":"([^"]+)","type":"tool_result"|"tool_use_id":"([^"]+)"\}/g,
  );
  return [...results].flatMap(([, one, other]) => one ?? other ?? []).filter((id) => id === toolUseId);
}
