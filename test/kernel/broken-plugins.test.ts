import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { PluginError, PluginFault } from "#kernel/faults.js";
import {
  createKernel,
  EVENT,
  fixture,
  PLAN,
  pause,
  plugin,
  REQUEST,
  rejection,
  rejectionMessage,
  router,
  SPAWN,
  TURN,
} from "./kit.js";

/** Each broken plugin, the name that the error carries, and its one line. */
const BROKEN: readonly [fixture: string, code: string, line: RegExp][] = [
  [
    "throws-at-import",
    "CW_PLUGIN_IMPORT_FAILED",
    /^plugin \S+: importing \S+index\.js failed: no licence file in this folder$/,
  ],
  [
    "hangs-at-import",
    "CW_PLUGIN_IMPORT_TIMEOUT",
    /^plugin \S+: importing \S+ failed: did not finish within 100 ms; check for a top-level await that never ends$/,
  ],
  [
    "throws-in-apply",
    "CW_PLUGIN_START_FAILED",
    /^plugin throws_in_apply: did not start: the folder is not writable$/,
  ],
  [
    "hangs-in-apply",
    "CW_PLUGIN_START_TIMEOUT",
    /^plugin hangs_in_apply: did not start: apply did not finish within 150 ms$/,
  ],
  [
    "bad-schema",
    "CW_PLUGIN_SCHEMA_INVALID",
    /^plugin bad_schema: its configSchema must be a JSON Schema 2020-12: configSchema\S+ must be /,
  ],
  ["wrong-version", "CW_PLUGIN_API_VERSION", /^plugin \S+: apiVersion must be 1, got "1"$/],
  [
    "newer-version",
    "CW_PLUGIN_API_VERSION",
    /^plugin \S+: apiVersion must be 1, got 2; the plugin needs a newer Claudeway$/,
  ],
  [
    "no-default",
    "CW_PLUGIN_INVALID",
    /^plugin \S+: the default export must be the result of definePlugin\(\)$/,
  ],
  [
    "bad-name",
    "CW_PLUGIN_INVALID",
    /^plugin \S+: name must be lower-case letters, digits and underscores, beginning with a letter, got "Bad Name"$/,
  ],
  ["unknown-need", "CW_PLUGIN_INVALID", /^plugin \S+: needs must list only .*, got "root"$/],
  [
    "not-built",
    "CW_PLUGIN_ENTRY_MISSING",
    /^plugin \S+: its entry file \S+dist\/index\.js is missing; build the plugin first$/,
  ],
  [
    "missing-dependency",
    "CW_PLUGIN_DEPENDENCY_MISSING",
    /^plugin \S+: importing \S+ failed: Cannot find package 'claudeway-no-such-package' imported from \S+; check that its packages are installed \(npm install\)$/,
  ],
  [
    "taken-prefix",
    "CW_PLUGIN_START_FAILED",
    /^plugin taken_prefix: did not start: prefix \/good is already used by plugin good$/,
  ],
  [
    "same-name",
    "CW_PLUGIN_NAME_TAKEN",
    /^plugin good: two plugins have this name: \S+good and \S+same-name$/,
  ],
];

describe("broken plugins", () => {
  for (const [name, code, line] of BROKEN) {
    it(`${name}: stops the boot with one line and leaves nothing behind`, async () => {
      // A short limit only where it must be exceeded: a busy machine takes long for any import.
      const { kernel } = createKernel({ limits: name === "hangs-at-import" ? { importMs: 100 } : {} });
      const disposed: string[] = [];
      const before = plugin("before", (scope) => {
        scope.hooks.spawn.tap("pass", () => undefined);
        scope.onDispose(() => {
          disposed.push("before");
        });
      });
      const error = await rejection(kernel.enable({ plugins: [before, fixture("good"), fixture(name)] }));
      expect(error).to.include({ code });
      expect(error).to.be.instanceOf(PluginError);
      expect(error).to.have.property("message").that.matches(line).and.does.not.include("\n");
      expect(Object.values(kernel.hooks).filter((hook) => hook.isUsed())).to.deep.equal([]);
      expect(kernel.routes.list()).to.deep.equal([]);
      expect(kernel.status().filter(({ state }) => state === "on")).to.deep.equal([]);
      const started = kernel.status().some((one) => one.name === "before");
      expect(disposed, "plugins enabled before it are stopped again").to.deep.equal(
        started ? ["before"] : [],
      );
    });
  }

  for (const name of ["throws-in-apply", "hangs-in-apply"]) {
    it(`${name}: aborts the signal and then runs the disposers`, async () => {
      const { kernel } = createKernel();
      const module: { disposed: boolean[] } = await import(pathToFileURL(`${fixture(name)}/index.js`).href);
      module.disposed.length = 0;
      await rejection(kernel.enable({ plugins: [fixture(name)] }));
      expect(module.disposed).to.deep.equal([true]);
    });
  }

  it("taps-late: each late registration throws and names the plugin", async () => {
    const { kernel } = createKernel();
    await kernel.enable({ plugins: [fixture("taps-late")] });
    const { refused }: { refused: string[] } = await import(
      pathToFileURL(`${fixture("taps-late")}/index.js`).href
    );
    await pause(40);
    expect(refused).to.have.length(3);
    expect(refused[0]).to.equal(
      'plugin taps_late: tap "late" on event must be registered while apply runs; apply has ended',
    );
    expect(refused[1]).to.match(/^plugin taps_late: mount \/late must be registered while/);
    expect(refused[2]).to.match(/^plugin taps_late: onDispose must be registered while/);
    expect(kernel.hooks.event.isUsed()).to.equal(false);
    expect(kernel.routes.list()).to.deep.equal([]);
  });

  it("null-answer: null from a bail hook is a fault, not an answer", async () => {
    const { kernel } = createKernel();
    await kernel.enable({ plugins: [fixture("null-answer")] });
    const error = await rejection(kernel.hooks.request.promise(REQUEST));
    expect(error).to.be.instanceOf(PluginFault);
    expect(error).to.have.property(
      "message",
      'plugin null_answer: tap "nothing" on request: the answer must be a Refusal or nothing, got null',
    );
    expect(error).to.include({ plugin: "null_answer", tap: "nothing", hook: "request" });
    expect(kernel.status()[0]).to.include({ faults: 1 });
  });

  it("empty-plan: nothing from a waterfall keeps the plan, null is a fault", async () => {
    const { kernel } = createKernel();
    await kernel.enable({ plugins: [fixture("empty-plan")] });
    expect(await kernel.hooks.beforeExecute.promise(PLAN, TURN)).to.equal(PLAN);
    expect(await rejectionMessage(kernel.hooks.spawn.promise(SPAWN, undefined))).to.equal(
      'plugin empty_plan: tap "null" on spawn: the answer must be a plan or nothing, got null',
    );
  });

  it("throws-telling: exceptions, rejections and hangs are logged and counted; later taps run", async () => {
    const { kernel, complaints } = createKernel();
    let told = 0;
    const after = plugin("after", (scope) =>
      scope.hooks.event.tap("count", () => {
        told += 1;
      }),
    );
    await kernel.enable({ plugins: [fixture("throws-telling"), after] });
    kernel.notify("event", EVENT, TURN);
    expect(told).to.equal(1);
    await pause(120);
    expect(complaints()).to.deep.equal([
      'plugin throws_telling: tap "sync" on event: sync',
      'plugin throws_telling: tap "async" on event: async',
      'plugin throws_telling: tap "never" on event: did not finish within 80 ms',
    ]);
    expect(kernel.status()[0]).to.include({ faults: 3, state: "on" });
    await kernel.hooks.event.promise(EVENT, TURN);
  });

  it("blocks: two seconds of blocking the event loop are logged", async () => {
    const { kernel, complaints } = createKernel();
    await kernel.enable({ plugins: [fixture("blocks")] });
    kernel.notify("event", EVENT, TURN);
    expect(complaints()).to.have.length(1);
    expect(complaints()[0]).to.match(
      /^plugin blocks: tap "busy" on event blocked the whole gateway for \d+(\.\d)? s$/,
    );
    expect(kernel.status()[0]?.blockedMs).to.be.at.least(2000);
    expect(kernel.status()[0]?.tapMs).to.be.at.least(2000);
  });

  it("blocks: shorter blocking is not logged", async () => {
    const { kernel, complaints } = createKernel();
    await kernel.enable({ plugins: [fixture("blocks")], sections: { blocks: { ms: 30 } } });
    kernel.notify("event", EVENT, TURN);
    expect(complaints()).to.deep.equal([]);
    expect(kernel.status()[0]).to.include({ blockedMs: 0 });
  });

  it("own-copies: refusals and routers of other copies of the packages work", async () => {
    const { kernel } = createKernel();
    await kernel.enable({ plugins: [fixture("own-copies")] });
    const at = (path: string) => kernel.hooks.request.promise({ ...REQUEST, path });
    expect(await at("/elsewhere")).to.equal(undefined);
    expect(await at("/returned")).to.deep.include({ status: 429, reason: "slow down" });
    expect(await rejection(at("/thrown"))).to.include({ status: 451, reason: "not here" });
    expect(await rejection(at("/forged")), "a refusal with a 2xx would let a request in").to.be.instanceOf(
      PluginFault,
    );
    expect(kernel.routes.match("/own/page")).to.include({ plugin: "own_copies", auth: "none" });
  });

  it("a start is possible after a failure", async () => {
    const { kernel } = createKernel();
    await rejection(kernel.enable({ plugins: [fixture("throws-in-apply")] }));
    await kernel.enable({ plugins: [plugin("fine", (scope) => scope.mount("/fine", router()))] });
    expect(kernel.routes.match("/fine")).to.include({ plugin: "fine" });
  });
});
