import type { TurnResponse, TurnStatus } from "@claudeway/schemas";
import { type Answer, type StartOptions, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** A CLI that is logged in to a subscription: only then does it read the account's limits. */
export const SUBSCRIBED = { ANTHROPIC_API_KEY: undefined, CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-scripted" };

/** How long a turn may take that waits for a limit of a few seconds, in ms. */
const OVER_MS = 400_000;

export function startSubscribed({ config = "", ...options }: StartOptions = {}): Promise<TestGateway> {
  const engine = config.includes("[engine]") ? config : `[engine]\nspares = 0\n${config}`;
  return TestGateway.start({ ...options, env: { ...SUBSCRIBED, IS_SANDBOX: "1" }, config: engine });
}

/** Sends a prompt that waits for limits. */
export function promptWaiting(
  gateway: TestGateway,
  path: string,
  prompt: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Answer<TurnResponse & { readonly turn_id?: string }>> {
  return gateway.request(path, { body: { prompt, on_limit: "wait", ...more } });
}

export async function turnOf(gateway: TestGateway, turnId: string): Promise<TurnStatus> {
  const { status, body } = await gateway.request<TurnStatus>(`/turns/${turnId}`);
  if (status !== 200) throw new Error(`the turn ${turnId}: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** The turn, once it is over. */
export function over(gateway: TestGateway, turnId: string): Promise<TurnStatus> {
  return eventually(
    `the end of turn ${turnId}`,
    async () => {
      const turn = await turnOf(gateway, turnId);
      return ["queued", "running", "parked"].includes(turn.state) ? undefined : turn;
    },
    OVER_MS,
  );
}

/** The statuses of the model's responses to the prompts of a session, in order. */
export function statusesOf(gateway: TestGateway, sessionId: string): (number | null)[] {
  const asked = gateway.model.requests().filter((request) => request.sessionId === sessionId);
  return asked.filter(({ kind }) => kind === "turn").map(({ status }) => status);
}
