import { once } from "node:events";
import { expect } from "chai";
import { memoryStore } from "../plugins/memory-store.js";
import { fakeOffers } from "../plugins/offers.js";
import { SharedLead } from "../plugins/shared-lead.js";
import { createKernel, deferred, plugin, rejectionMessage } from "./kit.js";

const endOf = (signal: AbortSignal) => (signal.aborted ? Promise.resolve() : once(signal, "abort"));

/** Gateways that share a ledger, each with a plugin that polls. */
class Pollers {
  readonly lead = new SharedLead();
  readonly begun: string[] = [];
  readonly #kernels = new Map<string, ReturnType<typeof createKernel>>();
  #changed: (() => void)[] = [];
  /** How many poll at this moment, and the most that ever did. */
  polling = 0;
  most = 0;

  async start(node: string): Promise<void> {
    const test = createKernel();
    test.kernel.offer(fakeOffers({ shared: true, singletons: this.lead.of(node) }));
    this.#kernels.set(node, test);
    const poller = plugin("poller", (scope) => scope.lead("poll", (signal) => this.#poll(node, signal)), {
      exclusive: true,
    });
    await test.kernel.enable({ plugins: [poller] });
  }

  async #poll(node: string, signal: AbortSignal): Promise<void> {
    this.begun.push(node);
    this.polling += 1;
    this.most = Math.max(this.most, this.polling);
    for (const call of this.#changed.splice(0)) call();
    await endOf(signal);
    this.polling -= 1;
  }

  /** Resolves once so many terms have begun. */
  async terms(count: number): Promise<void> {
    while (this.begun.length < count) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  stop(node: string): Promise<void> | undefined {
    return this.#kernels.get(node)?.kernel.close();
  }
}

describe("work that one gateway does for all", () => {
  it("begins at once on a single machine, and ends with the plugin", async () => {
    const { kernel } = createKernel();
    const [begun, ended] = [deferred(), deferred()];
    const poller = plugin("poller", (scope) => {
      expect(scope.shared).to.equal(false);
      scope.lead("poll", async (signal) => {
        begun.resolve();
        await endOf(signal);
        ended.resolve();
      });
    });
    await kernel.enable({ plugins: [poller] });
    await begun.promise;
    await kernel.disable("poller");
    await ended.promise;
  });

  it("is done by one of several gateways, and by the next when the plugin is disabled there", async () => {
    const pollers = new Pollers();
    for (const node of ["a", "b", "c"]) await pollers.start(node);
    await pollers.terms(1);
    await pollers.stop("a");
    await pollers.terms(2);
    await pollers.stop("b");
    await pollers.terms(3);
    expect(pollers.begun).to.deep.equal(["a", "b", "c"]);
    expect(pollers.most).to.equal(1);
    await pollers.stop("c");
    expect(pollers.polling).to.equal(0);
  });

  it("ends at a gateway that no longer leads, and begins there again after the others", async () => {
    const pollers = new Pollers();
    for (const node of ["a", "b"]) await pollers.start(node);
    await pollers.terms(1);
    pollers.lead.depose("a");
    await pollers.terms(2);
    pollers.lead.depose("b");
    await pollers.terms(3);
    expect(pollers.begun).to.deep.equal(["a", "b", "a"]);
    await Promise.all([pollers.stop("a"), pollers.stop("b")]);
  });

  it("is not begun again once it has ended by itself", async () => {
    const { kernel, complaints } = createKernel();
    let times = 0;
    const done = deferred();
    const once = plugin("once", (scope) =>
      scope.lead("errand", async () => {
        times += 1;
        done.resolve();
      }),
    );
    await kernel.enable({ plugins: [once] });
    await done.promise;
    await kernel.close();
    expect(times).to.equal(1);
    expect(complaints()).to.deep.equal([]);
  });

  it("is logged when it fails, and does not keep the plugin from being disabled", async () => {
    const { kernel, complaints } = createKernel();
    const bad = plugin("bad", (scope) => scope.lead("poll", () => Promise.reject(new Error("no network"))));
    await kernel.enable({ plugins: [bad] });
    await kernel.close();
    expect(complaints()).to.deep.equal(["plugin bad: poll failed; beginning it again"]);
  });

  it("must be named by an exclusive plugin where several gateways share the ledger", async () => {
    const { kernel } = createKernel();
    kernel.offer(fakeOffers({ shared: true, singletons: new SharedLead().of("a") }));
    const message = await rejectionMessage(
      kernel.enable({ plugins: [plugin("bot", () => undefined, { exclusive: true })] }),
    );
    expect(message).to.contain("what must exist once must be in kernel.lead");
    await kernel.enable({ plugins: [plugin("folder", () => undefined, { exclusive: "node" })] });
    await kernel.close();
  });

  it("must be registered while apply runs", async () => {
    const { kernel } = createKernel();
    let late: () => void = () => undefined;
    const keeps = plugin("keeps", (scope) => {
      late = () => scope.lead("poll", () => Promise.resolve());
    });
    await kernel.enable({ plugins: [keeps] });
    expect(late).to.throw(/must be registered while apply runs/);
    await kernel.close();
  });
});

describe("watching an entry of the store", () => {
  it("reports changes by others, again until the listener succeeds, and no more after the end", async () => {
    const store = memoryStore({ watchMs: 1 });
    const over = new AbortController();
    await store.set("keys", 1);
    const seen: number[] = [];
    let calls = 0;
    let heard = deferred();
    await store.watch("keys", over.signal, async () => {
      calls += 1;
      if (calls === 1) throw new Error("the ledger is away");
      seen.push(Number((await store.get("keys"))?.value ?? 0));
      heard.resolve();
    });
    await store.set("keys", 2);
    await heard.promise;
    heard = deferred();
    await store.delete("keys");
    await heard.promise;
    expect(seen).to.deep.equal([2, 0]);
    over.abort();
    await store.set("keys", 3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen).to.deep.equal([2, 0]);
  });

  it("looks at nothing on a single machine", async () => {
    const store = memoryStore();
    let calls = 0;
    await store.watch("keys", new AbortController().signal, () => {
      calls += 1;
    });
    await store.set("keys", 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(calls).to.equal(0);
  });
});
