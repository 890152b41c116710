import tunnel from "@claudeway/plugin-cloudflare-tunnel";
import { expect } from "chai";
import type { PluginServices } from "#kernel/capabilities.js";
import { eventually } from "../../e2e/poll.js";
import { createKernel } from "../../kernel/kit.js";
import { memoryStore } from "../memory-store.js";
import { fakeOffers } from "../offers.js";
import { SharedLead } from "../shared-lead.js";
import { SAYS, StandIn } from "./stand-in.js";

const ONE = "https://ten-towns-join-fast.trycloudflare.com";
const TWO = "https://nine-rivers-meet-here.trycloudflare.com";

describe("cloudflare_tunnel at several gateways", () => {
  let standIn: StandIn;
  const store = memoryStore({ watchMs: 20 });
  const lead = new SharedLead();

  async function join(node: string, config: Readonly<Record<string, unknown>> = {}) {
    const { kernel } = createKernel({ limits: { applyMs: 5000, disposeMs: 5000 } });
    let url: string | undefined;
    kernel.offer(
      fakeOffers({
        shared: true,
        singletons: lead.of(node),
        store: () => store,
        get control(): PluginServices["control"] {
          const control: Pick<PluginServices["control"], "keys" | "address" | "announcePublicUrl"> = {
            keys: () => [{ id: "admin", generated: false, secretLength: 32 }],
            address: () => ({ host: "0.0.0.0", port: 3777, url: "http://localhost:3777" }),
            announcePublicUrl: (now: string | undefined) => {
              url = now;
            },
          };
          return control as PluginServices["control"];
        },
      }),
    );
    const section = { cloudflared_bin: standIn.path, retry_secs: 0.05, check_secs: 0.1, ...config };
    await kernel.enable({ plugins: [tunnel], sections: { cloudflare_tunnel: section } });
    const knows = (expected: string | undefined) =>
      eventually(`${node} knows ${expected}`, () => url === expected);
    return { kernel, knows, notices: () => kernel.status()[0]?.notices ?? [] };
  }

  it("has one quick tunnel, whose URL all of them know, and another one where the next leads", async () => {
    standIn = new StandIn({ lines: SAYS.quick(ONE) }, { lines: SAYS.quick(TWO) });
    const a = await join("a");
    const b = await join("b");
    const c = await join("c");
    for (const { knows } of [a, b, c]) await knows(ONE);
    expect(standIn.starts).to.have.length(1);
    expect(b.notices()).to.deep.equal([]);
    lead.depose("a");
    for (const { knows } of [a, b, c]) await knows(TWO);
    expect(standIn.starts).to.have.length(2);
    expect(a.notices()).to.deep.equal([]);
    for (const { kernel } of [a, b, c]) await kernel.close();
    expect(await standIn.left()).to.deep.equal([]);
    standIn.remove();
  });
});
