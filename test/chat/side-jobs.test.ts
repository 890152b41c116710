import { expect } from "chai";
import { isSideJob } from "#chat/side-jobs.js";

const request = (...texts: string[]) => ({
  messages: texts.map((text) => ({ role: "user" as const, content: [{ type: "text" as const, text }] })),
  schema: undefined,
  tools: undefined,
});

describe("side jobs of front ends", () => {
  for (const text of [
    "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Chat History:\n<chat_history>\nUSER: hi\n</chat_history>",
    "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history\n### Chat History:\nhi",
    "### Task:\nSuggest 3-5 relevant follow-up questions\n<chat_history>hi</chat_history>",
    "Provide a concise, 5-word-or-less title for the conversation, using title case conventions. Only return the title itself.\n\nConversation:\nUser: hi\nAI: hello",
    "Based on the chat history, give this conversation a name.\nKeep it short.\nhi",
  ])
    it(`are recognised: ${JSON.stringify(text.slice(0, 60))}`, () => {
      expect(isSideJob(request(text))).to.equal(true);
    });

  it("are not what only resembles them", () => {
    for (const text of [
      "### Task:\nWrite a poem.",
      "Provide a concise, 5-word-or-less title for the conversation",
      "Why does it say ### Task: and <chat_history>?",
      "Based on the chat history, give this conversation a name.",
      "",
    ])
      expect(isSideJob(request(text)), text).to.equal(false);
  });

  it("are not in the middle of a chat, and do not have tools or a schema", () => {
    const job = "### Task:\nTitle it.\n<chat_history>";
    expect(isSideJob(request("hi", "hello", job))).to.equal(false);
    expect(isSideJob({ ...request(job), schema: {} })).to.equal(false);
    expect(isSideJob({ ...request(job), tools: { tools: {}, single: false } })).to.equal(false);
  });
});
