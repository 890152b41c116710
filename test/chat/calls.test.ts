import { expect } from "chai";
import { calledBefore, resultOf, withCalls } from "#chat/call-history.js";
import type { ChatMessage } from "#chat/chat-message.js";
import { historyHash, toChat } from "#chat/messages.js";

const SCOPE = { keyId: "bob", agent: false, system: undefined, conversationId: undefined };
const text = (words: string) => ({ type: "text", text: words }) as const;
const user = (...content: ChatMessage["content"]): ChatMessage => ({ role: "user", content });
const model = (...content: ChatMessage["content"]): ChatMessage => ({ role: "assistant", content });

describe("calls in a chat", () => {
  const hash = (...messages: readonly ChatMessage[]) => historyHash(SCOPE, messages);

  it("tell chats apart by id, name, input, result and failure", () => {
    const chat = (id: string, name: string, input: Record<string, unknown>, result = "sun", failed = false) =>
      hash(user(text("hi")), model(calledBefore(id, name, input)), user(resultOf(id, result, failed)));
    const all = [
      chat("1", "weather", { city: "Rome" }),
      chat("2", "weather", { city: "Rome" }),
      chat("1", "time", { city: "Rome" }),
      chat("1", "weather", { city: "Oslo" }),
      chat("1", "weather", { city: "Rome" }, "rain"),
      chat("1", "weather", { city: "Rome" }, "sun", true),
    ];
    expect(new Set(all).size).to.equal(all.length);
    expect(hash(user(text("hi")), model(text("x"))), "an answer without calls").not.to.equal(
      hash(user(text("hi")), model(text("x"), calledBefore("1", "weather", {}))),
    );
  });

  it("are the same in any order of fields, and with results as text or parts", () => {
    const one = hash(user(text("hi")), model(calledBefore("1", "w", { a: 1, b: { c: 2, d: [3] } })));
    const other = hash(user(text("hi")), model(calledBefore("1", "w", { b: { d: [3], c: 2 }, a: 1 })));
    expect(one).to.equal(other);
    expect(hash(user(resultOf("1", "sun \n")))).to.equal(hash(user(resultOf("1", [text("sun")]))));
  });

  it("have one result each, right after them and before anything else", () => {
    const chat = toChat([
      user(text("hi")),
      model(text("Look."), calledBefore("1", "w", {}), calledBefore("2", "w", {})),
      user(text("And?"), resultOf("2", "rain"), resultOf("2", "again"), resultOf("9", "of none")),
    ]);
    expect(withCalls(chat, true).at(-1)?.content).to.deep.equal([
      resultOf("2", "again"),
      resultOf("1", "There is no result of this call.", true),
      text("And?"),
      text("Result of the call: of none"),
    ]);
  });

  it("are text for a model without tools", () => {
    const image = { type: "image", source: { type: "url", url: "https://example.com/a.png" } } as const;
    const chat = [
      model(calledBefore("1", "w", { a: 1 })),
      user(resultOf("1", "sun"), resultOf("2", [text("see"), image])),
    ];
    expect(withCalls(chat, false)).to.deep.equal([
      model(text('Call of w: {"a":1}')),
      user(text("Result of the call: sun"), text("Result of the call:"), text("see"), image),
    ]);
  });

  it("get ids and names that the model API accepts, the same each time", () => {
    const strange = calledBefore("a/b", "my.tool", {});
    expect(strange.id).to.match(/^call_[0-9a-f]{32}$/);
    expect(strange.name).to.equal("my_tool");
    expect(resultOf("a/b", "x")).to.include({ tool_use_id: strange.id });
    expect(calledBefore("x".repeat(129), "", {}).name).to.equal("_");
  });
});
