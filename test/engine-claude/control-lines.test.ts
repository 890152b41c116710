import { EventEmitter, once } from "node:events";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { startQuery } from "#engine-claude/cli-query.js";
import { loadSdk } from "#engine-claude/sdk.js";
import { heapUsed } from "../heap.js";

const MIB = 1024 * 1024;
const LONG = "x".repeat(MIB);

/** Stands in for the process of a CLI. */
class Child extends EventEmitter {
  readonly stdin = new PassThrough({ encoding: "utf8" });
  stdout = new PassThrough();
  readonly killed = false;
  readonly exitCode = null;
  readonly said = this.stdout;
  readonly heard: string[] = [];

  constructor() {
    super();
    this.stdin.on("data", (text: string) => this.heard.push(...text.trim().split("\n")));
  }

  kill(): boolean {
    return true;
  }

  async say(line: object): Promise<void> {
    this.said.write(`${JSON.stringify(line)}\n`);
    await sleep(2);
  }

  /** Waits for what the SDK writes and has this in it. */
  async hear(text: string): Promise<string> {
    for (;;) {
      const found = this.heard.find((line) => line.includes(text));
      if (found !== undefined) return found;
      await once(this.stdin, "data");
    }
  }

  async answer(subtype: string, response: object): Promise<void> {
    const { request_id } = JSON.parse(await this.hear(`"subtype":"${subtype}"`));
    await this.say({ type: "control_response", response: { subtype: "success", request_id, response } });
  }
}

describe("lines of a CLI for the SDK, where a tool speaks for the CLI", () => {
  let child: Child;
  let query: ReturnType<typeof startQuery>;
  let asked = 0;
  let answer: () => void = () => undefined;

  before(loadSdk);

  beforeEach(async () => {
    child = new Child();
    asked = 0;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const hook = async () => {
      asked++;
      await answered;
      return {};
    };
    query = startQuery({
      prompt: new PassThrough({ objectMode: true }),
      options: { spawnClaudeCodeProcess: () => child, hooks: { PreToolUse: [{ hooks: [hook] }] } },
    });
    void drain(query);
    await child.answer("initialize", { commands: [], models: [{ value: LONG }] });
    expect(await query.supportedModels(), "a long answer that the SDK waits for").to.have.length(1);
  });

  afterEach(() => {
    answer();
    query.close();
    child.emit("exit", 0, null);
  });

  /** By how much the heap has grown after 40 lines. */
  async function growth(line: (n: number) => object): Promise<number> {
    const before = heapUsed();
    for (let n = 0; n < 40; n++) await child.say(line(n));
    await sleep(50);
    return heapUsed() - before;
  }

  function callback(n: number, tool_input: object = {}): object {
    const input = { hook_event_name: "PreToolUse", tool_name: "Bash", tool_input, tool_use_id: `${n}` };
    return { subtype: "hook_callback", callback_id: "hook_0", tool_use_id: `${n}`, input };
  }

  it("keeps no responses that the SDK did not ask for", async () => {
    const response = (n: number) => ({
      subtype: "success",
      request_id: `${n}`,
      response: { text: LONG + n },
    });
    const grown = await growth((n) => ({ type: "control_response", response: response(n) }));
    expect(grown).to.be.below(4 * MIB);
    const spaced = await growth((n) => ({ id: n, type: "control_response", response: response(n) }));
    expect(spaced).to.be.below(4 * MIB);
  });

  it("keeps no long ids of requests", async () => {
    const request = { subtype: "unknown" };
    const before = child.heard.length;
    const grown = await growth((n) => ({ type: "control_request", request_id: LONG + n, request }));
    expect(grown).to.be.below(4 * MIB);
    expect(child.heard).to.have.length(before);
  });

  it("keeps nothing of a call that waits but the call", async () => {
    const grown = await growth((n) => ({
      type: "control_request",
      request_id: `${n}`,
      request: { ...callback(n), text: LONG + n },
    }));
    expect(grown).to.be.below(4 * MIB);
    expect(asked).to.equal(0);
  });

  it("passes a call with a long input on, and its answer back", async () => {
    const request = callback(1, { command: LONG });
    await child.say({ type: "control_request", request_id: "a call", request });
    await sleep(20);
    expect(asked).to.equal(1);
    answer();
    expect(await child.hear("a call")).to.include('"subtype":"success"');
  });
});

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const _ of messages);
  } catch {
    // The CLI is gone.
  }
}
