import { expect } from "chai";
import { entriesOf, readMessages } from "#plugins/openai/messages.js";
import { messagesOf } from "#plugins/openai/response-items.js";

const deep = (levels: number) => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
const wide = (items: number) => `{"a":[${Array(items).fill(0).join(",")}]}`;
const LEVELS = "must be nested at most 200 levels deep";
const ITEMS = "must have at most 50000 items in its lists and objects, with those of the texts before it";

const call = (given: string) => ({ id: "c", type: "function", function: { name: "f", arguments: given } });
const chat = (...calls: readonly object[]) =>
  entriesOf([{ role: "user", content: "q" }, ...calls, { role: "user", content: "go on" }]);
const answer = (...given: readonly string[]) => ({ role: "assistant", tool_calls: given.map(call) });
const inputsOf = (...calls: readonly object[]) =>
  readMessages(chat(...calls), "messages", true).messages.flatMap(({ content }) =>
    content.flatMap((block) => (block.type === "tool_use" ? [block.input] : [])),
  );

describe("arguments of calls in OpenAI's histories", () => {
  it("are objects; anything else is a text", () => {
    expect(inputsOf(answer('{"a":1}', "", ' \n{"b":2}', "[1]", "x, y", "{", '"a"'))).to.deep.equal([
      { a: 1 },
      {},
      { b: 2 },
      ...["[1]", "x, y", "{", '"a"'].map((text) => ({ arguments: text })),
    ]);
    const text = "[".repeat(300) + ",".repeat(60_000);
    expect(inputsOf(answer(text, JSON.stringify({ text })))).to.deep.equal([{ arguments: text }, { text }]);
  });

  it("have the limits of a body, in one text and in all of them", () => {
    expect(inputsOf(answer(deep(200), deep(200)))).to.have.length(2);
    expect(inputsOf(answer(wide(40_000)))).to.have.length(1);
    for (const [calls, param, problem] of [
      [[answer(deep(201))], "messages[1].tool_calls[0].function.arguments", LEVELS],
      [[answer("{}", deep(100_000))], "messages[1].tool_calls[1].function.arguments", LEVELS],
      [[answer(wide(50_001))], "messages[1].tool_calls[0].function.arguments", ITEMS],
      [
        [answer(wide(30_000)), { role: "tool", tool_call_id: "c", content: "r" }, answer(wide(30_000))],
        "messages[3].tool_calls[0].function.arguments",
        ITEMS,
      ],
      [
        [{ role: "assistant", function_call: { name: "f", arguments: deep(201) } }],
        "messages[1].function_call.arguments",
        LEVELS,
      ],
    ] as const)
      expect(() => inputsOf(...calls))
        .to.throw(`${param} ${problem}`)
        .with.nested.property("options.details.param", param);
  });

  it("are named as items of a response's input", async () => {
    const item = { type: "function_call", name: "f", call_id: "c", arguments: deep(201) };
    const user = { role: "user", content: "q" };
    const entries = await messagesOf([user, item, user], () => Promise.reject(new Error("no reference")));
    expect(() => readMessages(entries, "input", true)).to.throw(`input[1].arguments ${LEVELS}`);
  });
});
