import { expect } from "chai";
import { forcedTool as anthropicTool } from "#plugins/anthropic/tools.js";
import { forcedTool } from "#plugins/openai/tools.js";

const PARAMETERS = { type: "object", properties: { a: { type: "string" } } };
const one = [{ type: "function", function: { name: "one", parameters: PARAMETERS } }];
const two = [...one, { type: "function", function: { name: "two" } }];

describe("tools of a request", () => {
  it("are a schema where one function is forced, in the older form too", () => {
    const named = { type: "function", function: { name: "one" } };
    const forced = { name: "one", schema: PARAMETERS };
    expect(forcedTool({ tools: two, tool_choice: named }, "refuse")).to.deep.equal({
      ...forced,
      finish: "stop",
    });
    expect(forcedTool({ tools: one, tool_choice: "required" }, "refuse")).to.deep.equal({
      ...forced,
      finish: "tool_calls",
    });
    const functions = [{ name: "one", parameters: PARAMETERS }];
    expect(forcedTool({ functions, function_call: { name: "one" } }, "refuse")).to.include({ name: "one" });
    const tools = [{ name: "one", input_schema: PARAMETERS }];
    expect(anthropicTool({ tools, tool_choice: { type: "tool", name: "one" } }, "refuse")).to.deep.equal(
      forced,
    );
    expect(anthropicTool({ tools, tool_choice: { type: "any" } }, "refuse")).to.deep.equal(forced);
  });

  it("are refused where the model may choose, or ignored if the setting says so", () => {
    const anthropic = { tools: [{ name: "one", input_schema: PARAMETERS }] };
    for (const tool_choice of [undefined, null, "auto"]) {
      expect(() => forcedTool({ tools: one, tool_choice }, "refuse")).to.throw(
        /tools are not supported unless/,
      );
      expect(forcedTool({ tools: one, tool_choice }, "ignore")).to.equal(undefined);
    }
    expect(() => anthropicTool(anthropic, "refuse")).to.throw(/tools are not supported unless/);
    expect(anthropicTool({ ...anthropic, tool_choice: { type: "auto" } }, "ignore")).to.equal(undefined);
    // A call is required, and the model would have to choose which.
    expect(() => forcedTool({ tools: two, tool_choice: "required" }, "ignore")).to.throw(/not supported/);
  });

  it("do nothing where none may be called, and must be what a choice names", () => {
    expect(forcedTool({ tools: two, tool_choice: "none" }, "refuse")).to.equal(undefined);
    expect(forcedTool({ tools: [] }, "refuse")).to.equal(undefined);
    expect(forcedTool({}, "refuse")).to.equal(undefined);
    const unknown = { type: "function", function: { name: "three" } };
    expect(() => forcedTool({ tools: two, tool_choice: unknown }, "ignore")).to.throw(
      /must name one of the tools/,
    );
  });
});
