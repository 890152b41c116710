import { definePlugin } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";

const FIRST = "literal-in-the-file-1";
const SECOND = "literal-in-the-file-2";
const READ_AGAIN = "from-a-variable-named-later";

/** Says all that it knows. */
const gossip = definePlugin<{ readonly at: { readonly pin: string } }>({
  name: "gossip",
  apiVersion: 1,
  configSchema: {
    type: "object",
    properties: {
      at: {
        type: "object",
        properties: { pin: { type: "string", "x-secret": true }, place: { type: "string" } },
      },
    },
  },
  apply(kernel, { at }) {
    kernel.log.info({ at }, `my pin is ${at.pin}`);
  },
});

describe("secrets that the configuration holds", () => {
  let gateway: TestGateway;

  before(async () => {
    process.env["COPY_OF_A_SECRET"] = FIRST;
    process.env["NAMED_LATER"] = READ_AGAIN;
    gateway = await createTestGateway({
      plugins: [gossip],
      config: sectionWith(FIRST),
      env: { NAMED_LATER: READ_AGAIN },
    });
  });

  after(async () => {
    delete process.env["COPY_OF_A_SECRET"];
    delete process.env["NAMED_LATER"];
    await gateway.close();
  });

  it("are in no log line, although the file contains them literally", () => {
    const [line] = gateway.logs.filter(({ msg }) => msg.startsWith("my pin is"));
    expect(line).to.deep.include({
      msg: "my pin is [secret]",
      at: { pin: "[secret]", place: "the desk drawer" },
    });
    expect(JSON.stringify(gateway.logs)).to.not.include(FIRST);
  });

  it("are in no child's environment, whatever the variable is called", async () => {
    await gateway.turn("hello");
    expect(gateway.ran[0]?.spawn.env)
      .to.include({ NAMED_LATER: READ_AGAIN })
      .and.not.have.property("COPY_OF_A_SECRET");
  });

  it("are removed also after a reload", async () => {
    await gateway.reload(sectionWith(SECOND));
    await gateway.reload(sectionWith(`\${NAMED_LATER}`));
    await gateway.turn("hello again");
    expect(gateway.logs.filter(({ msg }) => msg === "my pin is [secret]")).to.have.length(3);
    expect(gateway.ran.at(-1)?.spawn.env).to.not.have.property("NAMED_LATER");
  });
});

describe("a reload of the configuration", () => {
  it("names the settings that need a restart, if any", async () => {
    await using gateway = await createTestGateway();
    const warnings = () => gateway.logs.filter(({ level }) => level === "warn").map(({ msg }) => msg);
    await gateway.reload({});
    expect(warnings()).to.deep.equal([]);
    await gateway.reload({ port: 4000, keys: "admin:another-secret", limits: { header_secs: 7 } });
    expect(warnings()).to.have.length(1);
    expect(warnings()[0]).to.match(/to apply changes of: port, limits, keys$/);
    expect(warnings()[0]).to.not.include("another");
  });
});

function sectionWith(pin: string) {
  return { plugins: { gossip: { at: { pin, place: "the desk drawer" } } } };
}
