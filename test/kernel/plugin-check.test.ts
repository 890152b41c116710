import { expect } from "chai";
import type { AnyPlugin } from "#kernel/plugin.js";
import { runPluginCheck } from "#kernel/plugin-check.js";
import { createKernel, plugin, rejectionMessage } from "./kit.js";

const PATHS = { configFile: undefined, dataDir: "/data", workdirs: "/work", configDirs: "shared" } as const;

describe("the check of a plugin", () => {
  async function run(check: AnyPlugin["check"], deadlineMs = 1000) {
    const one: AnyPlugin = { ...plugin("pager", () => {}), ...(check !== undefined && { check }) };
    const [checked] = await createKernel().kernel.check({
      plugins: [one],
      sections: { pager: { url: "x" } },
    });
    if (checked === undefined) throw new Error("the plugin was not checked");
    return runPluginCheck(checked, PATHS, deadlineMs);
  }

  it("adds nothing without one", async () => {
    expect(await run(undefined)).to.deep.equal([]);
  });

  it("gets the settings and the paths, and may be one line", async () => {
    const found = await run(async (config, { paths }) => `${JSON.stringify(config)}\n${paths.dataDir}`);
    expect(found).to.have.length(1);
    expect(found[0]).to.include({ name: "pager", ok: true });
    expect(found[0]?.text)
      .to.match(/^\{"url":"x"\}.*\/data$/)
      .and.not.include("\n");
  });

  it("may have several findings", async () => {
    const findings = [
      { name: "network", ok: true, text: "reachable" },
      { name: "limits", ok: false, text: "no cgroup" },
    ];
    expect(await run(async () => findings)).to.deep.equal([
      { name: "pager network", ok: true, text: "reachable" },
      { name: "pager limits", ok: false, text: "no cgroup" },
    ]);
  });

  it("fails in one line if it throws, rejects, is late, or returns something else", async () => {
    const late = new Promise<string>(() => undefined);
    const odd: readonly (readonly [AnyPlugin["check"], string])[] = [
      [() => Promise.reject(new Error("no route")), "no route"],
      [
        () => {
          throw new Error("no route");
        },
        "no route",
      ],
      [() => late, "did not finish within 30 ms"],
      // @ts-expect-error plugins in plain JavaScript may return anything
      [async () => 5, "its check must return a text or a list of findings"],
      // @ts-expect-error plugins in plain JavaScript may return anything
      [async () => [{ name: "x" }], "each finding of its check must have the texts name and text, and ok"],
    ];
    for (const [check, text] of odd) {
      expect(await run(check, 30)).to.deep.equal([{ name: "pager", ok: false, text }]);
    }
  });

  it("has a signal that is aborted at its end", async () => {
    let signal: AbortSignal | undefined;
    await run(async (_config, context) => {
      signal = context.signal;
      return String(signal.aborted);
    });
    expect(signal?.aborted).to.equal(true);
  });

  it("must be a function", async () => {
    // @ts-expect-error plugins in plain JavaScript may have anything
    const one: AnyPlugin = { ...plugin("pager", () => {}), check: "yes" };
    expect(await rejectionMessage(createKernel().kernel.check({ plugins: [one] }))).to.equal(
      "plugin (given): check must be a function",
    );
  });
});
