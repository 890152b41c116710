import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { findClaude } from "#engine-claude/executable.js";
import plugin from "#plugins/run-as/index.js";
import { TestGateway } from "../../e2e/gateway.js";
import { rejectionMessage } from "../../kernel/kit.js";
import { temporaryFolder } from "../../temporary.js";

const FOLDER = fileURLToPath(new URL("../../../plugins/examples/run-as", import.meta.url));
const USER = "nobody";

describe("the example run_as", () => {
  it("runs the CLI and its tools as another user", async function () {
    // Only root can become somebody else.
    if (process.getuid?.() !== 0) this.skip();
    const open = temporaryFolder("claudeway-open-");
    chmodSync(open, 0o755);
    for (const name of ["claude", "tmp"]) mkdirSync(join(open, name));
    const group = execFileSync("id", ["-gn", USER], { encoding: "utf8" }).trim();
    execFileSync("chown", ["-R", `${USER}:${group}`, open]);
    // As systemd makes it, for a service that is root.
    execFileSync("install", ["-d", "-m", "0711", "-o", "root", join(open, "work")]);
    const gateway = await TestGateway.start({
      args: ["--enable-plugin", FOLDER, "--claude-bin", reachableClaude(open)],
      config: `[plugins.run_as]\nuser = "${USER}"\ngroup = "${group}"\n`,
      env: {
        IS_SANDBOX: undefined,
        HOME: open,
        TMPDIR: join(open, "tmp"),
        CLAUDE_CONFIG_DIR: join(open, "claude"),
        CLAUDE_CODE_TMPDIR: join(open, "tmp"),
        CLAUDE_WORKDIR: join(open, "work"),
      },
    });
    try {
      // The CLI refuses the bypass to root, and is not root here.
      expect(gateway.stdout).to.include("Permissions: bypassed");
      const { body } = await gateway.request("/task", {
        body: { prompt: "[[bash id -un; touch in-the-base]]" },
      });
      expect(body, gateway.stderr).to.include({ error: null, result: `Bash answered: ${USER}` });
      const { body: session } = await gateway.request("/session/start", { body: {} });
      const { body: turn } = await gateway.request(`/session/${session["session_id"]}`, {
        body: { prompt: "[[bash touch here && stat -c %U .]]" },
      });
      expect(turn, gateway.stderr).to.include({ error: null, result: `Bash answered: ${USER}` });
      expect(gateway.stdout).to.include(`run_as: the CLI runs as ${USER}`);
    } finally {
      await gateway.dispose();
    }
  });

  it("puts a container before the CLI, and no value of a variable among the arguments", async () => {
    const container = { image: "claude:1", engine: "podman", args: ["--memory=2g"] };
    const gateway = await createTestGateway({ plugins: [[plugin, { container }]] });
    try {
      await gateway.turn("hello");
      const { command, args = [], cwd, env = {} } = gateway.ran[0]?.spawn ?? {};
      expect(command).to.equal("podman");
      expect(args.slice(0, 5)).to.deep.equal(["run", "--rm", "--interactive", "--init", `--workdir=${cwd}`]);
      expect(args).to.include(`--volume=${cwd}:${cwd}`).and.to.include("--env=CLAUDEWAY_PROCESS");
      expect(args.slice(-3)).to.deep.equal(["--memory=2g", "claude:1", "claude"]);
      const named = args.filter((word) => word.startsWith("--env="));
      expect(named.filter((word) => word.slice(6).includes("="))).to.deep.equal([]);
      expect(named).not.to.include("--env=PATH");
      expect(Object.keys(env)).to.include("PATH");
    } finally {
      await gateway.close();
    }
  });

  it("does not start as a user that there is not", async function () {
    if (process.getuid?.() !== 0) this.skip();
    const plugins = [[plugin, { user: "nobody-at-all" }]] as const;
    expect(await rejectionMessage(createTestGateway({ plugins }))).to.match(
      /plugins\.run_as\.user must be a user of this machine, got "nobody-at-all"/,
    );
  });

  it("warns of a login of another user, in the check", async function () {
    if (process.getuid?.() !== 0) this.skip();
    const home = temporaryFolder("claudeway-home-");
    const [folder, before] = [join(home, "claude"), process.env["CLAUDE_CONFIG_DIR"]];
    const check = async (user: string) => {
      const paths = { configFile: undefined, dataDir: home, workdirs: home, configDirs: "shared" } as const;
      return plugin.check?.({ user }, { paths, signal: new AbortController().signal });
    };
    process.env["CLAUDE_CONFIG_DIR"] = folder;
    try {
      expect(await check(USER)).to.equal("the CLI runs through another program");
      mkdirSync(folder);
      writeFileSync(join(folder, ".credentials.json"), "{}");
      expect(await check(USER)).to.deep.equal([
        {
          name: "login",
          ok: true,
          warning: true,
          text: `${join(folder, ".credentials.json")} is not a login of ${USER}, and each refresh logs the other user out: use an API key (ANTHROPIC_API_KEY), or a token of \`claude setup-token\` (CLAUDE_CODE_OAUTH_TOKEN)`,
        },
      ]);
      expect(await check("root")).to.be.a("string");
    } finally {
      if (before === undefined) delete process.env["CLAUDE_CONFIG_DIR"];
      else process.env["CLAUDE_CONFIG_DIR"] = before;
    }
  });

  it("requires exactly one of user and container", async () => {
    const plugins = [[plugin, {}]] as const;
    expect(await rejectionMessage(createTestGateway({ plugins }))).to.match(/plugins\.run_as/);
  });
});

/** The CLI at a path that every user may walk; a copy where it lies in somebody's home. */
function reachableClaude(open: string): string {
  const { path } = findClaude(undefined, undefined);
  try {
    execFileSync("setpriv", [`--reuid=${USER}`, "--clear-groups", "test", "-x", path]);
    return path;
  } catch {
    const copy = join(open, "claude-cli");
    copyFileSync(path, copy);
    chmodSync(copy, 0o755);
    return copy;
  }
}
