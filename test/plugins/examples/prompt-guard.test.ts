import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import plugin from "#plugins/prompt-guard/index.js";
import { rejection, rejectionMessage } from "../../kernel/kit.js";

const RULES = [{ pattern: "\\bpassword\\b", reason: "no passwords in prompts" }];

describe("the example prompt_guard", () => {
  let gateway: TestGateway;

  before(async () => {
    gateway = await createTestGateway({ plugins: [[plugin, { max_chars: 60, rules: RULES }]] });
  });
  after(() => gateway.close());

  it("refuses matching prompts with the operator's reason, and runs others", async () => {
    expect(await rejection(gateway.turn("My PASSWORD is x"))).to.include({
      status: 403,
      message: "no passwords in prompts",
    });
    expect(await gateway.turn("passwords are out of fashion")).to.include({ success: true });
    expect(gateway.ran.map(({ plan }) => plan.prompt)).to.deep.equal(["passwords are out of fashion"]);
  });

  it("refuses long prompts", async () => {
    const refused = await rejection(gateway.turn("x".repeat(61)));
    expect(refused).to.include({ status: 413, code: "PAYLOAD_TOO_LARGE" });
  });

  it("does not write the prompt into the log", () => {
    const lines = gateway.logs.filter(({ msg }) => msg === "refused a prompt");
    expect(lines).to.have.lengthOf(1);
    expect(JSON.stringify(gateway.logs)).not.to.include("PASSWORD is x");
  });

  it("does not start with an invalid pattern", async () => {
    const plugins = [[plugin, { rules: [{ pattern: "(", reason: "x" }] }]] as const;
    expect(await rejectionMessage(createTestGateway({ plugins }))).to.match(
      /^plugins\.prompt_guard\.rules\[0\]/,
    );
  });
});
