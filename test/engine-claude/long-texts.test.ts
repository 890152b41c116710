import type { SDKMessage, SDKTaskStartedMessage, SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import type { EngineEvent, TurnUsage } from "@claudeway/ports";
import { expect } from "chai";
import { EventReading } from "#engine-claude/event-reading.js";
import { LateListener } from "#engine-claude/late-listener.js";
import { TurnReading } from "#engine-claude/reading.js";
import { BackgroundTasks } from "#engine-claude/tasks.js";
import { NOTHING } from "#engine-claude/totals.js";
import { estimatedUsage } from "#engine-claude/usage.js";
import { heapUsed } from "../heap.js";

const MESSAGES = 20;
const CHARS = 1_000_000;
/** A tenth of what all of them have. */
const MAX_GROWTH = (MESSAGES * CHARS) / 10;

/** As a line of the CLI is parsed: not in pieces that texts share. */
const long = (n: number) => String(JSON.parse(JSON.stringify(`${n} ${"long ".repeat(CHARS / 5)}`)));

describe("long texts of a CLI", () => {
  it("are not kept whole where a task is", () => {
    const before = heapUsed();
    const tasks = new BackgroundTasks();
    const events = Array.from({ length: MESSAGES }, (_, n) => {
      const started: Partial<SDKTaskStartedMessage> = {
        type: "system",
        subtype: "task_started",
        task_id: `${n}`,
        task_type: "local_bash",
        description: long(n),
      };
      const message = started as SDKMessage;
      tasks.take(message);
      return tasks.eventOf(message);
    });
    expect(heapUsed() - before).to.be.below(MAX_GROWTH);
    expect(events.map((event) => event?.description.length)).to.deep.equal(Array(MESSAGES).fill(16_384));
  });

  it("are not kept whole where a task's end is", () => {
    const tasks = new BackgroundTasks();
    const ended = (n: number) =>
      ({ type: "system", subtype: "task_notification", task_id: `${n}`, summary: long(n) }) as SDKMessage;
    const before = heapUsed();
    for (let n = 0; n < MESSAGES; n++) tasks.take(ended(n));
    expect(heapUsed() - before).to.be.below(MAX_GROWTH);
    expect(tasks.heard(undefined)?.summary).to.have.length(16_384);
  });

  it("are not kept whole where a tool's result is cut", () => {
    const before = heapUsed();
    const events: EngineEvent[] = [];
    const listener = { event: (event: EngineEvent) => void events.push(event), wants: () => true };
    const reading = new EventReading(Object(listener), new BackgroundTasks());
    for (let n = 0; n < MESSAGES; n++) {
      const content = [{ type: "tool_result", tool_use_id: `${n}`, content: long(n) }];
      const message = { type: "user", message: { role: "user", content }, parent_tool_use_id: null };
      reading.take(message as SDKUserMessage);
    }
    expect(heapUsed() - before).to.be.below(MAX_GROWTH);
    const lengths = events.map(({ data }) => Object(data).text.length);
    expect(lengths).to.deep.equal(Array(MESSAGES).fill(16_384));
  });
});

describe("what a CLI says character by character", () => {
  const CHARACTERS = 500_000;
  const delta = (text: string): SDKMessage =>
    Object({
      type: "stream_event",
      parent_tool_use_id: null,
      event: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
    });
  const speak = (reading: TurnReading) => {
    for (let n = 0; n < CHARACTERS; n++) reading.take(delta(String.fromCharCode(97 + (n % 26))));
  };

  it("takes little more memory than its characters", () => {
    const before = heapUsed();
    const reading = new TurnReading(Object({ text: () => undefined }));
    speak(reading);
    expect((heapUsed() - before) / CHARACTERS, "bytes a character").to.be.below(4);
    expect(reading.text)
      .to.have.length(CHARACTERS)
      .and.match(/^abc.*xyz/);
  });

  it("takes little more memory until a turn has a listener, which gets all of it in one piece", () => {
    const before = heapUsed();
    const late = new LateListener();
    speak(new TurnReading(late));
    expect((heapUsed() - before) / CHARACTERS, "bytes a character").to.be.below(8);
    late.event({ type: "retry", data: { status: null, error: "", attempt: 1, of: 2, wait_ms: 1 } });
    late.text("after");
    const heard: unknown[] = [];
    late.attach(
      Object({ text: (text: string) => heard.push(text.length), event: () => heard.push("event") }),
    );
    late.text("late");
    expect(heard).to.deep.equal([CHARACTERS, "event", 5, 4]);
  });

  it("keeps no more of a CLI's work than a stream does until a turn has a listener", () => {
    const late = new LateListener();
    const before = heapUsed();
    for (let n = 0; n < 50; n++) late.event({ type: "thinking", data: { text: long(n) } });
    expect(heapUsed() - before).to.be.below(6_000_000);
    const heard: unknown[] = [];
    late.attach(Object({ event: (event: EngineEvent) => heard.push(event) }));
    expect(heard).to.have.length(4);
    late.event({ type: "thinking", data: { text: "late" } });
    expect(heard).to.have.length(5);
  });

  it("keeps the latest usage alone until a turn has a listener", () => {
    const late = new LateListener();
    const usage = (output: number) => estimatedUsage({ m: { ...NOTHING, output } });
    const before = heapUsed();
    for (let n = 0; n < 50_000; n++) late.usage(usage(n));
    expect(heapUsed() - before).to.be.below(1_000_000);
    const heard: TurnUsage[] = [];
    late.attach(Object({ usage: (one: TurnUsage) => heard.push(one) }));
    expect(heard).to.deep.equal([usage(49_999)]);
  });
});
