import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { runToEnd } from "../e2e/gateway.js";

const COMMAND = `export default async function run({ args, url, request, fetch, print }) {
  if (args[0] === "fail") throw new Error("budget: no such budget");
  if (args[0] === "status") return Number(args[1]);
  if (args[0] === "raw") return print(String((await fetch("/nowhere")).status));
  if (args[0] === "sent") return print(JSON.stringify(await request("/task", { body: { prompt: args[1] } })));
  if (args[0] === "lost") return print(JSON.stringify(await request("/nowhere")));
  print(JSON.stringify({ args, url, sessions: await request("/sessions") }));
}
`;

/** The real command, in a folder where a plugin with a command is installed, and a gateway to ask. */
describe("the command of a plugin", () => {
  const cwd = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-command-")));
  let gateway: TestGateway;
  let env: Readonly<Record<string, string>>;

  before(async () => {
    const home = join(cwd, "node_modules/claudeway-plugin-key-budget");
    mkdirSync(home, { recursive: true });
    const commands = { budget: { summary: "shows budgets", usage: ["list"], entry: "./command.js" } };
    writeFileSync(join(home, "package.json"), JSON.stringify({ type: "module", claudeway: { commands } }));
    writeFileSync(join(home, "command.js"), COMMAND);
    gateway = await createTestGateway({ replies: "fine" });
    env = { CLAUDEWAY_URL: `${gateway.url}/`, CLAUDEWAY_KEY: gateway.keys["admin"] ?? "" };
  });
  after(async () => {
    await gateway.close();
    rmSync(cwd, { recursive: true });
  });

  const run = (args: readonly string[], variables = env) => runToEnd(["budget", ...args], cwd, variables);

  it("gets its words and asks the gateway that the variables name", async () => {
    const { code, stdout, stderr } = await run(["list", "--all"]);
    expect(stderr).to.equal("");
    expect(JSON.parse(stdout)).to.deep.include({ args: ["list", "--all"], url: gateway.url });
    expect(JSON.parse(stdout).sessions).to.have.property("sessions");
    expect(code).to.equal(0);
  });

  it("sends bodies, and sees responses of any status with fetch", async () => {
    const { stdout } = await run(["sent", "hello"]);
    expect(JSON.parse(stdout)).to.include({ result: "fine", success: true });
    expect(await run(["raw"])).to.deep.include({ code: 0, stdout: "404\n" });
  });

  it("asks the gateway of the configuration, with the admin's key", async () => {
    const [port, secret] = [new URL(gateway.url).port, gateway.keys["admin"]];
    writeFileSync(
      join(cwd, "claudeway.toml"),
      `port = ${port}\nkeys = ["a:${secret}", "b:0123456789abcdef0"]\n`,
    );
    const { code, stdout, stderr } = await run(["list"], {});
    rmSync(join(cwd, "claudeway.toml"));
    expect(stderr).to.equal("");
    expect(JSON.parse(stdout)).to.deep.include({ url: `http://127.0.0.1:${port}` });
    expect(code).to.equal(0);
  });

  it("ends with its status, or with 1 and one line", async () => {
    expect(await run(["status", "3"])).to.deep.include({ code: 3, stdout: "", stderr: "" });
    const lines: readonly (readonly [readonly string[], Readonly<Record<string, string>>, RegExp])[] = [
      [["fail"], env, /^claudeway: budget: no such budget\n$/],
      [
        ["lost"],
        env,
        /^claudeway: budget: .+ \[NOT_FOUND\]; the plugin key_budget must be enabled in that gateway\n$/,
      ],
      [["list"], { ...env, CLAUDEWAY_KEY: "wrong" }, /^claudeway: budget: .+ \[UNAUTHORIZED\]\n$/],
      [
        ["list"],
        { ...env, CLAUDEWAY_URL: "http://127.0.0.1:1" },
        /^claudeway: budget: no gateway answers at http:\/\/127\.0\.0\.1:1; start it, or set CLAUDEWAY_URL to its address\n$/,
      ],
      [
        ["list"],
        { PORT: "4" },
        /^claudeway: budget: no key is configured; set CLAUDEWAY_KEY to the admin's key /,
      ],
      [
        ["list"],
        { PORT: "0", CLAUDEWAY_KEY: "x" },
        /^claudeway: budget: the port of the gateway is unknown; set/,
      ],
    ];
    for (const [args, variables, line] of lines) {
      const { code, stdout, stderr } = await run(args, variables);
      expect(stderr).to.match(line);
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: "" });
    }
  });

  it("is in the help, which needs no gateway", async () => {
    const { stdout } = await runToEnd(["--help"], cwd, {});
    expect(stdout).to.match(/^ {2}budget +key_budget: shows budgets$/m);
    expect(stdout).to.match(/^ {2}--repos-dir <path> +repos: .+ \[REPOS_DIR, ~\/repos\]$/m);
    expect((await run(["list", "--help"])).stdout).to.match(/^Usage: claudeway budget list\n/);
  });
});
