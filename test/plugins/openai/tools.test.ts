import { expect } from "chai";
import { readTools } from "#plugins/anthropic/tools.js";
import { readFunctions } from "#plugins/openai/tools.js";

const PARAMETERS = { type: "object", properties: { a: { type: "string" } } };
const one = [{ type: "function", function: { name: "one", description: "One.", parameters: PARAMETERS } }];
const two = [...one, { type: "function", function: { name: "two" } }];
const ofAnthropic = [{ name: "one", description: "One.", input_schema: PARAMETERS }];

describe("tools of a request", () => {
  it("are a schema where one function is forced, in the older form too", () => {
    const named = { type: "function", function: { name: "one" } };
    for (const [choice, finish] of [
      [readFunctions({ tools: two, tool_choice: named }, "call"), "stop"],
      [readFunctions({ tools: one, tool_choice: "required" }, "refuse"), "tool_calls"],
      [
        readFunctions(
          { functions: [{ name: "one", parameters: PARAMETERS }], function_call: { name: "one" } },
          "call",
        ),
        "stop",
      ],
    ] as const) {
      expect(choice.offered).to.equal(undefined);
      expect(choice.call?.finish).to.equal(finish);
      expect(choice.call?.forced.schema).to.equal(PARAMETERS);
      expect(choice.call?.forced.read({ a: "x" })).to.deep.equal({ name: "one", input: { a: "x" } });
    }
    for (const tool_choice of [{ type: "tool", name: "one" }, { type: "any" }]) {
      const { forced } = readTools({ tools: ofAnthropic, tool_choice }, "refuse");
      expect(forced?.schema).to.equal(PARAMETERS);
      expect(forced?.read({})).to.deep.equal({ name: "one", input: {} });
    }
  });

  it("are a schema of a name and an input where one of several is required", () => {
    const { call } = readFunctions({ tools: two, tool_choice: "required" }, "call");
    expect(JSON.stringify(call?.forced.schema)).to.contain('"const":"two"');
    const read = call?.forced.read({ call: { name: "two", input: { b: 1 } } });
    expect(read).to.deep.equal({ name: "two", input: { b: 1 } });
    const referring = { type: "function", function: { name: "r", parameters: { $ref: "#/$defs/a" } } };
    expect(() => readFunctions({ tools: [...one, referring], tool_choice: "required" }, "call")).to.throw(
      /tool_choice must be auto, none or a named tool, because the schema of \w+ has \$ref/,
    );
  });

  it("are offered where the model may choose, one call at a time if asked for", () => {
    const offered = { one: { description: "One.", input_schema: PARAMETERS } };
    for (const tool_choice of [undefined, null, "auto"])
      expect(readFunctions({ tools: one, tool_choice }, "call")).to.deep.equal({
        call: undefined,
        offered: { tools: offered, single: false },
      });
    const single = { type: "auto", disable_parallel_tool_use: true };
    expect(readTools({ tools: ofAnthropic, tool_choice: single }, "call")).to.deep.equal({
      offered: { tools: offered, single: true },
    });
    expect(readFunctions({ tools: one, parallel_tool_calls: false }, "call").offered?.single).to.equal(true);
  });

  it("are refused or ignored there if the setting says so", () => {
    expect(() => readFunctions({ tools: one }, "refuse")).to.throw(/tools must be forced/);
    expect(() => readTools({ tools: ofAnthropic }, "refuse")).to.throw(/tools must be forced/);
    expect(readFunctions({ tools: one }, "ignore")).to.deep.equal({ call: undefined });
    expect(readTools({ tools: ofAnthropic, tool_choice: { type: "auto" } }, "ignore")).to.deep.equal({});
  });

  it("do nothing where none may be called, and must be what a choice names", () => {
    for (const body of [{ tools: two, tool_choice: "none" }, { tools: [] }, {}])
      expect(readFunctions(body, "call")).to.deep.equal({ call: undefined });
    expect(readTools({ tools: ofAnthropic, tool_choice: { type: "none" } }, "call")).to.deep.equal({});
    const unknown = { type: "function", function: { name: "three" } };
    for (const [body, message] of [
      [{ tools: two, tool_choice: unknown }, /must name one of the tools, got "three"/],
      [{ tools: two, tool_choice: "any" }, /tool_choice must be none, auto, required or a function/],
      [{ tools: [{ type: "web_search" }] }, /tools\[0\]\.type must be function, got "web_search"/],
      [
        { tools: [{ type: "function", function: { name: "a b" } }] },
        /tools\[0\]\.function\.name must be a name of 1 to 64/,
      ],
      [{ tools: Array(129).fill(one[0]) }, /tools must have at most 128 items, got 129/],
    ] as const)
      expect(() => readFunctions(body, "call")).to.throw(message);
    const builtIn = [{ type: "web_search_20250305", name: "web_search" }];
    expect(() => readTools({ tools: builtIn }, "call")).to.throw(/tools\[0\]\.type must be custom/);
  });
});
