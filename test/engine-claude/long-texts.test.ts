import type { SDKMessage, SDKTaskStartedMessage, SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import type { EngineEvent } from "@claudeway/ports";
import { expect } from "chai";
import { EventReading } from "#engine-claude/event-reading.js";
import { BackgroundTasks } from "#engine-claude/tasks.js";
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
