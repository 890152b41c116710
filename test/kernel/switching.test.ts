import { pathToFileURL } from "node:url";
import { GatewayError, Refusal } from "@claudeway/ports";
import { expect } from "chai";
import { PluginError } from "#kernel/faults.js";
import type { Plugin } from "#kernel/plugin.js";
import {
  createKernel,
  deferred,
  fixture,
  pause,
  plugin,
  REQUEST,
  rejection,
  rejectionMessage,
  router,
  SPAWN,
} from "./kit.js";

/** Adds its name to the arguments, so that one can see who is asked and in which order. */
function marker(name: string, more: Partial<Plugin<object>> = {}): Plugin<object> {
  const apply: Plugin<object>["apply"] = (scope, config) => {
    const mark = `${name}${JSON.stringify(config) === "{}" ? "" : JSON.stringify(config)}`;
    scope.hooks.spawn.tap("mark", (plan) => ({ ...plan, args: [...plan.args, mark] }));
    scope.mount(`/${name}`, router());
  };
  return plugin(name, apply, more);
}

async function marks({ kernel }: ReturnType<typeof createKernel>): Promise<string> {
  return (await kernel.hooks.spawn.promise(SPAWN, undefined)).args.join(" ");
}

describe("switching plugins off and on", () => {
  it("removes taps and routes in one step, and restores them in their old place", async () => {
    const test = createKernel();
    const { kernel } = test;
    const b = marker("b");
    await kernel.enable({ plugins: [marker("a"), b, marker("c")] });
    expect(await marks(test)).to.equal("a b c");
    await kernel.disable("b");
    expect(await marks(test)).to.equal("a c");
    expect(kernel.routes.match("/b")).to.equal(undefined);
    await kernel.enable({ plugins: [b] });
    expect(await marks(test)).to.equal("a b c");
    expect(kernel.routes.match("/b")).to.include({ plugin: "b" });
    expect(kernel.status().map(({ name, state }) => `${name} ${state}`)).to.deep.equal([
      "a on",
      "b on",
      "c on",
    ]);
  });

  it("publishes nothing of a plugin before its apply has ended", async () => {
    const { kernel } = createKernel();
    const gate = deferred();
    const slow = plugin("slow", async (scope) => {
      scope.hooks.request.tap("refuse", () => new Refusal(403, "no"));
      scope.mount("/slow", router());
      await gate.promise;
    });
    const enabled = kernel.enable({ plugins: [slow] });
    await pause(10);
    expect(kernel.hooks.request.isUsed()).to.equal(false);
    expect(kernel.routes.list()).to.deep.equal([]);
    gate.resolve();
    await enabled;
    expect(kernel.hooks.request.isUsed()).to.equal(true);
    expect(kernel.routes.match("/slow")).to.include({ plugin: "slow" });
  });

  it("runs changes one after another, even if one fails", async () => {
    const { kernel } = createKernel();
    const steps: string[] = [];
    const slow = (name: string, fails = false) =>
      plugin(name, async () => {
        steps.push(`${name} begins`);
        await pause(15);
        steps.push(`${name} ends`);
        if (fails) throw new Error("no");
      });
    const first = slow("first");
    const results = await Promise.allSettled([
      kernel.enable({ plugins: [first] }),
      kernel.enable({ plugins: [slow("second", true)] }),
      kernel.disable("first"),
      kernel.enable({ plugins: [slow("third"), first] }),
    ]);
    expect(results.map(({ status }) => status)).to.deep.equal([
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
    const names = ["first", "second", "third", "first"];
    expect(steps).to.deep.equal(names.flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it("keeps a plugin that is already enabled", async () => {
    const { kernel } = createKernel();
    let started = 0;
    const once = plugin("once", () => {
      started += 1;
    });
    await kernel.enable({ plugins: [once] });
    await kernel.enable({ plugins: [once, marker("new")] });
    expect(started).to.equal(1);
    expect(kernel.status().map(({ name }) => name)).to.deep.equal(["once", "new"]);
  });

  it("finds a third-party plugin again by its own name, with sections of other known plugins", async () => {
    const { kernel } = createKernel();
    const given = marker("given");
    const sections = { good: { greeting: "hi" }, given: {} };
    await kernel.enable({ plugins: [fixture("good"), given], sections });
    for (const name of ["good", "given"]) {
      await kernel.disable(name);
      await kernel.enable({ plugins: [name], sections });
    }
    expect(kernel.status().map(({ name, state }) => `${name} ${state}`)).to.deep.equal([
      "good on",
      "given on",
    ]);
    expect(kernel.status()[0]).to.deep.include({ source: fixture("good"), config: { greeting: "hi" } });
    const unknown = { ...sections, godo: {} };
    expect(await rejectionMessage(kernel.enable({ plugins: ["good"], sections: unknown }))).to.match(
      /^plugins\.godo: unknown plugin "godo"; did you mean good\?/,
    );
  });

  it("refuses a second plugin with the name of an enabled one, but not of a disabled one", async () => {
    const { kernel } = createKernel();
    await kernel.enable({ plugins: [marker("a")] });
    expect(await rejectionMessage(kernel.enable({ plugins: [marker("a")] }))).to.match(
      /two plugins have this name/,
    );
    await kernel.disable("a");
    await kernel.enable({ plugins: [marker("a")] });
  });

  it("lists the known plugins when it is asked for an unknown one", async () => {
    const { kernel } = createKernel();
    await kernel.enable({ plugins: [marker("reports")] });
    expect(await rejectionMessage(kernel.disable("report"))).to.equal(
      'unknown plugin "report"; did you mean reports? known plugins: reports',
    );
    expect(await rejectionMessage(kernel.reconfigure("xyz", {}))).to.match(/known plugins: reports$/);
    await kernel.disable("reports");
    await kernel.disable("reports");
    expect(await rejectionMessage(kernel.reconfigure("reports", {}))).to.match(
      /is disabled; enable it first/,
    );
  });

  it("aborts the signal, then runs disposers last in first out; one that fails or hangs is logged", async () => {
    const { kernel, complaints } = createKernel();
    const steps: string[] = [];
    const tidy = plugin("tidy", (scope) => {
      scope.signal.addEventListener("abort", () => steps.push("signal"));
      scope.onDispose(() => void steps.push("first"));
      scope.onDispose(() => {
        throw new Error("sync");
      });
      scope.onDispose(async () => {
        throw new Error("async");
      });
      scope.onDispose(() => new Promise(() => {}));
      scope.onDispose(async () => {
        await pause(10);
        steps.push("last");
      });
    });
    await kernel.enable({ plugins: [tidy] });
    expect(steps).to.deep.equal([]);
    await kernel.disable("tidy");
    expect(steps).to.deep.equal(["signal", "last", "first"]);
    expect(complaints()).to.deep.equal(
      Array(3).fill("plugin tidy: a disposer failed; its resources may leak"),
    );
    await kernel.disable("tidy");
    expect(steps).to.have.length(3);
  });

  it("lets calls in flight end on the hooks that they began on, before anything is disposed", async () => {
    const test = createKernel({ limits: { tapMs: 1000 } });
    const { kernel } = test;
    const gate = deferred();
    const steps: string[] = [];
    const slow = plugin("slow", (scope) =>
      scope.hooks.spawn.tapPromise("wait", async () => {
        await gate.promise;
        steps.push("slow");
      }),
    );
    const guard = plugin("guard", (scope) => {
      scope.hooks.spawn.tap("check", () => void steps.push("checked"));
      scope.onDispose(() => void steps.push("disposed"));
    });
    await kernel.enable({ plugins: [slow, guard] });
    const call = kernel.hooks.spawn.promise(SPAWN, undefined);
    const disabled = kernel.disable("guard");
    await pause(20);
    expect(steps, "the guard has yet to see the call").to.deep.equal([]);
    gate.resolve();
    await Promise.all([call, disabled]);
    expect(steps).to.deep.equal(["slow", "checked", "disposed"]);
  });

  it("refuses a call to a plugin that was stopped", async () => {
    const { kernel, complaints } = createKernel({ limits: { tapMs: 300 } });
    const gate = deferred();
    // Two taps that each stay below the deadline together outlast the wait for the guard.
    const slow = plugin("slow", (scope) => {
      scope.hooks.spawn.tapPromise("one", () => pause(220));
      scope.hooks.spawn.tapPromise("two", () => pause(220));
    });
    const guard = plugin("guard", (scope) => {
      scope.hooks.spawn.tap("check", () => void gate.resolve());
    });
    await kernel.enable({ plugins: [slow, guard] });
    const call = rejection(kernel.hooks.spawn.promise(SPAWN, undefined));
    await kernel.disable("guard");
    expect(await call)
      .to.be.instanceOf(GatewayError)
      .and.include({ code: "UNAVAILABLE" });
    expect(complaints()[0]).to.match(
      /^plugin guard: is being stopped although calls are still in flight after 300 ms/,
    );
  });

  it("notifies a plugin no more once it is disabled", async () => {
    const { kernel } = createKernel();
    let heard = 0;
    const listener = plugin("p", (scope) =>
      scope.hooks.listening.tap("count", () => {
        heard += 1;
      }),
    );
    await kernel.enable({ plugins: [listener] });
    const before = kernel.hooks;
    await kernel.disable("p");
    await before.listening.promise({ host: "::", port: 1, url: "http://[::1]:1" });
    kernel.notify("listening", { host: "::", port: 1, url: "http://[::1]:1" });
    expect(heard).to.equal(0);
  });

  it("is disabled and enabled 200 times while requests run, without failures or leaks", async () => {
    const { kernel, complaints } = createKernel();
    let open = 0;
    const busy = plugin("busy", (scope) => {
      const timer = setInterval(() => {}, 1000);
      open += 1;
      scope.hooks.request.tapPromise("pass", async () => void (await pause(1)));
      scope.hooks.requestCompleted.tap("count", () => {});
      scope.mount("/busy", router());
      scope.onDispose(() => {
        clearInterval(timer);
        open -= 1;
      });
    });
    let running = true;
    let answered = 0;
    const requests = Array.from({ length: 5 }, async () => {
      while (running) {
        await kernel.hooks.request.promise(REQUEST);
        answered += 1;
        await pause(0);
      }
    });
    for (let round = 0; round < 200; round += 1) {
      await kernel.enable({ plugins: [busy] });
      await pause(0);
      await kernel.disable("busy");
    }
    running = false;
    await Promise.all(requests);
    expect(answered).to.be.above(200);
    expect(open).to.equal(0);
    expect(Object.values(kernel.hooks).some((hook) => hook.isUsed())).to.equal(false);
    expect(kernel.routes.list()).to.deep.equal([]);
    expect(kernel.status()).to.have.length(1);
    expect(complaints()).to.deep.equal([]);
  });

  it("closes in reverse order, even during a start, and refuses further changes", async () => {
    const { kernel } = createKernel({ limits: { applyMs: 10_000 } });
    const steps: string[] = [];
    const tidy = (name: string) => plugin(name, (scope) => scope.onDispose(() => void steps.push(name)));
    const hanging = plugin("hanging", async (scope) => {
      scope.onDispose(() => void steps.push("hanging"));
      await new Promise(() => {});
    });
    await kernel.enable({ plugins: [tidy("a"), tidy("b")] });
    const starting = rejectionMessage(kernel.enable({ plugins: [hanging] }));
    await pause(10);
    await kernel.close();
    expect(await starting).to.equal("plugin hanging: did not start: the gateway is closing");
    expect(steps).to.deep.equal(["hanging", "b", "a"]);
    expect(await rejectionMessage(kernel.enable({ plugins: [tidy("c")] }))).to.equal(
      "the gateway is closing",
    );
    await kernel.close();
    expect(steps).to.have.length(3);
  });
});

describe("another configuration for a running plugin", () => {
  const refusing = (name: string, more: Partial<Plugin<object>> = {}) => {
    const steps: string[] = [];
    const made = plugin(
      name,
      (scope, config) => {
        const label = JSON.stringify(config);
        steps.push(`start ${label}`);
        scope.mount("/own", router());
        scope.hooks.spawn.tap("mark", (plan) => ({ ...plan, args: [...plan.args, label] }));
        scope.onDispose(() => void steps.push(`stop ${label}`));
        if ("broken" in config) throw new Error("broken");
      },
      more,
    );
    return { made, steps };
  };

  it("starts the new instance with the same prefix before it stops the old one", async () => {
    const test = createKernel();
    const { made, steps } = refusing("p");
    await test.kernel.enable({ plugins: [made], sections: { p: { v: 1 } } });
    await test.kernel.reconfigure("p", { enabled: true, v: 2 });
    expect(steps).to.deep.equal(['start {"v":1}', 'start {"v":2}', 'stop {"v":1}']);
    expect(await marks(test)).to.equal('{"v":2}');
    expect(test.kernel.routes.list()).to.have.length(1);
    expect(test.kernel.status()[0]).to.deep.include({ state: "on", config: { v: 2 }, lastError: null });
  });

  it("that fails keeps the old instance, untouched, and says why", async () => {
    const test = createKernel();
    const { made, steps } = refusing("p");
    await test.kernel.enable({ plugins: [made], sections: { p: { v: 1 } } });
    const error = await rejection(test.kernel.reconfigure("p", { broken: true }));
    expect(error)
      .to.be.instanceOf(PluginError)
      .and.have.property("message", "plugin p: did not start: broken");
    expect(steps).to.deep.equal(['start {"v":1}', 'start {"broken":true}', 'stop {"broken":true}']);
    expect(await marks(test)).to.equal('{"v":1}');
    expect(test.kernel.routes.match("/own")).to.include({ plugin: "p", running: true });
    expect(test.kernel.status()[0]).to.deep.include({
      state: "on",
      config: { v: 1 },
      lastError: "plugin p: did not start: broken",
    });
  });

  it("that its schema refuses changes nothing", async () => {
    const { kernel } = createKernel();
    const module: { disposed: string[] } = await import(pathToFileURL(`${fixture("good")}/index.js`).href);
    module.disposed.length = 0;
    await kernel.enable({ plugins: [fixture("good")] });
    expect(await rejectionMessage(kernel.reconfigure("good", { greeting: 5 }))).to.equal(
      "plugins.good.greeting must be a string, got 5",
    );
    expect(module.disposed).to.deep.equal([]);
    expect(kernel.status()[0]).to.deep.include({
      state: "on",
      config: { greeting: "hello" },
      version: "1.2.3",
    });
  });

  it("stops an exclusive plugin before the new instance starts", async () => {
    const test = createKernel();
    const { made, steps } = refusing("bot", { exclusive: true });
    await test.kernel.enable({ plugins: [made], sections: { bot: { v: 1 } } });
    await test.kernel.reconfigure("bot", { v: 2 });
    expect(steps).to.deep.equal(['start {"v":1}', 'stop {"v":1}', 'start {"v":2}']);
    expect(await marks(test)).to.equal('{"v":2}');
  });

  it("restores the old configuration if an exclusive plugin fails with it", async () => {
    const test = createKernel();
    const { made, steps } = refusing("bot", { exclusive: true });
    await test.kernel.enable({ plugins: [made], sections: { bot: { v: 1 } } });
    expect(await rejectionMessage(test.kernel.reconfigure("bot", { broken: true }))).to.match(
      /did not start: broken/,
    );
    expect(steps.slice(-2)).to.deep.equal(['stop {"broken":true}', 'start {"v":1}']);
    expect(await marks(test)).to.equal('{"v":1}');
    expect(test.kernel.status()[0]).to.deep.include({
      state: "on",
      config: { v: 1 },
      lastError: "plugin bot: did not start: broken",
    });
  });

  it("answers no request past an exclusive plugin that decides, while it restarts and after it failed to", async () => {
    const { kernel, complaints } = createKernel();
    const gates = [deferred(), deferred()];
    let starts = 0;
    let healthy = false;
    const guard = plugin(
      "guard",
      async (scope) => {
        scope.hooks.request.tap("check", () => undefined);
        scope.mount("/guard", router());
        starts += 1;
        await gates[starts - 2]?.promise;
        if (starts > 1 && !healthy) throw new Error("port in use");
      },
      { exclusive: true },
    );
    const ask = () => rejection(kernel.hooks.request.promise(REQUEST));
    await kernel.enable({ plugins: [guard] });
    const changed = rejection(kernel.reconfigure("guard", { v: 2 }));
    await pause(10);
    expect(await ask()).to.include({ code: "UNAVAILABLE" });
    expect(kernel.routes.match("/guard")).to.include({ running: false });
    gates[0]?.resolve();
    await pause(10);
    expect(starts, "it tries its old configuration").to.equal(3);
    expect(await ask()).to.include({ code: "UNAVAILABLE" });
    gates[1]?.resolve();
    expect(await changed).to.have.property("message", "plugin guard: did not start: port in use");
    expect(await ask(), "left out, it would be an open door").to.include({ code: "UNAVAILABLE" });
    expect(kernel.status()[0]).to.include({ state: "failed" });
    expect(kernel.status()[0]?.lastError).to.match(
      /port in use; and with its old configuration: .*port in use/,
    );
    expect(complaints().at(-1)).to.match(/^plugin guard: has failed; calls that it decides are refused/);
    healthy = true;
    await kernel.reconfigure("guard", { v: 3 });
    expect(await kernel.hooks.request.promise(REQUEST)).to.equal(undefined);
    expect(kernel.routes.match("/guard")).to.include({ running: true });
    expect(kernel.status()[0]).to.deep.include({ state: "on", config: { v: 3 }, lastError: null });
  });

  it("lets requests through again when the operator switches a failed guard off", async () => {
    const { kernel } = createKernel();
    let starts = 0;
    const guard = plugin(
      "guard",
      (scope) => {
        scope.hooks.request.tap("check", () => undefined);
        starts += 1;
        if (starts > 1) throw new Error("no");
      },
      { exclusive: true },
    );
    await kernel.enable({ plugins: [guard] });
    await rejection(kernel.reconfigure("guard", { v: 2 }));
    await rejection(kernel.hooks.request.promise(REQUEST));
    await kernel.disable("guard");
    expect(await kernel.hooks.request.promise(REQUEST)).to.equal(undefined);
    expect(kernel.hooks.request.isUsed()).to.equal(false);
  });
});

describe("a changed selection", () => {
  it("disables, enables and replaces what differs, keeps the rest, and applies the new order", async () => {
    const test = createKernel();
    const [a, b, c, d] = [marker("a"), marker("b"), marker("c"), marker("d")];
    await test.kernel.enable({ plugins: [a, b, c] });
    const report = await test.kernel.change({ plugins: [d, c, b], sections: { d: {}, c: { v: 1 }, b: {} } });
    expect(report).to.deep.equal({
      started: ["d"],
      replaced: ["c"],
      stopped: ["a"],
      unchanged: ["b"],
      failed: [],
    });
    expect(await marks(test)).to.equal('d c{"v":1} b');
    expect(test.kernel.status().map(({ name, state }) => `${name} ${state}`)).to.deep.equal([
      "d on",
      "c on",
      "b on",
      "a off",
    ]);
  });

  it("disables what it omits in reverse order", async () => {
    const { kernel } = createKernel();
    const steps: string[] = [];
    const tidy = (name: string) => plugin(name, (scope) => scope.onDispose(() => void steps.push(name)));
    await kernel.enable({ plugins: [tidy("a"), tidy("b"), tidy("c")] });
    const { stopped } = await kernel.change({});
    expect(steps).to.deep.equal(["c", "b", "a"]);
    expect(stopped).to.deep.equal(steps);
  });

  it("is refused completely if anything in it is invalid", async () => {
    const test = createKernel();
    const steps: string[] = [];
    const a = plugin("a", (scope) => {
      steps.push("start");
      scope.onDispose(() => void steps.push("stop"));
    });
    await test.kernel.enable({ plugins: [a] });
    const before = test.kernel.hooks;
    for (const selection of [
      { plugins: [marker("b"), fixture("bad-schema")] },
      { plugins: [marker("b"), "no_such_plugin"] },
      { plugins: [marker("b")], sections: { zzz: {} } },
      { plugins: [fixture("good")], sections: { good: { greeting: 1 } } },
    ]) {
      expect(await rejection(test.kernel.change(selection))).to.be.instanceOf(PluginError);
    }
    expect(steps).to.deep.equal(["start"]);
    expect(test.kernel.hooks).to.equal(before);
  });

  it("continues after a failing plugin, which keeps its old instance", async () => {
    const test = createKernel();
    const a = plugin("a", (scope, config) => {
      scope.hooks.spawn.tap("mark", (plan) => ({ ...plan, args: [...plan.args, "a"] }));
      if ("broken" in config) throw new Error("no");
    });
    const fresh = plugin("fresh", () => {
      throw new Error("neither");
    });
    await test.kernel.enable({ plugins: [a, marker("b")] });
    const b = test.kernel.status()[1];
    expect(b?.name).to.equal("b");
    const report = await test.kernel.change({
      plugins: [a, fresh, marker("c")],
      sections: { a: { broken: 1 } },
    });
    expect(report.failed.map(({ message }) => message)).to.deep.equal([
      "plugin a: did not start: no",
      "plugin fresh: did not start: neither",
    ]);
    expect(report).to.deep.include({ started: ["c"], stopped: ["b"], replaced: [], unchanged: [] });
    expect(await marks(test)).to.equal("a c");
    expect(test.kernel.status().map(({ name, state }) => `${name} ${state}`)).to.deep.equal([
      "a on",
      "fresh failed",
      "c on",
      "b off",
    ]);
  });

  it("lets a plugin use a prefix that another one releases", async () => {
    const { kernel } = createKernel();
    const taking = (name: string) => plugin(name, (scope) => scope.mount("/shared", router()));
    await kernel.enable({ plugins: [taking("one")] });
    const report = await kernel.change({ plugins: [taking("two")] });
    expect(report).to.deep.include({ started: ["two"], stopped: ["one"], failed: [] });
    expect(kernel.routes.match("/shared")).to.include({ plugin: "two" });
  });

  it("restarts a failed plugin", async () => {
    const { kernel } = createKernel();
    let healthy = false;
    const shaky = plugin("shaky", () => {
      if (!healthy) throw new Error("not yet");
    });
    await kernel.change({ plugins: [shaky] });
    expect(kernel.status()[0]).to.include({
      state: "failed",
      lastError: "plugin shaky: did not start: not yet",
    });
    healthy = true;
    expect((await kernel.change({ plugins: [shaky] })).started).to.deep.equal(["shaky"]);
    expect(kernel.status()[0]).to.include({ state: "on", lastError: null });
  });
});

describe("the status of plugins", () => {
  it("has the duration of the start and the notices", async () => {
    const { kernel } = createKernel({ limits: { applyMs: 5000 } });
    const slow = plugin("slow", () => pause(40), { configSchema: { properties: { port: { default: 80 } } } });
    await kernel.enable({ plugins: [slow, fixture("good")], sections: { good: { api_token: "s3cret" } } });
    const [first, second] = kernel.status();
    expect(first?.startedMs).to.be.at.least(35);
    expect(first).to.deep.include({
      name: "slow",
      source: "(given)",
      needs: [],
      config: { port: 80 },
      notices: [],
    });
    expect(first).to.not.have.property("version");
    expect(second).to.deep.include({
      version: "1.2.3",
      source: fixture("good"),
      notices: ["good is on"],
      config: { api_token: "***", greeting: "hello" },
    });
    expect(JSON.stringify(kernel.status())).to.not.include("s3cret");
  });

  it("names a plugin whose apply blocked the event loop", async () => {
    const { kernel, complaints } = createKernel({ limits: { blockedMs: 30 } });
    const heavy = plugin("heavy", () => {
      const end = performance.now() + 60;
      while (performance.now() < end);
    });
    await kernel.enable({ plugins: [heavy] });
    expect(complaints()[0]).to.match(/^plugin heavy: apply blocked the whole gateway for \d+ ms$/);
    expect(kernel.status()[0]?.blockedMs).to.be.at.least(60);
  });

  it("logs the outcome of an apply that missed its deadline", async () => {
    const { kernel, complaints } = createKernel({ limits: { applyMs: 20 } });
    const late = plugin("late", async () => {
      await pause(50);
      throw new Error("connection refused");
    });
    await rejection(kernel.enable({ plugins: [late] }));
    await pause(50);
    expect(complaints()).to.deep.equal(["plugin late: apply failed after its deadline: connection refused"]);
  });
});
