import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findClaude } from "@claudeway/engine-claude";
import { expect } from "chai";
import { listeningPort } from "./address.js";
import { cliEnvironment, runToEnd, TestGateway } from "./gateway.js";

describe("claudeway check beside the gateway that runs", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
  });
  after(() => gateway.dispose());

  const check = async (port: string) => {
    const env = { ...cliEnvironment(gateway.model, gateway.dir), CLAUDE_WORKDIR: gateway.workdir };
    const { stdout } = await runToEnd(["check", "--host", "127.0.0.1", "--port", port], gateway.dir, env);
    return stdout.split("\n").find((line) => / port /.test(line));
  };

  it("recognises its own port", async () => {
    const { port } = new URL(gateway.url);
    expect(await check(port)).to.match(
      new RegExp(`^ok +port +127\\.0\\.0\\.1:${port} is in use by this gateway \\(pid ${gateway.pid}\\)$`),
    );
  });

  it("refuses another program's", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    try {
      const port = String(await listeningPort(other));
      expect(await check(port)).to.match(
        new RegExp(`^FAIL port +--port must be a free port, got ${port}, which is in use on`),
      );
    } finally {
      other.close();
    }
  });
});

describe("a gateway without keys, and without a terminal", () => {
  it("writes the generated key to a private file, which the log names", async () => {
    const gateway = await TestGateway.start();
    try {
      await gateway.stop();
      const file = join(gateway.dataDir, "generated-key");
      writeFileSync(file, "sk-of-an-earlier-start\n", { mode: 0o644 });
      await gateway.launch({ env: { WRAPPER_KEYS: undefined } });
      const secret = readFileSync(file, "utf8").trim();
      expect(secret).to.match(/^sk-[0-9a-f]{64}$/);
      expect(statSync(file).mode & 0o777).to.equal(0o600);
      await gateway.logs(`"file":"${file}"`);
      expect(gateway.stdout + gateway.stderr).not.to.contain(secret);
      expect((await gateway.request("/sessions", { key: secret })).status).to.equal(200);
      await gateway.stop();
      await gateway.launch({ args: ["--log-level", "error"], env: { WRAPPER_KEYS: undefined } });
      expect(gateway.stdout).to.contain(`  Key: none is configured; one was generated, see ${file}\n`);
    } finally {
      await gateway.dispose();
    }
  });

  it("ends where the file can't be written: its key would be unknown", async () => {
    const dir = mkdtempSync(join(tmpdir(), "claudeway-key-"));
    try {
      const file = join(dir, "data", "generated-key");
      mkdirSync(file, { recursive: true });
      const args = ["--port", "0", "--log-level", "error"];
      const { code, stdout, stderr } = await runToEnd(args, dir, { CLAUDE_WORKDIR: join(dir, "work") });
      expect(stderr)
        .to.match(/^claudeway: the generated key can't be saved: \S.*\n$/)
        .and.contain(file);
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: "" });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe("a command with an invalid command line", () => {
  for (const args of [["copy-ledger", "mysql"], ["init", "--force"], ["backup"], ["check", "x"]]) {
    it(`exits with status 78: ${args.join(" ")}`, async () => {
      const { code, stdout, stderr } = await runToEnd(args, tmpdir());
      expect({ code, stdout }, stderr).to.deep.equal({ code: 78, stdout: "" });
    });
  }
});

describe("claudeway login", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
    await gateway.stop();
  });
  after(() => gateway.dispose());

  const SCRIPT = `#!/bin/sh
if [ "$1" = --version ]; then echo "9.9.9 (Claude Code)"; exit 0; fi
echo "$@ in $CLAUDE_CONFIG_DIR, keys: \${WRAPPER_KEYS:-none}"
exit 3
`;

  it("runs the CLI's login in the gateway's environment, with its exit status", async () => {
    const claude = join(gateway.dir, "claude-script");
    writeFileSync(claude, SCRIPT);
    chmodSync(claude, 0o755);
    const env = {
      CLAUDE_BIN: claude,
      CLAUDE_CONFIG_DIR: "/somewhere/claude",
      WRAPPER_KEYS: "admin:sk-verysecret",
      ANTHROPIC_API_KEY: undefined,
    };
    expect(await runToEnd(["login"], gateway.dir, env)).to.deep.equal({
      code: 3,
      stdout: "auth login in /somewhere/claude, keys: none\n",
      stderr: "",
    });
    // A compose file passes on `${ANTHROPIC_API_KEY:-}`.
    expect((await runToEnd(["login"], gateway.dir, { ...env, ANTHROPIC_API_KEY: "" })).stderr).to.equal("");
    const { stderr } = await runToEnd(["login"], gateway.dir, { ...env, ANTHROPIC_API_KEY: "sk-ant-x" });
    expect(stderr).to.equal("claudeway: ANTHROPIC_API_KEY is set and overrides a login\n");
  });

  it("is a command that the CLI has", async () => {
    const { path } = findClaude(undefined);
    const env = { ...process.env, ...cliEnvironment(gateway.model, gateway.dir) };
    const { stdout } = await promisify(execFile)(path, ["auth", "login", "--help"], { env });
    expect(stdout).to.contain("Usage: claude auth login");
  });
});
