import { pino } from "pino";
import { Kernel } from "#kernel/kernel.js";
import type { Plugin } from "#kernel/plugin.js";
import { PLAN, SPAWN, TURN } from "../test/kernel/kit.js";

/** Microseconds of processor time per call of a hook. */
export interface HookCost {
  readonly hook: string;
  /** With one plugin; with all of them; with all of them, whose taps are asynchronous. */
  readonly one: number;
  readonly all: number;
  readonly allAsync: number;
}

const CALLS = 1000;
const BATCHES = 20;

/** With an environment of usual size. */
const LARGE_SPAWN = {
  ...SPAWN,
  env: Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`NAME_${n}`, "value"])),
};

/** One call of each kind of hook, as the gateway makes it. */
const CALLED: Readonly<Record<string, (kernel: Kernel) => unknown>> = {
  event: (kernel) => kernel.notify("event", { type: "text", delta: "word " }, TURN),
  request: ({ hooks }) =>
    hooks.request.promise({
      id: "r",
      method: "GET",
      path: "/",
      keyId: "k",
      remoteAddress: "",
      headers: {},
      setHeader: () => undefined,
    }),
  beforeExecute: ({ hooks }) => hooks.beforeExecute.promise(PLAN, TURN),
  "spawn, each tap with a plan of its own": ({ hooks }) => hooks.spawn.promise({ ...LARGE_SPAWN }, undefined),
};

/** The hooks called in a loop, nothing else around them: the least of many batches. */
export async function hookCosts(plugins: number): Promise<HookCost[]> {
  const one = await costsOf(1, false);
  const all = await costsOf(plugins, false);
  const allAsync = await costsOf(plugins, true);
  return Object.keys(CALLED).map((hook) => ({
    hook,
    one: one.get(hook) ?? Number.NaN,
    all: all.get(hook) ?? Number.NaN,
    allAsync: allAsync.get(hook) ?? Number.NaN,
  }));
}

async function costsOf(plugins: number, asynchronous: boolean): Promise<Map<string, number>> {
  const kernel = new Kernel({ log: pino({ level: "silent" }) });
  await kernel.enable({ plugins: Array.from({ length: plugins }, (_, n) => tapping(n, asynchronous)) });
  const costs = new Map<string, number>();
  for (const [hook, call] of Object.entries(CALLED)) costs.set(hook, await leastCpuUs(() => call(kernel)));
  await kernel.close();
  return costs;
}

function tapping(index: number, asynchronous: boolean): Plugin<object> {
  return {
    name: `tapping_${index}`,
    apiVersion: 1,
    configSchema: { type: "object" },
    apply({ hooks }) {
      if (asynchronous) {
        hooks.event.tapPromise("hear", async () => {});
        hooks.request.tapPromise("pass", async () => undefined);
        hooks.beforeExecute.tapPromise("same", async (plan) => plan);
        hooks.spawn.tapPromise("own", async (plan) => ({ ...plan }));
      } else {
        hooks.event.tap("hear", () => {});
        hooks.request.tap("pass", () => undefined);
        hooks.beforeExecute.tap("same", (plan) => plan);
        hooks.spawn.tap("own", (plan) => ({ ...plan }));
      }
    },
  };
}

async function leastCpuUs(call: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < BATCHES; batch++) {
    const before = process.cpuUsage();
    for (let n = 0; n < CALLS; n++) await call();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / CALLS);
  }
  return least;
}
