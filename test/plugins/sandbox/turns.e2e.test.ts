import { readFileSync, renameSync, symlinkSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { SessionMessages, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { findClaude } from "#engine-claude/executable.js";
import { debianProgram } from "../../debian.js";
import { bash, Conversation } from "../../e2e/conversation.js";
import { TestGateway } from "../../e2e/gateway.js";
import { temporaryFolder } from "../../temporary.js";

const CONFIG = `
[engine]
config_dirs = "per_key"
[plugins.sandbox]
enabled = true
tmp_mb = 32
`;

describe("turns in the sandbox", () => {
  const cli = join(temporaryFolder("claudeway-cli-"), "claude");
  let gateway: TestGateway;
  before(async () => {
    await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
    symlinkSync(findClaude(undefined).path, cli);
    gateway = await TestGateway.start({ config: CONFIG, args: ["--claude-bin", cli] });
  });
  after(() => gateway.dispose());

  it("run tools in the session's working directory, and find the conversation after a restart", async () => {
    const talk = await Conversation.start(gateway);
    const first = await talk.say(`${bash("echo made > file.txt; pwd; id -u")} [[say done]]`);
    expect(first.body).to.deep.include({ success: true, result: "done" });
    expect(readFileSync(join(talk.workdir, "file.txt"), "utf8")).to.equal("made\n");
    await gateway.stop();
    await gateway.launch();
    expect((await talk.say("[[recall]]")).body.success).to.equal(true);
    const { body } = await gateway.request<SessionMessages>(`${talk.path}/messages`);
    expect([body.transcript, body.total]).to.deep.equal(["found", 2]);
  });

  it("have tools that SIGTERM ends, although bubblewrap ignores it", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say(`${bash("grep SigIgn /proc/self/status > ignored")} [[say done]]`);
    const [, mask] = readFileSync(join(talk.workdir, "ignored"), "utf8").split("\t");
    expect(Number(`0x${mask}`) & (1 << (constants.signals.SIGTERM - 1))).to.equal(0);
  });

  it("fail, and nothing else does, while the CLI is not there", async () => {
    renameSync(cli, `${cli}-away`);
    const { status, body } = await gateway.request<TurnResponse>("/task", {
      body: { prompt: "[[words 1]]" },
    });
    expect(status).to.equal(200);
    expect(body).to.include({ success: false, result: "" });
    expect(body.error).to.include(cli);
    renameSync(`${cli}-away`, cli);
    const { body: again } = await gateway.request("/task", { body: { prompt: "[[words 1]]" } });
    expect(again).to.include({ success: true, result: "word1" });
  });
});
