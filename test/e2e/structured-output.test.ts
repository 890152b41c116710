import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { asking } from "./approval-kit.js";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";

const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: { name: { type: "string" }, mail: { type: "string", format: "email" } },
  required: ["name"],
};

const output = (value: object) => `[[${JSON.stringify({ tool: "StructuredOutput", input: value })}]]`;

describe("structured output", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n", env: { IS_SANDBOX: "1" } });
  });
  after(() => gateway.dispose());

  const ask = (path: string, body: object) => gateway.request<TurnResponse>(path, { body });

  it("is in the response of a task and of a stream", async () => {
    const body = { prompt: output({ name: "Ada" }), output_schema: SCHEMA };
    const { body: answer } = await ask("/task", body);
    expect(answer).to.include({ success: true, error: null });
    expect(answer.structured_output).to.deep.equal({ name: "Ada" });
    const events = await gateway.events("/task/stream", { body });
    expect(JSON.parse(events.at(-1)?.data ?? "{}").structured_output).to.deep.equal({ name: "Ada" });
  });

  it("holds for one turn of a session, on a live process too", async () => {
    const { path } = await Conversation.start(gateway);
    expect((await ask(path, { prompt: "[[say hi]]" })).body).to.not.have.property("structured_output");
    const { body } = await ask(path, { prompt: output({ name: "Ada" }), output_schema: SCHEMA });
    expect(body.structured_output, JSON.stringify(body)).to.deep.equal({ name: "Ada" });
    const after = await ask(path, { prompt: "[[say hi]]" });
    expect(after.body).to.include({ success: true, result: "hi" }).and.not.have.property("structured_output");
  });

  it("whose schema is too long for the CLI's command line is refused", async () => {
    const long = { ...SCHEMA, description: "\u8a9e".repeat(60_000) };
    const { status, body } = await ask("/task", { prompt: "[[say hi]]", output_schema: long });
    expect([status, body]).to.deep.equal([
      400,
      {
        error:
          "the options of the turn are too long for the CLI's command line; shorten output_schema or the lists of tools",
        code: "BAD_REQUEST",
      },
    ]);
  });

  it("that is missing is a failure with a code, and is paid for", async () => {
    const { status, body } = await ask("/task", { prompt: "[[say no]]", output_schema: SCHEMA });
    expect(status).to.equal(200);
    expect(body).to.include({
      success: false,
      code: "OUTPUT_INVALID",
      error: "Claude gave no structured output",
    });
    expect(body).to.not.have.property("structured_output");
    expect(body.cost_usd).to.be.greaterThan(0);
  });

  it("that does not match is a failure with a code", async () => {
    const { body } = await ask("/task", { prompt: output({ name: 5 }), output_schema: SCHEMA });
    expect(body)
      .to.include({ success: false, code: "OUTPUT_INVALID" })
      .and.not.have.property("structured_output");
    // The CLI knows no formats: only the gateway's own check sees this one.
    const mail = await ask("/task", { prompt: output({ name: "Ada", mail: "no" }), output_schema: SCHEMA });
    expect(mail.body).to.include({ success: false, code: "OUTPUT_INVALID" });
    expect(mail.body.error).to.include("structured_output/mail must match format");
  });

  it("needs a JSON Schema", async () => {
    const wrong = [{ type: "nonsense" }, { $ref: "https://example.invalid/x.json" }, { $ref: "#/nowhere" }];
    for (const output_schema of [...wrong, { pattern: "(" }, { description: "x".repeat(70_000) }, [], 5]) {
      const { status, body } = await ask("/task", { prompt: "[[say hi]]", output_schema });
      expect(status, JSON.stringify(body)).to.equal(400);
      expect(body.error).to.match(/^output_schema must /);
    }
  });

  it("with a schema that takes forever to match does not delay others", async () => {
    const slow = { type: "object", properties: { name: { type: "string", pattern: "^(a+)+$" } } };
    const prompt = output({ name: `${"a".repeat(40)}!` });
    let health = 0;
    const asked = ask("/task", { prompt, output_schema: slow, timeout_secs: 60 });
    while ((await Promise.race([asked.then(() => true), gateway.request("/health")])) !== true) health++;
    const { body } = await asked;
    expect(body.success, JSON.stringify(body)).to.equal(false);
    expect(health).to.be.greaterThan(10);
  });
});

for (const [mode, options] of Object.entries({
  deny: { args: ["--no-permissions-bypass"], config: "[engine]\nspares = 0\n" },
  ask: asking({ live_wait_secs: 0 }),
})) {
  describe(`structured output, in the approval mode ${mode}`, () => {
    let gateway: TestGateway;
    before(async () => {
      gateway = await TestGateway.start(options);
    });
    after(() => gateway.dispose());

    it("needs nobody's permission, in plan mode neither", async () => {
      for (const permission_mode of ["default", "plan"]) {
        const { body } = await gateway.request<TurnResponse>("/task", {
          body: { prompt: output({ name: "Ada" }), output_schema: SCHEMA, permission_mode },
        });
        expect(body.structured_output, JSON.stringify(body)).to.deep.equal({ name: "Ada" });
      }
    });
  });
}
