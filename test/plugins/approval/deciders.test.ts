import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { warnOfUnknown } from "#plugins/approval/deciders.js";
import { eventually } from "../../e2e/poll.js";

const WARNING = "unknown deciders: telegrm, slck; known: ";

describe("the deciders in the configuration of approval", () => {
  it("are warned of at the start where they do not exist", async () => {
    const section = { enabled: true, deciders: ["telegrm", "key", "slck", "approval"] };
    const gateway = await createTestGateway({ config: { plugins: { approval: section } } });
    const { msg } = await eventually("the warning", () =>
      gateway.logs.find(({ msg }) => msg.startsWith(WARNING)),
    );
    expect(msg).to.include("admin, ").and.include("approval").and.include("link");
    await gateway.close();
  });

  /** What is logged for these deciders in a reload, and what a plugin leaves behind. */
  async function warnings(deciders: readonly string[]): Promise<string[]> {
    const lines: string[] = [];
    const disposers: (() => void)[] = [];
    let isAsked = false;
    const control = {
      plugins: () => [{ name: "telegram" }],
      address: () => ({ host: "127.0.0.1", port: 1 }),
      available: async () => {
        isAsked = true;
        return ["slack"];
      },
    };
    const log = { warn: (line: string) => void lines.push(line) };
    const onDispose = (dispose: () => void) => void disposers.push(dispose);
    warnOfUnknown(deciders, Object({ control, log, onDispose }), 1);
    await eventually("the look", () => isAsked);
    expect(disposers.length).to.equal(1);
    return lines;
  }

  it("are warned of in a reload, once others have started", async () => {
    expect(await warnings(["telegrm", "key", "slck"])).to.deep.equal([
      `${WARNING}admin, key, link, slack, telegram`,
    ]);
  });

  it("may be the key, the admin, links, and plugins that are enabled or installed", async () => {
    expect(await warnings(["key", "admin", "link", "telegram", "slack"])).to.deep.equal([]);
  });
});
