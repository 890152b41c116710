import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { findClaude } from "#engine-claude/executable.js";
import { KEYS } from "../e2e/gateway.js";
import { OptionsGateway } from "../e2e/options-kit.js";
import { Recorder } from "./recorder.js";

const CLIENT = new URL("../fixtures/chat-client.mjs", import.meta.url).pathname;

describe("the gateway, to chat clients configured by their environment alone", () => {
  let options: OptionsGateway;
  let recorder: Recorder;
  let home: string;
  before(async () => {
    options = await OptionsGateway.start({
      config: "[plugins.openai]\nenabled = true\n\n[plugins.anthropic]\nenabled = true\n",
    });
    recorder = await Recorder.start(options.gateway.url);
    home = mkdtempSync(join(tmpdir(), "claudeway-client-"));
  });
  after(async () => {
    await recorder.close();
    await options.dispose();
    rmSync(home, { recursive: true, force: true });
  });

  /** What a program prints; its environment has nothing else of ours. */
  function run(
    file: string,
    args: readonly string[],
    input: string,
    env: NodeJS.ProcessEnv,
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = execFile(
        file,
        args,
        { cwd: home, env: { PATH: process.env["PATH"], HOME: home, ...env } },
        (error, stdout, stderr) =>
          error === null ? resolve(stdout) : reject(new Error(`${stdout}${stderr}`)),
      );
      child.stdin?.end(input);
    });
  }
  const turns = (name: string) => recorder.of("environment", name).map(({ history }) => history);

  it("answers a client of OpenAI with OPENAI_BASE_URL and OPENAI_API_KEY", async () => {
    const said = await run(process.execPath, [CLIENT, "openai"], "[[words 3]]\n[[words 2]]\n", {
      OPENAI_BASE_URL: `${recorder.url}/environment/openai/v1`,
      OPENAI_API_KEY: KEYS.bob,
    });
    expect(said).to.equal("word1 word2 word3\nword1 word2\n");
    expect(turns("openai")).to.deep.equal(["new", "live"]);
  });

  it("answers a client of Anthropic with ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY", async () => {
    const said = await run(process.execPath, [CLIENT, "anthropic"], "[[words 4]]\n[[words 1]]\n", {
      ANTHROPIC_BASE_URL: `${recorder.url}/environment/anthropic`,
      ANTHROPIC_API_KEY: KEYS.bob,
    });
    expect(said).to.equal("word1 word2 word3 word4\nword1\n");
    expect(turns("anthropic")).to.deep.equal(["new", "live"]);
  });

  it("answers Claude Code itself, as a chat without tools", async () => {
    const said = await run(
      findClaude(undefined).path,
      ["-p", "--model", "sonnet", "--tools", ""],
      "[[words 5]]",
      {
        ANTHROPIC_BASE_URL: `${recorder.url}/environment/claude-code`,
        ANTHROPIC_API_KEY: KEYS.bob,
        CLAUDE_CONFIG_DIR: join(home, "config"),
        IS_SANDBOX: "1",
      },
    );
    expect(said.trim()).to.equal("word1 word2 word3 word4 word5");
  });
});
