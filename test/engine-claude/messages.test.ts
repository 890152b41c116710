import { expect } from "chai";
import { CallMessages } from "#engine-claude/messages.js";
import { messagesOf } from "./played.js";

const MESSAGES = messagesOf("asked");
const CALLS = MESSAGES.flatMap((message) =>
  message.type === "assistant"
    ? message.message.content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []))
    : [],
);

describe("the calls of a message", () => {
  it("are known once the message is over", async () => {
    const messages = new CallMessages();
    const siblings = messages.siblingsOf(CALLS[0] ?? "", 5000);
    for (const message of MESSAGES) messages.take(message);
    expect(await siblings).to.deep.equal([CALLS[0]]);
    expect(CALLS).to.have.length(2);
  });

  it("are not known of a message that does not end in time", async () => {
    const messages = new CallMessages();
    for (const message of MESSAGES) {
      if (message.type === "stream_event" && message.event.type === "message_stop") break;
      messages.take(message);
    }
    expect(await messages.siblingsOf(CALLS[0] ?? "", 10)).to.equal(undefined);
  });

  it("wait for a subagent that works beside them", async () => {
    const messages = new CallMessages();
    const said = messagesOf("subagent");
    const end = said.findIndex(
      (message) => message.type === "system" && message.subtype === "task_notification",
    );
    for (const message of said.slice(0, end)) messages.take(message);
    let alone = false;
    const waits = messages.untilAlone().then(() => {
      alone = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(alone).to.equal(false);
    for (const message of said.slice(end)) messages.take(message);
    await waits;
  });
});
