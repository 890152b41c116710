import { Refusal, type SpawnPlan, type TurnPlan } from "@claudeway/ports";
import { expect } from "chai";
import { PluginFault } from "#kernel/faults.js";
import { createTestGateway } from "#testing/index.js";
import { createKernel, EVENT, PLAN, plugin, rejection, SPAWN, TURN } from "./kit.js";

/** A tap as in plain JavaScript, without type checks. */
type Loose = (...args: readonly object[]) => unknown;

async function withTap(hook: "workdir" | "beforeExecute" | "spawn" | "approve", fn: Loose) {
  const test = createKernel();
  const loose = plugin("loose", ({ hooks }) => Reflect.apply(hooks[hook].tap, undefined, ["odd", fn]));
  await test.kernel.enable({ plugins: [loose] });
  return test;
}

const trap = () => {
  throw new Error("trap");
};

const TURN_PLANS: readonly [what: string, answer: unknown, line: string][] = [
  ["a plan with nothing in it", {}, "the plan's prompt must be a string, got undefined"],
  ["a list", [PLAN], "the answer must be a plan or nothing, got a list"],
  ["an invalid prompt", { ...PLAN, prompt: 5 }, "prompt must be a string, got 5"],
  ["no model", { ...PLAN, model: "" }, "model must be a non-empty string, got an empty string"],
  [
    "a system prompt of null",
    { ...PLAN, systemPrompt: null },
    "systemPrompt must be a string, or nothing, got null",
  ],
  ["a relative folder", { ...PLAN, workdir: "work" }, "workdir must be an absolute path, got a string"],
  ["no time", { ...PLAN, timeoutMs: Number.NaN }, "at most 2147483647, got NaN"],
  [
    "for good",
    { ...PLAN, timeoutMs: Number.POSITIVE_INFINITY },
    "timeoutMs must be milliseconds, greater than 0 and",
  ],
  ["a month, which overflows Node's timers", { ...PLAN, timeoutMs: 2 ** 31 }, "at most 2147483647"],
  ["a flag in words", { ...PLAN, verbatim: "yes" }, "verbatim must be true or false, got a string"],
  [
    "a budget of nothing",
    { ...PLAN, maxBudgetUsd: 0 },
    "maxBudgetUsd must be USD, greater than 0, or nothing, got 0",
  ],
  [
    "a getter that throws",
    Object.defineProperty({ ...PLAN }, "prompt", { get: trap, enumerable: true }),
    "trap",
  ],
  ["a proxy that throws", new Proxy({ ...PLAN }, { get: trap }), "trap"],
];

const SPAWN_PLANS: readonly [what: string, answer: unknown, line: string][] = [
  ["a plan with nothing in it", {}, "the plan's command must be a non-empty string, got undefined"],
  ["arguments in one", { ...SPAWN, args: "-u claude" }, "args must be a list of strings, got a string"],
  [
    "a number in the environment",
    { ...SPAWN, env: { PORT: 80 } },
    "env must be an object of strings, got an object",
  ],
  ["no folder", { ...SPAWN, cwd: undefined }, "cwd must be an absolute path, got undefined"],
  ["no options", { ...SPAWN, options: undefined }, "options must be an object, got undefined"],
  [
    "half a turn",
    { ...SPAWN, options: { maxTurns: 0.5 } },
    "options.maxTurns must be an integer greater than 0, or nothing, got 0.5",
  ],
];

describe("a plan that a plugin returns", () => {
  for (const [hook, table] of [
    ["beforeExecute", TURN_PLANS],
    ["spawn", SPAWN_PLANS],
  ] as const) {
    for (const [what, answer, line] of table) {
      it(`on ${hook} with ${what} is a fault that names the plugin and the field`, async () => {
        const { kernel } = await withTap(hook, () => answer);
        const { hooks } = kernel;
        const call =
          hook === "spawn" ? hooks.spawn.promise(SPAWN, undefined) : hooks.beforeExecute.promise(PLAN, TURN);
        const fault = await rejection(call);
        expect(fault).to.be.instanceOf(PluginFault).and.include({ plugin: "loose", tap: "odd", hook });
        expect(fault).to.have.property("message").that.includes(line);
        expect(kernel.status()[0]).to.include({ faults: 1 });
      });
    }
  }

  it("on workdir other than an absolute path is a fault, and a path is passed on", async () => {
    const request = { name: "repo:x", field: "workdir", keyId: "k" } as const;
    const none = { sessionId: undefined, ownFolder: undefined };
    for (const [answer, line] of [
      ["x", "must be an absolute path or nothing, got a string"],
      [null, "must be an absolute path or nothing, got null"],
      [new Refusal(400, "no"), "a Refusal must be thrown on this hook"],
    ] as const) {
      const { kernel } = await withTap("workdir", () => answer);
      const fault = await rejection(kernel.hooks.workdir.promise({ ...request, ...none }));
      expect(fault).to.have.property("message").that.includes(line);
    }
    const { kernel } = await withTap("workdir", () => "/srv/x");
    expect(await kernel.hooks.workdir.promise({ ...request, ...none })).to.equal("/srv/x");
  });

  it("keeps fields that the gateway does not know, frozen or not", async () => {
    const { kernel } = await withTap("beforeExecute", () =>
      Object.freeze({ ...PLAN, model: "opus", mine: 1 }),
    );
    expect(await kernel.hooks.beforeExecute.promise(PLAN, TURN)).to.deep.equal({
      ...PLAN,
      model: "opus",
      mine: 1,
    });
  });

  it("is read once: a getter cannot return different values to the check and the engine", async () => {
    let reads = 0;
    const { kernel } = await withTap("spawn", () =>
      Object.defineProperty({ ...SPAWN }, "command", { get: () => `claude-${++reads}`, enumerable: true }),
    );
    const plan: SpawnPlan = await kernel.hooks.spawn.promise(SPAWN, undefined);
    expect([plan.command, plan.command, reads]).to.deep.equal(["claude-1", "claude-1", 1]);
  });

  it("costs nothing if it is refused: the engine is never reached", async () => {
    const broken = plugin("broken", ({ hooks }) =>
      Reflect.apply(hooks.beforeExecute.tap, undefined, [
        "odd",
        (plan: TurnPlan) => ({ ...plan, model: null }),
      ]),
    );
    const gateway = await createTestGateway({ plugins: [broken] });
    try {
      const answer = await gateway.fetch("/task", { body: { prompt: "hello" } });
      expect(answer.status).to.equal(500);
      expect(gateway.ran).to.deep.equal([]);
      expect(gateway.plugins()[0]).to.include({
        faults: 1,
        lastError: `plugin broken: tap "odd" on beforeExecute: the plan's model must be a non-empty string, got null`,
        lastErrorCode: "CW_PLUGIN_ANSWER_INVALID",
      });
    } finally {
      await gateway.close();
    }
  });
});

describe("the arguments of taps", () => {
  const deciding: readonly [what: string, hook: "beforeExecute" | "spawn" | "approve", change: Loose][] = [
    ["the plan", "beforeExecute", (plan) => void Object.assign(plan, { prompt: "changed" })],
    ["the turn", "beforeExecute", (_plan, turn) => void Object.assign(turn ?? {}, { keyId: "admin" })],
    ["its environment", "spawn", (plan) => void Object.assign(Reflect.get(plan, "env"), { PATH: "/tmp" })],
    [
      "the input",
      "approve",
      (call) => void Object.assign(Reflect.get(call, "input"), { file_path: "/etc/passwd" }),
    ],
  ];
  for (const [what, hook, change] of deciding) {
    it(`can't be changed in place by a tap on ${hook}: ${what}`, async () => {
      const { kernel } = await withTap(hook, change);
      const spawn = { ...SPAWN, env: { PATH: "/bin" } };
      const call = { tool: "Write", toolUseId: "t1", input: { file_path: "a.txt" }, workdir: "/" };
      const given = { plan: { ...PLAN }, turn: { ...TURN } };
      const { hooks } = kernel;
      const asked = {
        beforeExecute: () => hooks.beforeExecute.promise(given.plan, given.turn),
        spawn: () => hooks.spawn.promise(spawn, undefined),
        approve: () =>
          Promise.resolve(Reflect.apply(hooks.approve.promise, hooks.approve, [call, given.turn])),
      };
      expect(await rejection(asked[hook]())).to.be.instanceOf(PluginFault);
      expect([given, spawn.env, call.input]).to.deep.equal([
        { plan: PLAN, turn: TURN },
        { PATH: "/bin" },
        { file_path: "a.txt" },
      ]);
    });
  }

  it("cannot be changed by an observer tap for other taps", async () => {
    const { kernel, complaints } = createKernel();
    const heard: unknown[] = [];
    const forging = plugin("forging", ({ hooks }) =>
      hooks.event.tap("forge", (event) => void Object.assign(event, { delta: "forged" })),
    );
    const listening = plugin("listening", ({ hooks }) =>
      hooks.event.tap("hear", (event) => void heard.push(event)),
    );
    await kernel.enable({ plugins: [forging, listening] });
    kernel.notify("event", { ...EVENT }, TURN);
    expect(heard).to.deep.equal([EVENT]);
    expect(complaints()).to.have.length(1);
    expect(complaints()[0]).to.match(
      /^plugin forging: tap "forge" on event: Cannot assign to read only property/,
    );
  });

  it("may be nested as deeply as the model likes", async () => {
    const { kernel } = createKernel();
    const input = JSON.parse(`${'{"a":'.repeat(100_000)}{}${"}".repeat(100_000)}`);
    const frozen: boolean[] = [];
    const listening = plugin("listening", ({ hooks }) =>
      hooks.approvalRequested.tap(
        "hear",
        (approval) => void frozen.push(Object.isFrozen(approval.input["a"])),
      ),
    );
    await kernel.enable({ plugins: [listening] });
    Reflect.apply(kernel.notify, kernel, ["approvalRequested", { id: "a1", input }]);
    expect(frozen).to.deep.equal([true]);
  });

  it("cannot be forged by an observer tap, nor can its cost", async () => {
    const forging = plugin("forging", ({ hooks }) =>
      hooks.afterExecute.tap(
        "forge",
        (_turn, { response }) => void Object.assign(response, { result: "forged", cost_usd: 99 }),
      ),
    );
    const gateway = await createTestGateway({ plugins: [forging], replies: "as it was" });
    try {
      expect(await gateway.turn("hello")).to.include({ result: "as it was", cost_usd: 0.001 });
      expect(gateway.plugins()[0]).to.include({ faults: 1, state: "on" });
    } finally {
      await gateway.close();
    }
  });
});

describe("an error of a tap", () => {
  const odd: readonly [what: string, thrown: unknown][] = [
    ["an object without a prototype", Object.create(null)],
    ["an error whose message is an object", Object.assign(new Error(), { message: { code: 7 } })],
  ];
  for (const [what, thrown] of odd) {
    it(`is named and counted, even ${what}`, async () => {
      const { kernel, complaints } = createKernel();
      const throwing = plugin("throwing", ({ hooks }) => {
        hooks.spawn.tap("decide", () => {
          throw thrown;
        });
        hooks.event.tap("hear", () => {
          throw thrown;
        });
      });
      await kernel.enable({ plugins: [throwing] });
      expect(await rejection(kernel.hooks.spawn.promise(SPAWN, undefined))).to.be.instanceOf(PluginFault);
      kernel.notify("event", EVENT, TURN);
      expect(complaints()[0]).to.match(/^plugin throwing: tap "hear" on event: /);
      expect(kernel.status()[0]).to.include({ faults: 2 });
    });
  }
});
