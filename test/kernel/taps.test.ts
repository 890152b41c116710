import { mock } from "node:test";
import { GatewayError, Refusal } from "@claudeway/ports";
import { expect } from "chai";
import { PluginFault } from "#kernel/faults.js";
import {
  createKernel,
  deferred,
  EVENT,
  PLAN,
  pause,
  plugin,
  REQUEST,
  rejection,
  rejectionMessage,
  SPAWN,
  TURN,
} from "./kit.js";

describe("interceptor taps", () => {
  it("run in the order of the plugins; each gets the result of the previous one", async () => {
    const { kernel } = createKernel();
    const add = (name: string) =>
      plugin(name, (scope) => {
        scope.hooks.spawn.tap("sync", (plan) => ({ ...plan, args: [...plan.args, name] }));
        scope.hooks.spawn.tapPromise("async", async (plan) => ({
          ...plan,
          args: [...plan.args, `${name}!`],
        }));
      });
    await kernel.enable({ plugins: [add("b"), add("a")] });
    const { args } = await kernel.hooks.spawn.promise(SPAWN, undefined);
    expect(args).to.deep.equal(["b", "b!", "a", "a!"]);
    expect(SPAWN.args).to.deep.equal([]);
  });

  it("stop at the first refusal, returned or thrown", async () => {
    const { kernel } = createKernel();
    const asked: string[] = [];
    const refusing = (name: string, refuse: () => Refusal | undefined) =>
      plugin(name, (scope) => {
        scope.hooks.request.tap("rule", () => {
          asked.push(name);
          return refuse();
        });
      });
    const returned = new Refusal(403, "returned");
    const thrown = new Refusal(429, "thrown");
    const throwing = refusing("throwing", () => {
      throw thrown;
    });
    await kernel.enable({
      plugins: [refusing("passing", () => undefined), refusing("returning", () => returned), throwing],
    });
    expect(await kernel.hooks.request.promise(REQUEST)).to.equal(returned);
    expect(asked).to.deep.equal(["passing", "returning"]);
    await kernel.disable("returning");
    expect(await rejection(kernel.hooks.request.promise(REQUEST))).to.equal(thrown);
    expect(kernel.status().map(({ faults }) => faults)).to.deep.equal([0, 0, 0]);
  });

  it("become a fault with their name when they throw, reject, or throw a non-error", async () => {
    const { kernel, complaints } = createKernel();
    const boom = new Error("boom\nat once");
    const broken = plugin("broken", (scope) => {
      scope.hooks.request.tap("sync", ({ path }) => {
        if (path === "/sync") throw boom;
      });
      scope.hooks.request.tapPromise("async", async ({ path }) => {
        if (path === "/async") throw boom;
      });
      scope.hooks.request.tapPromise("odd", ({ path }) =>
        path === "/odd" ? Promise.reject(null) : Promise.resolve(),
      );
    });
    await kernel.enable({ plugins: [broken] });
    for (const tap of ["sync", "async"]) {
      const fault = await rejection(kernel.hooks.request.promise({ ...REQUEST, path: `/${tap}` }));
      expect(fault).to.be.instanceOf(PluginFault);
      expect(fault).to.include({ plugin: "broken", hook: "request", tap, cause: boom });
      expect(fault).to.have.property("message", `plugin broken: tap "${tap}" on request: boom at once`);
    }
    const odd = await rejection(kernel.hooks.request.promise({ ...REQUEST, path: "/odd" }));
    expect(odd).to.include({ message: 'plugin broken: tap "odd" on request: null' });
    expect(kernel.status()[0]).to.include({
      faults: 3,
      lastError: 'plugin broken: tap "odd" on request: null',
      lastErrorCode: "CW_PLUGIN_TAP_FAILED",
    });
    expect(complaints(), "whoever asked logs them").to.deep.equal([]);
  });

  it("become a fault when they miss their deadline", async () => {
    const { kernel } = createKernel();
    const hanging = plugin("hanging", (scope) => {
      scope.hooks.beforeExecute.tapPromise("never", () => new Promise(() => {}));
    });
    await kernel.enable({ plugins: [hanging] });
    const started = performance.now();
    const fault = await rejection(kernel.hooks.beforeExecute.promise(PLAN, TURN));
    expect(fault).to.be.instanceOf(PluginFault);
    expect(fault).to.include({ code: "CW_PLUGIN_TAP_TIMEOUT" });
    expect(fault)
      .to.have.property("message")
      .that.matches(/on beforeExecute: did not answer within 80 ms$/);
    expect(performance.now() - started).to.be.at.least(70);
  });

  it("may reject after their deadline without effect", async () => {
    const { kernel } = createKernel();
    const gate = deferred();
    const late = plugin("late", (scope) => {
      scope.hooks.request.tapPromise("late", async () => {
        await gate.promise;
        throw new Error("too late");
      });
    });
    await kernel.enable({ plugins: [late] });
    expect(await rejectionMessage(kernel.hooks.request.promise(REQUEST))).to.match(
      /did not answer within 80 ms/,
    );
    gate.resolve();
    // An unhandled rejection would fail the run.
    await pause(0);
  });

  const wrong: readonly [what: string, answer: unknown, line: RegExp][] = [
    ["true", true, /the answer must be a Refusal or nothing, got a boolean$/],
    ["false", false, /got a boolean/],
    ["0", 0, /got a number/],
    ["an object", { status: 403, reason: "no" }, /got an object/],
    ["an error", new Error("no"), /got an object/],
  ];
  for (const [what, answer, line] of wrong) {
    it(`become a fault when they answer a request with ${what}`, async () => {
      const { kernel } = createKernel();
      const odd = plugin("odd", (scope) => {
        Reflect.apply(scope.hooks.request.tap, undefined, ["odd", () => answer]);
      });
      await kernel.enable({ plugins: [odd] });
      const fault = await rejection(kernel.hooks.request.promise(REQUEST));
      expect(fault).to.be.instanceOf(PluginFault).with.property("message").that.matches(line);
    });
  }

  it("become a fault when they return a refusal that must be thrown", async () => {
    const { kernel } = createKernel();
    const odd = plugin("odd", (scope) => {
      Reflect.apply(scope.hooks.beforeExecute.tap, undefined, ["odd", () => new Refusal(403, "no")]);
    });
    await kernel.enable({ plugins: [odd] });
    expect(await rejectionMessage(kernel.hooks.beforeExecute.promise(PLAN, TURN))).to.match(
      /a Refusal must be thrown on this hook, not returned$/,
    );
  });

  it("may be tapped with an asynchronous function either way", async () => {
    const { kernel } = createKernel();
    const asynchronous = plugin("p", (scope) => {
      Reflect.apply(scope.hooks.request.tap, undefined, ["p", async () => new Refusal(403, "no")]);
    });
    await kernel.enable({ plugins: [asynchronous] });
    expect(await kernel.hooks.request.promise(REQUEST)).to.include({ reason: "no" });
  });

  it("are metered by the time that callers waited for them", async () => {
    const { kernel } = createKernel();
    const slow = plugin("slow", (scope) => scope.hooks.spawn.tapPromise("slow", () => pause(40)));
    await kernel.enable({ plugins: [slow, plugin("idle", () => {})] });
    await kernel.hooks.spawn.promise(SPAWN, undefined);
    const [first, second] = kernel.status();
    expect(first?.tapMs).to.be.at.least(35);
    expect(second?.tapMs).to.equal(0);
  });
});

describe("observer taps", () => {
  afterEach(() => mock.restoreAll());

  it("cost nothing without taps", () => {
    const { kernel } = createKernel();
    let called = false;
    kernel.hooks.event.promise = async () => {
      called = true;
    };
    kernel.notify("event", EVENT, TURN);
    expect(called).to.equal(false);
  });

  it("receive events before notify returns", async () => {
    const { kernel } = createKernel();
    const heard: unknown[] = [];
    const listener = plugin("p", (scope) =>
      scope.hooks.event.tap("hear", (...args) => void heard.push(args)),
    );
    await kernel.enable({ plugins: [listener] });
    kernel.notify("event", EVENT, TURN);
    expect(heard).to.deep.equal([[EVENT, TURN]]);
  });

  it("are bounded in flight for each plugin: more are dropped, counted, and logged once", async () => {
    const pass = stoppedClock();
    const { kernel, complaints } = createKernel({
      limits: { tellingInFlight: 3, tapMs: 10_000, reportEveryMs: 150 },
    });
    const gate = deferred();
    let begun = 0;
    const slow = plugin("slow", (scope) =>
      scope.hooks.event.tapPromise("wait", () => {
        begun += 1;
        return gate.promise;
      }),
    );
    let heard = 0;
    const quick = plugin("quick", (scope) =>
      scope.hooks.event.tap("count", () => {
        heard += 1;
      }),
    );
    await kernel.enable({ plugins: [slow, quick] });
    for (let round = 0; round < 10; round += 1) kernel.notify("event", EVENT, TURN);
    expect(begun).to.equal(3);
    expect(heard, "the others hear everything").to.equal(10);
    expect(kernel.status().map(({ dropped }) => dropped)).to.deep.equal([7, 0]);
    expect(complaints()).to.deep.equal([
      'plugin slow: tap "wait" on event: has 3 calls in flight, more are dropped; 1 so far',
    ]);
    pass(160);
    kernel.notify("event", EVENT, TURN);
    expect(complaints()).to.have.length(2);
    expect(complaints()[1]).to.match(/8 so far$/);
    gate.resolve();
    await pause(0);
    kernel.notify("event", EVENT, TURN);
    expect(begun, "a place that is free again is used").to.equal(4);
  });

  it("free their place when they miss the deadline, and are logged", async () => {
    const { kernel, complaints } = createKernel({ limits: { tellingInFlight: 1 } });
    let begun = 0;
    const hanging = plugin("hanging", (scope) =>
      scope.hooks.event.tapPromise("never", () => {
        begun += 1;
        return new Promise(() => {});
      }),
    );
    await kernel.enable({ plugins: [hanging] });
    kernel.notify("event", EVENT, TURN);
    await pause(110);
    kernel.notify("event", EVENT, TURN);
    expect(begun).to.equal(2);
    expect(complaints()).to.deep.equal(['plugin hanging: tap "never" on event: did not finish within 80 ms']);
    expect(kernel.status()[0]).to.include({ faults: 1, dropped: 0 });
  });

  it("free their place when they throw or return", async () => {
    const { kernel } = createKernel({ limits: { tellingInFlight: 1 } });
    let call = 0;
    const shaky = plugin("shaky", (scope) =>
      scope.hooks.event.tap("shaky", () => {
        call += 1;
        if (call % 2 === 0) throw new Error("no");
      }),
    );
    await kernel.enable({ plugins: [shaky] });
    for (let round = 0; round < 10; round += 1) kernel.notify("event", EVENT, TURN);
    expect(call).to.equal(10);
    expect(kernel.status()[0]).to.include({ faults: 5, dropped: 0 });
  });

  it("free one place, not two, when they end after the deadline", async () => {
    const { kernel } = createKernel({ limits: { tellingInFlight: 2, tapMs: 200 } });
    const running = new Set<number>();
    let call = 0;
    const slow = plugin("slow", (scope) =>
      scope.hooks.event.tapPromise("slow", async () => {
        const id = call++;
        running.add(id);
        await pause(id === 0 ? 260 : 600);
        running.delete(id);
      }),
    );
    await kernel.enable({ plugins: [slow] });
    kernel.notify("event", EVENT, TURN);
    await pause(220);
    kernel.notify("event", EVENT, TURN);
    kernel.notify("event", EVENT, TURN);
    await pause(80);
    kernel.notify("event", EVENT, TURN);
    expect(running.size).to.equal(2);
    expect(kernel.status()[0]).to.include({ dropped: 1 });
  });

  it("cannot flood the log: repeated lines are suppressed and counted", async () => {
    const pass = stoppedClock();
    const { kernel, lines } = createKernel({ limits: { reportEveryMs: 100 } });
    const broken = plugin("broken", (scope) =>
      scope.hooks.event.tap("always", () => {
        throw new Error("again");
      }),
    );
    await kernel.enable({ plugins: [broken] });
    const errors = () => lines.filter(({ hook }) => hook === "event");
    for (let round = 0; round < 500; round += 1) kernel.notify("event", EVENT, TURN);
    expect(errors()).to.have.length(10);
    expect(errors()[0]).to.include({ plugin: "broken", tap: "always", hook: "event" });
    pass(110);
    kernel.notify("event", EVENT, TURN);
    expect(errors().at(-1)).to.include({ linesHeldBack: 490 });
    kernel.notify("event", EVENT, TURN);
    expect(errors().at(-1)).to.not.have.property("linesHeldBack");
    expect(kernel.status()[0]).to.include({ faults: 502 });
  });

  it("leave no timer that keeps the process alive", async () => {
    const { kernel } = createKernel({ limits: { tapMs: 60_000 } });
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    await pause(0);
    const before = timers();
    const hanging = plugin("hanging", (scope) =>
      scope.hooks.event.tapPromise("never", () => new Promise(() => {})),
    );
    await kernel.enable({ plugins: [hanging] });
    kernel.notify("event", EVENT, TURN);
    expect(timers()).to.equal(before);
    await kernel.close();
    expect(timers()).to.equal(before);
  });
});

describe("taps on closing", () => {
  it("are awaited one after another; failures are logged", async () => {
    const { kernel, complaints } = createKernel();
    const heard: string[] = [];
    const tidy = plugin("tidy", (scope) => {
      scope.hooks.closing.tapPromise("flush", async () => {
        await pause(20);
        heard.push("flushed");
      });
      scope.hooks.closing.tap("break", () => {
        throw new Error("disk full");
      });
      scope.hooks.closing.tapPromise("hang", () => new Promise(() => {}));
      scope.hooks.closing.tap("last", () => void heard.push("last"));
    });
    await kernel.enable({ plugins: [tidy] });
    await kernel.notifyClosing();
    expect(heard).to.deep.equal(["flushed", "last"]);
    expect(complaints()).to.deep.equal([
      'plugin tidy: tap "break" on closing: disk full',
      'plugin tidy: tap "hang" on closing: did not finish within 80 ms',
    ]);
  });

  it("have one deadline together", async () => {
    const { kernel, complaints } = createKernel({ limits: { tapMs: 10_000, closingMs: 60 } });
    const hanging = plugin("p", (scope) =>
      scope.hooks.closing.tapPromise("hang", () => new Promise(() => {})),
    );
    await kernel.enable({ plugins: [hanging] });
    await kernel.notifyClosing();
    expect(complaints()).to.deep.equal(["taps on closing did not finish within 60 ms"]);
  });
});

describe("the scope", () => {
  it("has no way to call or intercept a hook, nor back to what the plugin owns", async () => {
    const { kernel } = createKernel();
    let keys: unknown;
    const curious = plugin("curious", (scope) => {
      keys = [Object.keys(scope).sort(), Object.keys(scope.hooks.event), Object.isFrozen(scope.hooks)];
      expect(() => Object.assign(scope, { name: "other" })).to.throw(TypeError);
    });
    await kernel.enable({ plugins: [curious] });
    expect(keys).to.deep.equal([
      [
        "childMark",
        "hooks",
        "lead",
        "ledger",
        "log",
        "mount",
        "name",
        "notice",
        "onDispose",
        "page",
        "requestFields",
        "sessions",
        "shared",
        "signal",
        "storage",
        "store",
      ],
      ["tap", "tapPromise"],
      true,
    ]);
  });

  it("has every hook", async () => {
    const { kernel } = createKernel();
    let offered: string[] = [];
    await kernel.enable({
      plugins: [
        plugin("p", (scope) => {
          offered = Object.keys(scope.hooks);
        }),
      ],
    });
    expect(offered).to.deep.equal(Object.keys(kernel.hooks));
  });

  it("refuses a tap without a name or a function", async () => {
    const { kernel } = createKernel();
    const nameless = plugin("p", (scope) => Reflect.apply(scope.hooks.event.tap, undefined, [() => {}]));
    expect(await rejectionMessage(kernel.enable({ plugins: [nameless] }))).to.match(
      /the first argument of a tap on event must be a name/,
    );
    const empty = plugin("p", (scope) => Reflect.apply(scope.hooks.event.tap, undefined, ["x"]));
    expect(await rejectionMessage(kernel.enable({ plugins: [empty] }))).to.match(
      /tap "x" on event must have a function/,
    );
  });

  it("names the plugin on every line that it logs, and keeps its notices once each", async () => {
    const { kernel, lines } = createKernel();
    const talking = plugin("talking", (scope) => {
      scope.log.warn("hello");
      scope.notice("one\nline");
      scope.notice("one line");
    });
    await kernel.enable({ plugins: [talking] });
    expect(lines.find(({ msg }) => msg === "hello")).to.include({ plugin: "talking" });
    expect(kernel.status()[0]?.notices).to.deep.equal(["one line"]);
  });

  it("rejects with an error of the gateway, not a fault, while an interceptor plugin is down", async () => {
    const { kernel } = createKernel();
    const gate = deferred();
    const guard = plugin(
      "guard",
      (scope) => {
        scope.hooks.request.tap("check", () => undefined);
        scope.onDispose(() => gate.promise);
      },
      { exclusive: true },
    );
    await kernel.enable({ plugins: [guard] });
    const changed = kernel.reconfigure("guard", { other: 1 });
    await pause(10);
    const error = await rejection(kernel.hooks.request.promise(REQUEST));
    expect(error).to.be.instanceOf(GatewayError).and.include({ status: 503, code: "UNAVAILABLE" });
    gate.resolve();
    await changed;
    expect(await kernel.hooks.request.promise(REQUEST)).to.equal(undefined);
  });
});

/** Stops the clock that log lines are counted by; what it returns lets it go on by some ms. */
function stoppedClock(): (ms: number) => void {
  let now = performance.now();
  mock.method(performance, "now", () => now);
  return (ms) => {
    now += ms;
  };
}
