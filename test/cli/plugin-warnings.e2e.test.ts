import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { cliEnvironment, runToEnd, TestGateway } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";

describe("faults of plugins", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
    await gateway.stop();
    const folder = join(gateway.dir, "node_modules/claudeway-plugin-broken");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), "{");
  });
  after(() => gateway.dispose());

  const run = (config: string, ...args: string[]) => {
    writeFileSync(join(gateway.dir, "claudeway.toml"), config);
    const env = { ...cliEnvironment(gateway.model, gateway.dir), CLAUDE_WORKDIR: gateway.workdir };
    return runToEnd(args, gateway.dir, env);
  };
  const check = async (config: string) => {
    const { stdout, stderr } = await run(config, "check", "--port", "0");
    return { lines: stdout.split("\n"), stderr };
  };

  it("that are installed and off stop no command, and are named by check", async () => {
    expect((await run("", "--help")).stdout).to.contain("--repos-dir");
    const { lines } = await check("");
    expect(lines.filter((line) => line.includes("broken"))).to.have.length(1);
    expect(lines.find((line) => line.includes("broken"))).to.match(
      /^warn plugins +plugin claudeway-plugin-broken: cannot read \S+package\.json: /,
    );
  });

  it("stop the start once the plugin is switched on", async () => {
    const config = "[plugins.broken]\nenabled = true\n";
    const { code, stderr } = await run(config, "--port", "0");
    expect({ code, lines: stderr.trim().split("\n").length }).to.deep.equal({ code: 78, lines: 1 });
    expect(stderr).to.match(/^claudeway: plugin claudeway-plugin-broken: cannot read /);
  });

  it("in the settings of plugins that are off are warnings of check and of the start", async () => {
    const config =
      '[plugins.telegram]\nbot_tokn = "x"\n[plugins.limits]\nbudgets = 5\n[plugins.sandbox]\nenabled = false\n';
    const { lines } = await check(config);
    expect(lines.filter((line) => line.startsWith("warn plugins")).slice(1)).to.have.length(2);
    expect(lines.join("\n"))
      .to.match(
        /warn plugins +unknown setting "plugins\.telegram\.bot_tokn"; did you mean bot_token\? \(the plugin telegram is off\)/,
      )
      .and.match(/warn plugins +plugins\.limits\.budgets must be .+ \(the plugin limits is off\)/);
    await gateway.launch({ config });
    await eventually("the warnings", () => gateway.stderr.includes("(the plugin limits is off)"));
    await gateway.stop();
  });

  it("that a start would refuse are refused by check, in the same words", async () => {
    const budget = '[[plugins.limits.budgets]]\nname = "a"\nusd = 1\nwindow = "day"\n';
    const config = `[plugins.limits]\nenabled = true\n${budget}${budget}`;
    const words = "budgets must have different names, got a twice";
    const { lines } = await check(config);
    expect(lines.find((line) => line.startsWith("FAIL"))).to.match(new RegExp(`^FAIL limits +.*${words}$`));
    const { code, stderr } = await run(config, "--port", "0");
    expect(code).to.equal(1);
    expect(stderr).to.contain(words);
  });
});
