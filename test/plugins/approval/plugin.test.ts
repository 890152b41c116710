import { resolve } from "node:path";
import { expect } from "chai";
import { createApprover } from "#plugins/approval/approver.js";
import { gatewayPaths } from "#plugins/approval/gateway-paths.js";
import approval from "#plugins/approval/index.js";
import { Folders } from "./folders.js";

const CONFIG = { live_wait_secs: 5, expires_secs: 60, max_hold_secs: 7, deciders: ["admin"] };

describe("approval: verdicts on the approve hook", () => {
  const folders = new Folders();
  after(() => folders.remove());

  const answer = (tool: string, input: Readonly<Record<string, unknown>>) =>
    createApprover(
      { ...CONFIG, rules: [{ deny: "Bash(rm *)", message: "no removing" }, { deny: "WebSearch" }] },
      folders.guarded,
    )({ tool, input, workdir: folders.workdir });

  it("returns allow only", async () => {
    expect(await answer("Read", { file_path: "notes.txt" })).to.deep.equal({
      verdict: { verdict: "allow" },
      rule: undefined,
    });
  });

  it("returns ask with the configured terms", async () => {
    expect((await answer("Bash", { command: "ls" })).verdict).to.deep.equal({
      verdict: "ask",
      liveWaitSecs: 5,
      expiresSecs: 60,
      maxHoldSecs: 7,
      deciders: ["admin"],
    });
  });

  it("returns deny with the rule's message, or one that names the rule", async () => {
    expect(await answer("Bash", { command: "rm x" })).to.deep.equal({
      verdict: { verdict: "deny", message: "no removing" },
      rule: "deny Bash(rm *)",
    });
    expect((await answer("WebSearch", {})).verdict).to.deep.equal({
      verdict: "deny",
      message: "The gateway's rules refuse WebSearch.",
    });
  });

  it("refuses an invalid rule at the start", () => {
    expect(() => createApprover({ ...CONFIG, rules: [{ allow: "bash" }] }, folders.guarded)).to.throw(
      'rules: number 1, {"allow":"bash"}: unknown tool bash; did you mean Bash?',
    );
  });

  it("protects the gateway's own paths", () => {
    const paths = {
      logDir: "logs",
      paths: {
        configFile: "/srv/claudeway.toml",
        dataDir: "./data",
        workdirs: "/srv/tasks",
        configDirs: "shared" as const,
      },
    };
    expect(gatewayPaths(paths)).to.deep.equal({
      own: ["/srv/claudeway.toml", resolve("data"), resolve("logs")],
      workdirs: "/srv/tasks",
    });
  });

  it("needs control", () => {
    expect(approval).to.include({ name: "approval", apiVersion: 1 });
    expect(approval.needs).to.deep.equal(["control"]);
  });
});
