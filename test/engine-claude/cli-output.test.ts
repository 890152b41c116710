import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { SDKMessage } from "@anthropic-ai/claude-agent-sdk";
import { expect } from "chai";
import { CliOutput } from "#engine-claude/cli-output.js";
import { CallMessages } from "#engine-claude/messages.js";
import { type BackgroundHearer, ProcessReader } from "#engine-claude/reader.js";

const STATE = '{"type":"system","subtype":"session_state_changed","state":"idle"}';
const STATUS = '{"type":"system","subtype":"status","status":"ä€𝄞"}';
const RESULT = '{"type":"result","subtype":"success","result":"done"}';
const REQUEST = '{"type":"control_request","request_id":"1","request":{"subtype":"hook_callback"}}';
const RESPONSE = '{"type":"control_response","response":{"subtype":"success","request_id":"1"}}';

describe("the output of a CLI", () => {
  it("is read line by line, wherever its chunks are cut", async () => {
    const bytes = Buffer.from(`${STATUS}\n${STATUS}\n`);
    for (let cut = 1; cut < bytes.length; cut++) {
      const { messages } = await read([bytes.subarray(0, cut), bytes.subarray(cut)]);
      expect(messages.map((message) => JSON.stringify(message))).to.deep.equal([STATUS, STATUS]);
    }
  });

  it("passes protocol and idle messages to the SDK", async () => {
    const { messages, rest } = await read([
      [STATUS, RESPONSE, STATE, '{"type":"keep_alive"}', RESULT, ""].join("\n"),
    ]);
    expect(rest.split("\n")).to.deep.equal([RESPONSE, STATE, '{"type":"keep_alive"}', RESULT, ""]);
    expect(messages.map(({ type }) => type)).to.deep.equal(["system", "system", "result"]);
  });

  it("skips foreign lines, and reads an unterminated last one", async () => {
    const { messages } = await read([`npm warn\n\n[1]\n{"half":\n${STATUS}\nnull\n{}\n${STATUS}`]);
    expect(messages).to.have.length(2);
  });

  it("yields nothing after a result until its waiters have run", async () => {
    const order: string[] = [];
    const output = new CliOutput();
    const from = new PassThrough();
    const sdk = drain(output.divert(from));
    void output.endWith(endingWith(sdk));
    from.end([RESULT, STATUS, ""].join("\n"));
    for await (const message of singly(output)) {
      order.push(message.type);
      if (message.type === "result") void afterAWhile().then(() => order.push("worked off"));
    }
    expect(order).to.deep.equal(["result", "worked off", "system"]);
  });

  it("passes requests to the SDK once the messages before them are worked off, as when a result has to be stored", async () => {
    const order: string[] = [];
    const output = new CliOutput({
      take: () => undefined,
      flush: () => sleep(50, true),
      ended: () => undefined,
    });
    const from = new PassThrough();
    output.divert(from).on("data", (line) => {
      order.push(String(line).includes("control_request") ? "request" : "other");
      if (order.includes("request")) from.end();
    });
    void output.endWith(endingWith(once(from, "close").then(() => "")));
    from.write([STATUS, RESULT, STATUS, REQUEST, ""].join("\n"));
    for await (const { type } of singly(output)) order.push(type);
    expect(order.filter((one) => one !== "other")).to.deep.equal(["system", "result", "system", "request"]);
  });

  it("ends at a line that does not end", async () => {
    const output = new CliOutput();
    const from = new PassThrough();
    output.divert(from);
    const ended = collect(output, []).catch((error: unknown) => error);
    for (let n = 0; n < 65; n++) from.write("x".repeat(1024 * 1024));
    expect(await ended)
      .to.be.an("error")
      .with.property("message")
      .that.includes("a line of more than");
  });

  it("ends with the error of the SDK's reader, after all messages", async () => {
    const output = new CliOutput();
    const from = new PassThrough();
    const sdk = drain(output.divert(from));
    void output.endWith(endingWith(sdk, new Error("terminated by signal SIGKILL")));
    from.end(`${STATUS}\n`);
    const heard: SDKMessage[] = [];
    const failure = await collect(output, heard).catch((error: unknown) => error);
    expect(heard).to.have.length(1);
    expect(failure).to.be.an("error").with.property("message", "terminated by signal SIGKILL");
  });
});

describe("the turns that a CLI begins by itself", () => {
  it("are recorded as far as there are not too many", () => {
    let begun = 0;
    const hearer: BackgroundHearer = {
      take: () => undefined,
      finish: () => undefined,
      end: () => undefined,
      about: () => undefined,
      fold: () => undefined,
    };
    const reader = new ProcessReader();
    reader.own({
      heard: () => undefined,
      agentSaid: () => undefined,
      saidBetween: () => undefined,
      begin: () => {
        begun++;
        return hearer;
      },
      tasksChanged: () => undefined,
      rested: () => undefined,
      lostResults: () => undefined,
      stray: () => undefined,
    });
    const message: SDKMessage = JSON.parse(
      '{"type":"result","subtype":"success","result":"","origin":{"kind":"task-notification","runId":"x"}}',
    );
    const flood = () => {
      for (let n = 0; n < 1000; n++) reader.take(message);
    };
    expect(flood).to.throw("the CLI begins too many turns by itself");
    expect(begun).to.equal(100);
  });
});

describe("the tasks that a CLI starts", () => {
  const started = (id: string): SDKMessage =>
    JSON.parse(
      JSON.stringify({ type: "system", subtype: "task_started", task_type: "local_agent", task_id: id }),
    );

  it("have names of a length that the gateway can keep", () => {
    const reader = new ProcessReader();
    reader.take(started("a".repeat(500)));
    expect(() => reader.take(started("a".repeat(501)))).to.throw("the name of a task must have at most 500");
    for (const name of ["run_id", "task_type", "tool_use_id", "parent_task_id"]) {
      const long = { ...started("b"), [name]: "a".repeat(501) };
      expect(() => reader.take(long), name).to.throw("the name of a task must have at most 500");
    }
  });

  it("are as many as the gateway can keep", () => {
    const reader = new ProcessReader();
    for (let n = 0; n < 50_000; n++) reader.take(started(`task-${n}`));
    expect(() => reader.take(started("another"))).to.throw("a CLI must start at most 50000 tasks");
  });
});

describe("the calls of a message", () => {
  const said = (ids: readonly string[]): SDKMessage => {
    const content = ids.map((id) => ({ type: "tool_use", id, name: "Bash", input: {} }));
    return JSON.parse(
      JSON.stringify({ type: "assistant", parent_tool_use_id: null, message: { id: "m", content } }),
    );
  };

  it("are kept as far as there are not too many, by names of a length that the gateway can keep", () => {
    const messages = new CallMessages();
    messages.take(said(["a", "b".repeat(501)]));
    expect(messages.unsettledWith("a")).to.deep.equal(["a"]);
    messages.take(said(Array.from({ length: 20_000 }, (_, n) => `call-${n}`)));
    expect(messages.unsettledWith("a")).to.have.length(10_000);
  });
});

async function read(chunks: readonly (string | Buffer)[]): Promise<{ messages: SDKMessage[]; rest: string }> {
  const output = new CliOutput();
  const from = new PassThrough();
  const sdk = drain(output.divert(from));
  void output.endWith(endingWith(sdk));
  const messages: SDKMessage[] = [];
  const all = collect(output, messages);
  for (const chunk of chunks) from.write(chunk);
  from.end();
  await all;
  return { messages, rest: await sdk };
}

async function collect(output: CliOutput, into: SDKMessage[]): Promise<void> {
  for await (const message of singly(output)) into.push(message);
}

async function* singly(output: CliOutput): AsyncGenerator<SDKMessage, void> {
  for await (const messages of output.messages()) yield* messages;
}

/** As the SDK's own messages: they end when its input does. */
// biome-ignore lint/correctness/useYield: it has none of its own
async function* endingWith(sdk: Promise<string>, error?: Error): AsyncGenerator<SDKMessage, void> {
  await sdk;
  if (error !== undefined) throw error;
}

async function drain(from: Readable): Promise<string> {
  let text = "";
  for await (const chunk of from) text += chunk;
  return text;
}

/** As many promises one after the other as may lie between a result and the end of its turn. */
async function afterAWhile(): Promise<void> {
  for (let step = 0; step < 50; step++) await Promise.resolve();
}
