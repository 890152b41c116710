import type { Approval, Approvals, TurnRecord } from "@claudeway/core";
import telegram from "@claudeway/plugin-telegram";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { createKernel, type TestKernel } from "../../kernel/kit.js";
import { memoryStore } from "../memory-store.js";
import { approvalOf, fakeOffers, outcomeOf, turnOf } from "../offers.js";
import { SharedLead } from "../shared-lead.js";
import { BotApiServer, CHAT_ID, TOKEN } from "./bot-api.js";
import { MemoryApprovals, offersOf, ScriptedTurns } from "./scripted-turns.js";

const CHAT = "plugin/telegram/chat";

/** Gateways with the plugin, on one ledger: each knows its own turns, and hears of its own decisions. */
class Gateways {
  readonly store = memoryStore();
  readonly turns = new ScriptedTurns();
  readonly approvals = new MemoryApprovals();
  readonly lead = new SharedLead();
  readonly #kernels = new Map<string, TestKernel>();

  private constructor(readonly api: BotApiServer) {}

  static async start(...nodes: string[]): Promise<Gateways> {
    const gateways = new Gateways(await BotApiServer.start());
    for (const node of nodes) await gateways.join(node);
    await eventually("a poll", () => gateways.api.polled);
    return gateways;
  }

  async join(node: string): Promise<void> {
    const test = createKernel({ limits: { applyMs: 5000, tapMs: 5000, disposeMs: 5000 } });
    this.#kernels.set(node, test);
    test.kernel.offer(this.#offersOf(test));
    const section = {
      bot_token: TOKEN,
      chat_id: String(CHAT_ID),
      api_root: this.api.url,
      edit_interval_ms: 60,
      poll_timeout_secs: 2,
      request_timeout_secs: 5,
    };
    await test.kernel.enable({ plugins: [telegram], sections: { telegram: section } });
  }

  at(node: string): TestKernel {
    const found = this.#kernels.get(node);
    if (found === undefined) throw new Error(`no gateway ${node}`);
    return found;
  }

  get leader(): string | undefined {
    return this.lead.leader(CHAT);
  }

  /** A turn at this gateway makes a call that waits. */
  ask(node: string, more: Partial<Approval> = {}): Approval {
    const approval = approvalOf(more);
    this.approvals.approvals.set(approval.id, approval);
    this.at(node).kernel.notify("approvalRequested", approval);
    return approval;
  }

  /** Somebody decides through the API of this gateway. */
  async decide(node: string, id: string): Promise<void> {
    const by = { channel: "key", who: "alice", keyId: "alice" };
    const decided = await this.approvals.decide(id, { decision: "allow" }, by);
    this.at(node).kernel.notify("approvalDecided", decided);
  }

  async stop(node: string): Promise<void> {
    await this.at(node).kernel.close();
  }

  async close(): Promise<void> {
    for (const { kernel } of this.#kernels.values()) await kernel.close();
    await this.api.close();
  }

  #offersOf(test: TestKernel) {
    const { turns, approvals } = this;
    const node = [...this.#kernels].find(([, one]) => one === test)?.[0] ?? "";
    const own = new Set<string>();
    const offers = offersOf(turns, approvals);
    const here: Approvals = {
      list: (query) => approvals.list(query),
      get: (id) => approvals.get(id),
      link: () => approvals.link(),
      decide: async (id, decision, by) => {
        const decided = await approvals.decide(id, decision, by);
        test.kernel.notify("approvalDecided", decided);
        return decided;
      },
    };
    return fakeOffers({
      ...offers,
      approvals: here,
      turns: {
        ...turns.runner,
        prompt: async (...given) => {
          const handle = await turns.runner.prompt(...given);
          own.add(handle.id);
          return handle;
        },
        follow: (id) => (own.has(id) ? turns.runner.follow(id) : undefined),
      },
      ledger: Object.assign(Object.create(offers.ledger ?? null), {
        turn: async (id: string) =>
          (turns.runner.follow(id) === undefined ? undefined : { id, ended: undefined }) as
            | TurnRecord
            | undefined,
      }),
      store: () => this.store,
      shared: true,
      singletons: this.#singletonsOf(node),
    });
  }

  #singletonsOf(node: string) {
    return this.lead.of(node);
  }
}

describe("telegram at several gateways", () => {
  let gateways: Gateways;

  afterEach(() => gateways.close());

  it("is polled by one, and by the next with the conversations of the one before", async () => {
    gateways = await Gateways.start("a", "b", "c");
    const { api, turns } = gateways;
    for (const [index, node] of ["a", "b", "c"].entries()) {
      expect(gateways.leader).to.equal(node);
      api.write(`hello ${index}`, { thread: 7 });
      await eventually("the answer", () => api.find(`you said: hello ${index}`));
      if (node !== "c") await gateways.stop(node);
      await eventually("a poll", () => api.polled);
    }
    expect(new Set(turns.ran.map(({ sessionId }) => sessionId)).size).to.equal(1);
    expect(turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["hello 0", "hello 1", "hello 2"]);
    expect(api.conflicts).to.equal(0);
  });

  it("asks in the chat for calls of any gateway, and shows decisions of any", async () => {
    gateways = await Gateways.start("a", "b", "c");
    const { api } = gateways;
    const one = gateways.ask("c", { tool: "Bash" });
    const asked = await eventually("a card", () => api.find("Bash"));
    api.pressButton(asked, "Approve");
    await eventually("the decision", () => asked.buttons.length === 0);
    expect(gateways.approvals.approvals.get(one.id)?.status).to.equal("allowed");
    const other = gateways.ask("b", { id: "22222222-2222-4222-8222-222222222222", tool: "Write" });
    const second = await eventually("a card", () => api.find("Write"));
    await gateways.decide("c", other.id);
    await eventually("the decision", () => second.buttons.length === 0);
    expect(second.html).to.contain("alice");
    // One card for each, whoever asked.
    expect(api.shown.filter(({ html }) => /Bash|Write/.test(html))).to.have.length(2);
  });

  it("decides at the next poller what the one before has asked", async () => {
    gateways = await Gateways.start("a", "b");
    const { api } = gateways;
    const { id } = gateways.ask("a", { tool: "Bash" });
    const asked = await eventually("a card", () => api.find("Bash"));
    await eventually("the card, in the store", async () => {
      const { entries } = await gateways.store.list("");
      return entries.some(({ key }) => key.includes("/card/"));
    });
    await gateways.stop("a");
    await eventually("a poll", () => api.polled);
    api.pressButton(asked, "Approve");
    await eventually("the decision", () => asked.buttons.length === 0);
    expect(gateways.approvals.approvals.get(id)).to.have.nested.property("decision.by.channel", "telegram");
    expect(api.shown.filter(({ html }) => html.includes("Bash"))).to.have.length(1);
  });

  it("shows the answer of a turn that goes on at a gateway that lost the chat, once", async () => {
    gateways = await Gateways.start("a", "b");
    const { api, turns, lead } = gateways;
    turns.script = () => ({ pieces: ["slow ", "answer"], everyMs: 1500 });
    api.write("take your time", { thread: 7 });
    await eventually("its turn, in the store", async () => {
      const { entries } = await gateways.store.list("");
      return entries.some(
        ({ key, value }) => key.includes("/waiting/") && JSON.stringify(value).includes("turnId"),
      );
    });
    lead.depose("a");
    await eventually("the answer", () => api.find("slow answer"));
    await eventually("an empty queue", async () => {
      const { entries } = await gateways.store.list("");
      return !entries.some(({ key }) => /\/(waiting|parked)\//.test(key));
    });
    expect(turns.ran).to.have.length(1);
    expect(api.shown.filter(({ html, deleted }) => !deleted && html.includes("slow answer"))).to.have.length(
      1,
    );
    expect(gateways.leader).to.equal("b");
  });

  it("shows that answer also while the approvals that wait can't be found", async () => {
    gateways = await Gateways.start("a", "b");
    const { api, approvals, turns, lead } = gateways;
    turns.script = () => ({ pieces: ["slow ", "answer"], everyMs: 1500 });
    api.write("take your time", { thread: 7 });
    await eventually("its turn, in the store", async () => {
      const { entries } = await gateways.store.list("");
      return entries.some(
        ({ key, value }) => key.includes("/waiting/") && JSON.stringify(value).includes("turnId"),
      );
    });
    approvals.list = () => Promise.reject(new Error("the ledger is busy"));
    lead.depose("a");
    await eventually("the answer", () => api.find("slow answer"));
  });

  it("posts the news of each gateway from there, once", async () => {
    gateways = await Gateways.start("a", "b");
    gateways
      .at("b")
      .kernel.notify("afterExecute", turnOf({ keyId: "ci" }), outcomeOf({}, { result: "deployed" }));
    await eventually("news", () => gateways.api.find("ci"));
    expect(gateways.api.conflicts).to.equal(0);
  });
});

describe("the state of a chat that another gateway took over", () => {
  it("is not written by the gateway that had it", async () => {
    const { State } = await import("@claudeway/messenger");
    const store = memoryStore();
    const complaints: string[] = [];
    const log = { error: (...told: unknown[]) => void complaints.push(String(told.at(-1))) };
    const open = () => State.open({ store, name: "chat1", log: log as never, shared: true });
    const before = await open();
    before.setConversation("t7", { sessionId: "one", model: "sonnet" });
    await before.saved();
    const after = await open();
    expect(after.conversation("t7")?.sessionId).to.equal("one");
    after.setConversation("t7", { sessionId: "two", model: "sonnet" });
    await after.saved();
    before.setConversation("t7", { sessionId: "three", model: "sonnet" });
    await before.saved();
    expect(complaints).to.deep.equal(["cannot store the bot's state: another gateway has the chat now"]);
    expect((await open()).conversation("t7")?.sessionId).to.equal("two");
  });

  it("is written after a write whose answer was lost", async () => {
    const { State } = await import("@claudeway/messenger");
    const store = memoryStore();
    let cut = false;
    const cutting = {
      ...store,
      write: async (...given: Parameters<typeof store.write>) => {
        const result = await store.write(...given);
        if (cut) throw new Error("the connection was lost");
        return result;
      },
    };
    const state = await State.open({
      store: cutting,
      name: "chat1",
      log: { error: () => undefined } as never,
      shared: true,
    });
    cut = true;
    state.accept("1");
    await state.saved();
    cut = false;
    state.accept("2");
    await state.saved();
    const { entries } = await store.list("chat1/taken/");
    expect(entries.map(({ key }) => key)).to.deep.equal(["chat1/taken/1", "chat1/taken/2"]);
  });
});
