import { mkdir, readdir, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { SpawnPlan } from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { Kernel } from "#kernel/kernel.js";
import demo from "#plugins/demo/index.js";
import { freePort } from "../../free-port.js";
import { fakeOffers } from "../offers.js";
import { BYPASS, converse, TestFolders, textOf } from "./real-cli.js";

const INHERITED: Readonly<Record<string, string>> = {
  PATH: process.env["PATH"] ?? "",
  MINE: "kept",
  ANTHROPIC_BASE_URL: "http://127.0.0.1:1",
  ANTHROPIC_API_KEY: "sk-real",
  ANTHROPIC_AUTH_TOKEN: "token",
  ANTHROPIC_MODEL: "other-model",
  ANTHROPIC_CUSTOM_HEADERS: "x: y",
  ANTHROPIC_DEFAULT_SONNET_MODEL: "arn:aws:bedrock:x",
  CLAUDE_CODE_USE_BEDROCK: "1",
  CLAUDE_CODE_USE_VERTEX: "1",
  CLAUDE_CODE_OAUTH_TOKEN: "token",
  CLAUDE_CONFIG_DIR: "/nowhere",
  HTTPS_PROXY: "http://127.0.0.1:1",
  HTTP_PROXY: "http://127.0.0.1:1",
  http_proxy: "http://127.0.0.1:1",
  NO_PROXY: "example.com",
};

describe("demo: the plugin", () => {
  const folders = new TestFolders();
  let kernel: Kernel;

  beforeEach(() => {
    kernel = new Kernel({ log: pino({ level: "silent" }) });
    kernel.offer(fakeOffers({}));
  });
  afterEach(async () => {
    await kernel.close();
    await folders.removeAll();
  });

  async function enable(section: Record<string, unknown> = {}): Promise<void> {
    await kernel.enable({ plugins: [demo], sections: { demo: section } });
  }

  function spawn(env: Readonly<Record<string, string>> = INHERITED): Promise<SpawnPlan> {
    return kernel.hooks.spawn.promise(
      {
        command: "claude",
        args: ["x"],
        env,
        cwd: "/",
        options: { maxTurns: 3 },
      },
      undefined,
    );
  }

  it("directs the CLI to the script despite inherited settings, and keeps the rest of the plan", async () => {
    await enable();
    const { env, ...rest } = await spawn();
    expect(rest).to.deep.equal({ command: "claude", args: ["x"], cwd: "/", options: { maxTurns: 3 } });
    const { ANTHROPIC_BASE_URL: url = "", CLAUDE_CONFIG_DIR: configDir = "", ...others } = env;
    expect(others).to.deep.equal({
      PATH: INHERITED["PATH"],
      MINE: "kept",
      CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-demo",
      CLAUDE_CODE_TMPDIR: join(configDir, "tmp"),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      HTTPS_PROXY: "http://127.0.0.1:1",
      HTTP_PROXY: "http://127.0.0.1:1",
      http_proxy: "http://127.0.0.1:1",
      NO_PROXY: "example.com,127.0.0.1,localhost",
      no_proxy: "127.0.0.1,localhost",
    });
    expect(url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(url)).status).to.equal(200);
    expect((await stat(configDir)).mode & 0o777).to.equal(0o700);
    expect(await spawn()).to.deep.equal({ env, ...rest });
  });

  it("announces that answers come from a script", async () => {
    await enable();
    expect(kernel.status().flatMap(({ notices }) => notices)).to.deep.equal([
      "demo: answers come from a script on this machine, not from Claude; nothing is billed",
    ]);
  });

  it("makes the real CLI answer from the script, whatever its environment", async () => {
    await enable();
    const { env } = await spawn({ ...INHERITED, IS_SANDBOX: "1", HOME: await folders.make("home") });
    const { results, thrown } = await converse(
      ["[[words 3]]", "[[bash echo $MINE $ANTHROPIC_AUTH_TOKEN.]]"],
      { ...BYPASS, cwd: await folders.make("work"), env },
    );
    expect(thrown).to.equal(undefined);
    expect(results.map(textOf)).to.deep.equal(["word1 word2 word3", "Bash answered: kept ."]);
  });

  it("releases its port when disabled, every time, and keeps conversations in its folder", async () => {
    const before = await demoFolders();
    const used = new Set<string>();
    for (let i = 0; i < 2; i++) {
      await enable();
      const { env } = await spawn();
      await kernel.disable("demo");
      const folder = env["CLAUDE_CONFIG_DIR"] ?? "";
      expect((await stat(folder)).mode & 0o777).to.equal(0o700);
      used.add(folder);
      expect(await fetch(env["ANTHROPIC_BASE_URL"] ?? "").catch(() => "refused")).to.equal("refused");
      expect((await spawn()).env).to.deep.equal(INHERITED);
    }
    expect(used.size).to.equal(1);
    expect(await demoFolders()).to.deep.equal(before);
  });

  it("keeps a configured folder, and makes it private", async () => {
    const configDir = join(await folders.make("named"), "deep", "config");
    await mkdir(configDir, { recursive: true, mode: 0o755 });
    await enable({ config_dir: configDir });
    const { CLAUDE_CONFIG_DIR: used = "" } = (await spawn()).env;
    expect(dirname(used)).to.equal(configDir);
    await kernel.disable("demo");
    expect((await stat(configDir)).mode & 0o777).to.equal(0o700);
  });

  it("uses a fixed port and delays answers if configured", async () => {
    const port = await freePort();
    await enable({ port, latency_ms: 120 });
    const url = `http://127.0.0.1:${port}`;
    expect((await spawn()).env).to.include({ ANTHROPIC_BASE_URL: url });
    const started = performance.now();
    const body = JSON.stringify({ model: "claude-x", messages: [{ role: "user", content: "[[say hi]]" }] });
    await (await fetch(`${url}/v1/messages`, { method: "POST", body })).text();
    expect(performance.now() - started).to.be.above(110);
    await kernel.reconfigure("demo", { port });
    expect((await fetch(url)).status).to.equal(200);
  });

  it("reports invalid settings or a used port in one line, and leaves nothing behind", async () => {
    const before = await demoFolders();
    const taken = createServer().listen(0, "127.0.0.1");
    try {
      const port = await portOf(taken);
      const wrong: [Record<string, unknown>, RegExp][] = [
        [{ prot: 1 }, /plugins\.demo.*prot.*port/],
        [{ port: "3000" }, /plugins\.demo\.port/],
        [{ port: 70_000 }, /plugins\.demo\.port/],
        [{ latency_ms: -1 }, /plugins\.demo\.latency_ms/],
        [{ config_dir: "" }, /plugins\.demo\.config_dir/],
        [{ port }, new RegExp(`demo.*127\\.0\\.0\\.1:${port}: that port is in use`)],
      ];
      for (const [section, line] of wrong) {
        const error = await enable(section).then(
          () => "it started",
          (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
        );
        expect(error).to.match(line).and.not.contain("\n");
      }
    } finally {
      taken.close();
    }
    expect(await demoFolders()).to.deep.equal(before);
  });
});

async function demoFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => /^claudeway-demo-/.test(name)).sort();
}

async function portOf(server: ReturnType<typeof createServer>): Promise<number> {
  if (!server.listening) await new Promise((listening) => server.once("listening", listening));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("not a port");
  return address.port;
}
