import type { ContentBlock } from "@claudeway/core";
import { expect } from "chai";
import type { ChatMessage } from "#chat/chat-message.js";
import { BEGINNING, historyHash, toChat } from "#chat/messages.js";

const text = (content: string): ContentBlock => ({ type: "text", text: content });
const user = (...content: ContentBlock[]): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content: [text(content)] });
const SCOPE = { keyId: "bob", agent: false, system: undefined, conversationId: undefined };

describe("messages of a chat", () => {
  it("become turns: neighbours of one role are one, empty ones are left out", () => {
    const chat = toChat([user(text("a")), user(text("b")), assistant(" "), user(text("c")), assistant("d")]);
    expect(chat).to.deep.equal([user(text("a"), text("b"), text("c")), assistant("d")]);
  });

  it("begin with the user's", () => {
    expect(toChat([assistant("Hello!"), user(text("hi"))])[0]).to.deep.equal(user(text(BEGINNING)));
  });

  it("lose the reasoning that front ends put into answers", () => {
    const thought = '<details type="reasoning" done="true">\n<summary>Thought</summary>\n> hm\n</details>\n';
    for (const answer of ["<think>hm</think>\n\nYes.", `${thought}Yes.`])
      expect(toChat([user(text("q")), assistant(answer)])[1]).to.deep.equal(assistant("Yes."));
    expect(toChat([user(text("<think>mine</think>"))])).to.deep.equal([user(text("<think>mine</think>"))]);
  });

  it("are the same chat whatever white space ends them, and another for anything else", () => {
    const hash = (scope: object, ...messages: ChatMessage[]) => historyHash({ ...SCOPE, ...scope }, messages);
    const same = hash({}, user(text("q")), assistant("a"));
    expect(hash({}, user(text("q \n")), assistant("a\n\n"))).to.equal(same);
    expect(hash({ system: undefined }, user(text("q")), assistant("a"))).to.equal(same);
    for (const other of [
      hash({ keyId: "eve" }, user(text("q")), assistant("a")),
      hash({ agent: true }, user(text("q")), assistant("a")),
      hash({ system: "s" }, user(text("q")), assistant("a")),
      hash({ conversationId: "1" }, user(text("q")), assistant("a")),
      hash({}, user(text("q")), assistant("b")),
      hash({}, user(text("Q")), assistant("a")),
      hash({}, user(text(" q")), assistant("a")),
      hash({}, user(text("q"), text("a"))),
      hash({}, user(text("q"))),
    ])
      expect(other).to.not.equal(same);
  });
});
