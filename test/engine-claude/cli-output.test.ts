import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { SDKMessage } from "@anthropic-ai/claude-agent-sdk";
import { expect } from "chai";
import { CliOutput } from "#engine-claude/cli-output.js";
import { CallMessages } from "#engine-claude/messages.js";
import { type BackgroundHearer, ProcessReader } from "#engine-claude/reader.js";
import { TurnReading } from "#engine-claude/reading.js";
import { BackgroundTasks } from "#engine-claude/tasks.js";
import { heapUsed } from "../heap.js";
import { processorMs } from "../processor-time.js";

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

  it("ends where messages of too many characters wait to be read", async () => {
    const output = new CliOutput();
    const from = new PassThrough();
    void output.endWith(endingWith(drain(output.divert(from))));
    const large = `${STATUS.replace("ä", "x".repeat(1024 * 1024))}\n`;
    const reading = output.messages();
    for (let n = 0; n < 150; n++) {
      from.write(large);
      expect((await reading.next()).value, "what is read does not wait").to.have.length(1);
    }
    for (let n = 0; n < 129; n++) from.write(large);
    from.end();
    await once(from, "end");
    let heard = 0;
    const ended = await (async () => {
      for await (const messages of reading) heard += messages.length;
    })().catch((error: unknown) => error);
    expect(ended).to.be.an("error").with.property("message").that.includes("more than 134217728 characters");
    expect(heard).to.be.within(1, 128);
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
      for (const wrong of ["a".repeat(501), { name: "a".repeat(501) }]) {
        const named = { ...started("b"), [name]: wrong };
        expect(() => reader.take(named), name).to.throw("the name of a task must have at most 500");
      }
    }
  });

  it("are as many as the gateway can keep", () => {
    const reader = new ProcessReader();
    for (let n = 0; n < 50_000; n++) reader.take(started(`task-${n}`));
    expect(() => reader.take(started("another"))).to.throw("a CLI must start at most 50000 tasks");
  });

  it("make no message of their agents slower, however many they are", () => {
    const tasks = new BackgroundTasks();
    for (let n = 0; n < 20_000; n++)
      tasks.take(
        Object({ ...started(`task-${n}`), tool_use_id: `call-${n % 10_000}`, is_backgrounded: true }),
      );
    const before = processorMs();
    for (let n = 0; n < 5000; n++) expect(tasks.isAgent(`call-${n + 8000}`)).to.equal(n < 2000);
    expect(processorMs() - before, "ms for 5,000 messages").to.be.below(500);
  });

  it("run as far as there are not too many, by names of a length that the gateway can keep", () => {
    const reader = new ProcessReader();
    const running = (ids: readonly unknown[]): SDKMessage =>
      Object({
        type: "system",
        subtype: "background_tasks_changed",
        tasks: ids.map((task_id) => ({ task_id, task_type: "local_bash", description: "" })),
      });
    const ids = Array.from({ length: 1000 }, (_, n) => `task-${n}`);
    reader.take(running(ids));
    for (const wrong of [[...ids, "another"], ["a".repeat(501)], [{}]])
      expect(() => reader.take(running(wrong))).to.throw("a CLI must run at most 1000 tasks");
  });
});

describe("the messages of a CLI", () => {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const begun = (agent: unknown, id: unknown): SDKMessage =>
    JSON.parse(
      JSON.stringify({
        type: "stream_event",
        parent_tool_use_id: agent,
        event: { type: "message_start", message: { id, model: "m", usage } },
      }),
    );
  const whole = (agent: unknown, id: unknown): SDKMessage =>
    JSON.parse(
      JSON.stringify({
        type: "assistant",
        parent_tool_use_id: agent,
        message: { id, model: "<synthetic>", content: [], usage },
      }),
    );
  const answered = (agent: unknown): SDKMessage =>
    JSON.parse(
      JSON.stringify({ type: "user", parent_tool_use_id: agent, message: { role: "user", content: [] } }),
    );

  it("have names, also those of their agents, of a length that the gateway can keep", () => {
    const reader = new ProcessReader();
    const name = "a".repeat(500);
    for (const message of [begun(name, name), begun(null, name), whole(name, name), whole(null, undefined)])
      reader.take(message);
    for (const wrong of ["a".repeat(501), { name }, [name], 5])
      for (const message of [
        begun(wrong, "m"),
        begun(null, wrong),
        whole(wrong, "m"),
        whole(null, wrong),
        answered(wrong),
      ])
        expect(() => reader.take(message), message.type).to.throw("the names of a message must have at most");
  });

  it("are of as many agents as the gateway can keep", () => {
    const reading = new TurnReading(Object({ usage: () => undefined }));
    for (let n = 0; n < 20_000; n++) reading.take(begun(`agent-${n}`, "m"));
    reading.take(begun("agent-0", "m"));
    expect(() => reading.take(begun("another", "m"))).to.throw("a turn must have at most 20000 agents");
  });

  it("are as many as the gateway can keep, also where no model wrote them", () => {
    const messages = new CallMessages();
    for (let n = 0; n < 20_000; n++) messages.take(whole(null, `m-${n}`));
    messages.take(whole(null, "m-0"));
    expect(() => messages.take(whole(null, "another"))).to.throw("a turn must have at most 20000 messages");
  });
});

describe("the calls of a message", () => {
  const said = (ids: readonly string[], id = "m"): SDKMessage => {
    const content = ids.map((call) => ({ type: "tool_use", id: call, name: "Bash", input: {} }));
    return JSON.parse(
      JSON.stringify({ type: "assistant", parent_tool_use_id: null, message: { id, content } }),
    );
  };

  it("are kept as far as there are not too many, by names of a length that the gateway can keep", () => {
    const messages = new CallMessages();
    messages.take(said(["a", "b".repeat(501)]));
    expect(messages.unsettledWith("a")).to.deep.equal(["a"]);
    messages.take(said(Array.from({ length: 20_000 }, (_, n) => `call-${n}`)));
    expect(messages.unsettledWith("a")).to.have.length(10_000);
  });

  it("are kept as far as a turn has not too many in all its messages", () => {
    const messages = new CallMessages();
    const before = heapUsed();
    for (let message = 0; message < 100; message++)
      messages.take(
        said(
          Array.from({ length: 10_000 }, (_, n) => `call-${message}-${n}`),
          `m-${message}`,
        ),
      );
    // As long as the messages are there.
    expect(messages.unsettledWith("call-0-0")).to.have.length(10_000);
    expect(heapUsed() - before).to.be.below(20 * 1024 * 1024);
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
