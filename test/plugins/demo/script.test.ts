import { expect } from "chai";
import { type ScriptedModel, startScriptedModel } from "#plugins/demo/model/index.js";
import { ask, post, readEvents, requestBody, type SentEvent, streamedText } from "./messages-api.js";

const REMINDER = { type: "text", text: "<system-reminder>\n[[words 99]] from the CLI\n</system-reminder>\n" };

describe("demo: the script for a conversation", () => {
  let model: ScriptedModel;

  before(async () => {
    model = await startScriptedModel();
  });
  after(() => model.close());

  async function events(body: Record<string, unknown>): Promise<SentEvent[]> {
    return readEvents(await (await post(model.url, body)).text());
  }

  describe("input", () => {
    it("reads the caller's last text, not the CLI's additions", async () => {
      const added = [
        "<command-name>/clear</command-name>\n  <command-args></command-args>",
        "<local-command-stdout></local-command-stdout>\n",
        "<local-command-caveat>The command below was run…</local-command-caveat>",
        "[Request interrupted by user]",
        "Tool loaded.",
        "[Image: source: /tmp/claude/images/1.png]",
        "Your response above was cut off mid-stream. Resume directly from where it stops",
        "Output token limit hit. Resume directly",
      ].map((text) => ({ type: "text", text }));
      const content = [REMINDER, ...added, { type: "text", text: "[[echo]] mine" }, REMINDER, ...added];
      const messages = [
        { role: "user", content },
        { role: "system", content: "# Environment\n[[words 3]]" },
      ];
      expect(streamedText(await events({ ...requestBody([]), messages }))).to.equal("[[echo]] mine");
    });

    it("remembers earlier prompts", async () => {
      expect(await ask(model.url, ["one [[x", "two", "[[recall]]"])).to.equal(
        'I remember 2 earlier prompts: ["one [[x","two"]',
      );
      expect(await ask(model.url, ["[[recall]]"])).to.equal("I remember 0 earlier prompts: []");
    });

    it("follows the system prompt if the prompt has no directive", async () => {
      const system = [
        { type: "text", text: "x-anthropic-billing-header: [[words 9]]" },
        { type: "text", text: "[[echo]]" },
      ];
      expect(await ask(model.url, ["/clear"], { system })).to.equal("/clear");
      expect(await ask(model.url, ["@/etc/hostname"], { system: "[[echo]]" })).to.equal("@/etc/hostname");
      expect(await ask(model.url, ["[[say mine]]"], { system })).to.equal("mine");
    });

    it("introduces itself without directives", async () => {
      const reply = await ask(model.url, [`hello ${"very ".repeat(100)}long`]);
      expect(reply).to.match(
        /^This is the demo model: a script on this machine, not Claude\. You wrote: "hello very/,
      );
      expect(reply.length).to.be.below(300);
      expect(await ask(model.url, ["[[x]] hi"])).to.contain('You wrote: "[[x]] hi"');
      expect(await ask(model.url, ["[[words many]]"])).to.contain("does not understand [[words many]]");
    });
  });

  describe("after a tool call", () => {
    it("continues after the call with the given id, even if earlier results are lost", async () => {
      const prompt = "[[bash a]] [[bash b]] [[say last]]";
      const first = await toolUse(prompt, []);
      const afterFirst = await toolUse(prompt, [first]);
      expect([first, afterFirst].map(({ input }) => input["command"])).to.deep.equal(["a", "b"]);
      expect(first.id).to.not.equal(afterFirst.id);
      expect(await textAfter(prompt, [first, afterFirst])).to.equal("last");
      expect(await textAfter(prompt, [afterFirst])).to.equal("last");
    });

    it("reports the results at the end of the script", async () => {
      const prompt = "[[bash a]]";
      const call = await toolUse(prompt, []);
      expect(await textAfter(prompt, [call], "out")).to.equal("Bash answered: out");
      expect(await textAfter(prompt, [call], "no", true)).to.equal("Bash failed: no");
    });

    it("repeats refused calls on request, or after approval", async () => {
      const call = await toolUse("[[write a b]]", []);
      const refused = history("[[write a b]]", [call], "you haven't granted permission to write yet", true);
      for (const prompt of ["[[again]]", "The following were approved: go on", "permission granted"]) {
        const messages = [
          ...refused,
          { role: "assistant", content: "ok" },
          { role: "user", content: prompt },
        ];
        const sent = await events({ ...requestBody([]), messages });
        expect(JSON.stringify(sent), prompt)
          .to.contain('"name":"Write"')
          .and.to.contain('"stop_reason":"tool_use"');
        expect(JSON.stringify(sent)).to.not.contain(call.id);
      }
    });

    interface Call {
      readonly id: string;
      readonly input: Record<string, unknown>;
    }

    function history(prompt: string, calls: readonly Call[], output = "ok", isError = false) {
      return [
        { role: "user", content: prompt },
        ...calls.flatMap(({ id, input }) => [
          {
            role: "assistant",
            content: [{ type: "tool_use", id, name: "file_path" in input ? "Write" : "Bash", input }],
          },
          {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: id, content: output, is_error: isError }],
          },
        ]),
      ];
    }

    async function toolUse(prompt: string, calls: readonly Call[]): Promise<Call> {
      const body = { ...requestBody([]), stream: false, messages: history(prompt, calls) };
      const { content } = (await (await post(model.url, body)).json()) as { content: Call[] };
      const call = content.at(-1);
      if (call === undefined) throw new Error("no tool call");
      return { id: call.id, input: call.input };
    }

    async function textAfter(prompt: string, calls: readonly Call[], output?: string, isError?: boolean) {
      return streamedText(
        await events({ ...requestBody([]), messages: history(prompt, calls, output, isError) }),
      );
    }
  });
});
