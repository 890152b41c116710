import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { temporaryFolder } from "../temporary.js";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

describe("a gateway that is killed in the middle of a fork", () => {
  it("leaves no copy of the conversation after its next start", async () => {
    const tmp = temporaryFolder("claudeway-tmp-");
    const copies = () => readdirSync(tmp).filter((name) => name.startsWith("claudeway-fork-"));
    const gateway = await TestGateway.start({ env: { IS_SANDBOX: "1", TMPDIR: tmp } });
    try {
      const talk = await Conversation.start(gateway);
      await talk.say("[[words 2]] one");
      const fork = gateway.request(`${talk.path}/fork`, { body: {} }).catch(() => undefined);
      while (copies().length === 0) await sleep(1);
      await gateway.stop("SIGKILL");
      await fork;
      expect(copies()).to.have.length(1);
      await gateway.launch();
      await eventually("the sweep", () => copies().length === 0);
      // It still can be forked.
      expect((await gateway.request(`${talk.path}/fork`, { body: {} })).status).to.equal(200);
      expect(copies()).to.deep.equal([]);
    } finally {
      await gateway.dispose();
    }
  });
});
