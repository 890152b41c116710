import { expect } from "chai";
import { startTimeOf } from "#engine-claude/proc.js";
import { type Conversation, type Place, PROMPTS } from "./conversation.js";
import type { TestGateway } from "./gateway.js";
import type { FiledTurn } from "./ledger-file.js";
import { eventually } from "./poll.js";
import { cliOf } from "./processes.js";

/** A way in which a single turn ends. */
export interface Way {
  readonly name: string;
  readonly places: readonly Place[];
  /** The CLI has no chance to report. */
  readonly killed?: boolean;
  /** Begins the turn and ends it in that way; what it leaves is looked at later. */
  run(talk: Conversation, place: Place, look?: (turn: FiledTurn) => Promise<void>): Promise<void>;
}

/** How a turn in the middle is asked for. */
interface Asking {
  readonly stream?: boolean;
  readonly timeoutSecs?: number;
}

/** Begins a turn, waits until it is in the middle, and does something to it. */
export async function inTheMiddle(
  talk: Conversation,
  place: Place,
  act: (turn: FiledTurn, leave: AbortController) => unknown,
  how: Asking = {},
): Promise<void> {
  talk.forgetTool();
  const before = talk.dealt().length;
  const leave = new AbortController();
  const body = { prompt: PROMPTS[place], timeout_secs: how.timeoutSecs ?? 120 };
  const path = how.stream === true ? `${talk.path}/stream` : talk.path;
  const answer = talk.gateway
    .fetch(path, { body, signal: leave.signal })
    .then((response) => response.text())
    .catch(() => undefined);
  await act(await talk.reached(place, before), leave);
  await answer;
}

/** Stops a turn in the middle; `look` sees it before. */
function stopping(
  name: string,
  act: (talk: Conversation, turn: FiledTurn, leave: AbortController) => unknown,
  how: Asking = {},
): Way {
  return {
    name,
    places: ["tool call", "message"],
    run: (talk, place, look) =>
      inTheMiddle(
        talk,
        place,
        async (turn, leave) => {
          await look?.(turn);
          await act(talk, turn, leave);
        },
        how,
      ),
  };
}

export const SESSION_WAYS: readonly Way[] = [
  {
    name: "a result",
    places: ["tool call"],
    async run(talk) {
      expect((await talk.say("[[bash echo hi]] [[words 9]]")).body.success).to.equal(true);
    },
  },
  {
    name: "a result, and its CLI killed while it waits",
    places: ["tool call"],
    async run(talk) {
      expect((await talk.say("[[bash echo hi]] [[words 9]]")).body.success).to.equal(true);
      await endIdle(talk, "SIGKILL");
    },
  },
  {
    name: "a result, and its CLI ended while it waits",
    places: ["tool call"],
    async run(talk) {
      expect((await talk.say("[[bash echo hi]] [[words 9]]")).body.success).to.equal(true);
      await endIdle(talk, "SIGTERM");
    },
  },
  {
    name: "a model error",
    places: ["tool call"],
    async run(talk) {
      const { body } = await talk.say("[[bash echo hi]] [[fail 400 no more]]");
      expect(body.success).to.equal(false);
      expect(body.error).to.contain("no more");
    },
  },
  {
    name: "a refusal by a plugin",
    places: ["tool call"],
    async run(talk) {
      expect((await talk.say("[[refuse]] [[words 5]]")).status).to.equal(422);
    },
  },
  stopping("an interrupt", async (talk) => {
    const { body } = await talk.gateway.request(`${talk.path}/interrupt`, { body: {} });
    expect(body["interrupted"]).to.equal(true);
  }),
  stopping("a timeout", () => undefined, { timeoutSecs: 15 }),
  stopping("a client of JSON that goes away", (_talk, _turn, leave) => leave.abort()),
  stopping("a client of events that goes away", (_talk, _turn, leave) => leave.abort(), { stream: true }),
  stopping("a deleted session", async (talk) => {
    const { body } = await talk.gateway.request(talk.path, { method: "DELETE" });
    expect(body["deleted"]).to.equal(true);
  }),
  { ...stopping("a CLI that is killed", (_talk, turn) => killChild(turn)), killed: true },
  { ...stopping("a CLI that gets SIGTERM", (_talk, turn) => signalChild(turn, "SIGTERM")), killed: true },
];

export interface GatewayWay {
  readonly name: string;
  readonly graceSecs: number;
  readonly killed?: boolean;
  end(gateway: TestGateway): Promise<unknown>;
}

export const GATEWAY_WAYS: readonly GatewayWay[] = [
  { name: "SIGTERM of the gateway", graceSecs: 1, end: (gateway) => gateway.stop("SIGTERM") },
  {
    name: "a second signal",
    graceSecs: 60,
    end(gateway) {
      gateway.signal("SIGTERM");
      return gateway.stop("SIGINT");
    },
  },
  {
    name: "SIGKILL of the gateway",
    graceSecs: 1,
    killed: true,
    end: (gateway) => gateway.stop("SIGKILL"),
  },
];

/** Ends the process that waits for the session's next turn. */
async function endIdle(talk: Conversation, signal: NodeJS.Signals): Promise<void> {
  const { pid } = await talk.ended();
  if (pid === null) throw new Error("the turn has no process");
  const startTime = await startTimeOf(pid);
  // It may have been evicted for another session.
  if (startTime === undefined) return;
  process.kill(pid, signal);
  await eventually("the end of the process", async () => (await startTimeOf(pid)) !== startTime);
}

export function killChild(turn: FiledTurn): void {
  signalChild(turn, "SIGKILL");
}

function signalChild({ pid }: FiledTurn, signal: NodeJS.Signals): void {
  if (pid === null) throw new Error("the turn has no process");
  process.kill(cliOf(pid), signal);
}
