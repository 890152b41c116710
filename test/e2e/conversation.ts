import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Session, SessionForked, SessionStarted, TurnResponse } from "@claudeway/schemas";
import { dealtTo, sumOfDelivered } from "./dealt.js";
import type { Answer, RequestOptions, TestGateway } from "./gateway.js";
import { type FiledTurn, LedgerFile } from "./ledger-file.js";
import { eventually } from "./poll.js";

/** Where a turn is when it is ended: its message is over and its tool runs, or it is in the middle of its message. */
export type Place = "tool call" | "message";

/** What the Bash tool runs in the middle of a turn: a child in the background, one in the foreground. */
const LONG_COMMAND = "node -e 'setTimeout(()=>{},60000)' & touch began && node -e 'setTimeout(()=>{},60000)'";

export const PROMPTS: Readonly<Record<Place, string>> = {
  "tool call": `[[words 3]] ${bash(LONG_COMMAND)}`,
  message: "[[words 5]] [[hang]]",
};

/** The directive for a Bash call, whatever characters the command has, with its time limit in ms if not the CLI's. */
export function bash(command: string, timeout?: number): string {
  const input = { command, description: "Test command", timeout };
  return `[[${JSON.stringify({ tool: "Bash", input })}]]`;
}

/** A session of a gateway under test, seen from its client and from behind: the model, the ledger's file. */
export class Conversation {
  readonly ledger: LedgerFile;

  private constructor(
    readonly gateway: TestGateway,
    readonly id: string,
    readonly workdir: string,
  ) {
    this.ledger = new LedgerFile(gateway.dataDir);
  }

  static async start(gateway: TestGateway, body: object = {}, key?: string): Promise<Conversation> {
    const options = key === undefined ? { body } : { body, key };
    const answer = await gateway.request<SessionStarted>("/session/start", options);
    if (answer.status !== 200) throw new Error(`no session: ${JSON.stringify(answer.body)}`);
    return new Conversation(gateway, answer.body.session_id, answer.body.workdir);
  }

  /** A fork of the conversation. */
  async fork(at?: string): Promise<Conversation> {
    const answer = await this.gateway.request<SessionForked>(`${this.path}/fork`, {
      body: at === undefined ? {} : { at },
    });
    if (answer.status !== 200) throw new Error(`no fork: ${JSON.stringify(answer.body)}`);
    return new Conversation(this.gateway, answer.body.session_id, answer.body.workdir);
  }

  get path(): string {
    return `/session/${this.id}`;
  }

  say(
    prompt: string,
    options: RequestOptions & { readonly timeoutSecs?: number } = {},
  ): Promise<Answer<TurnResponse>> {
    const { timeoutSecs, ...rest } = options;
    const limit = timeoutSecs === undefined ? {} : { timeout_secs: timeoutSecs };
    return this.gateway.request<TurnResponse>(this.path, { body: { prompt, ...limit }, ...rest });
  }

  async view(): Promise<Session> {
    return (await this.gateway.request<Session>(this.path)).body;
  }

  dealt() {
    return dealtTo(this.gateway.model, this.id);
  }

  /** Waits until the turn that runs is at that place, and the ledger knows all that was delivered of it. */
  async reached(place: Place, messagesBefore: number): Promise<FiledTurn> {
    return eventually(
      `${this.id} in the middle of a ${place}`,
      async () => {
        const here = this.dealt().slice(messagesBefore);
        if (here.length === 0 || here.some(({ end }) => end !== (place === "message" ? "open" : "finished")))
          return;
        if (place === "tool call" && !this.toolRuns()) return;
        const turn = (await this.ledger.turns(this.id)).at(-1);
        return turn?.end === null && turn.pid !== null && isDeepStrictEqual(turn.tokens, sumOfDelivered(here))
          ? turn
          : undefined;
      },
      180_000,
    );
  }

  /** Waits until the latest turn is in the ledger as ended. */
  async ended(): Promise<FiledTurn> {
    return eventually(`the end of a turn of ${this.id}`, async () => {
      const turn = (await this.ledger.turns(this.id)).at(-1);
      return turn?.end === null ? undefined : turn;
    });
  }

  /** Whether the tool of the running turn has begun. */
  toolRuns(): boolean {
    return existsSync(join(this.workdir, "began"));
  }

  /** Forgets that a tool ran, before the next one. */
  forgetTool(): void {
    rmSync(join(this.workdir, "began"), { force: true });
  }
}
