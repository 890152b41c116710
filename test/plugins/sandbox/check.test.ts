import { tmpdir } from "node:os";
import { expect } from "chai";
import { runPluginCheck } from "#kernel/plugin-check.js";
import { createKernel } from "../../kernel/kit.js";

/** What `claudeway check` shows of the sandbox, where a start would fail or go on without it. */
describe("the check of the sandbox", () => {
  async function check(section: Readonly<Record<string, unknown>>) {
    const sections = { sandbox: { enabled: true, ...section } };
    const [checked] = await createKernel().kernel.check({ sections });
    if (checked === undefined) throw new Error("the sandbox was not checked");
    const paths = {
      configFile: undefined,
      dataDir: tmpdir(),
      workdirs: tmpdir(),
      configDirs: "shared" as const,
    };
    return runPluginCheck(checked, paths, 10_000);
  }
  const problem = 'keys share a configuration folder of the CLI; set config_dirs = "per_key" in [engine]';

  it("fails for what a start refuses", async () => {
    expect(await check({})).to.deep.equal([{ name: "sandbox", ok: false, text: problem }]);
  });

  it("says that the sandbox is off where it is not required", async () => {
    const text = `off, which required = false allows: ${problem}`;
    expect(await check({ required: false })).to.deep.equal([{ name: "sandbox", ok: true, text }]);
  });
});
