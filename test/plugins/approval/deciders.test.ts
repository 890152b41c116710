import { expect } from "chai";
import { warnOfUnknown } from "#plugins/approval/deciders.js";
import { eventually } from "../../e2e/poll.js";

describe("the deciders in the configuration of approval", () => {
  /** Lines that are logged for these deciders, by a plugin that starts before the port is open, or after. */
  async function warnings(deciders: readonly string[], isOpen: boolean): Promise<string[]> {
    const lines: string[] = [];
    const opened: (() => void)[] = [];
    let isAsked = false;
    const control = {
      plugins: () => [{ name: "telegram" }],
      address: () => (isOpen ? { host: "127.0.0.1", port: 1, url: "" } : undefined),
      available: async () => {
        isAsked = true;
        return ["slack"];
      },
    };
    const hooks = { listening: { tap: (_name: string, listen: () => void) => void opened.push(listen) } };
    const log = { warn: (line: string) => void lines.push(line) };
    warnOfUnknown(deciders, Object({ control, hooks, log }));
    for (const listen of opened) listen();
    await eventually("the look", () => isAsked);
    await eventually("its end", async () => true);
    return lines;
  }

  for (const isOpen of [false, true]) {
    it(`are warned of where they do not exist, ${isOpen ? "also in a reload" : "at the start"}`, async () => {
      expect(await warnings(["telegrm", "key", "slck"], isOpen)).to.deep.equal([
        "deciders: there is no telegrm, slck; known: admin, key, link, slack, telegram",
      ]);
    });
  }

  it("may be the key, the admin, links, and plugins that are enabled or installed", async () => {
    expect(await warnings(["key", "admin", "link", "telegram", "slack"], true)).to.deep.equal([]);
  });
});
