import type { SessionMessages, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { debianProgram } from "../../debian.js";
import { bash } from "../../e2e/conversation.js";
import { KEYS } from "../../e2e/gateway.js";
import { readProcess } from "../../e2e/processes.js";
import { HostileCaller, SANDBOX } from "./hostile-caller.js";

const key = { key: KEYS.bob };

describe("a hostile caller in the sandbox", () => {
  let caller: HostileCaller;
  before(async () => {
    await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
    caller = await HostileCaller.start(SANDBOX);
  });
  after(() => caller?.dispose());

  const projects = (keyId: string) => `${caller.gateway.dataDir}/claude/${keyId}/projects`;
  const folderOf = (workdir: string) => workdir.replace(/[^a-zA-Z0-9]/g, "-");

  it("does not read another key's conversation through a link in the place of its own", async () => {
    const { admin, bob, gateway } = caller;
    const target = `${projects("admin")}/${folderOf(admin.workdir)}/${admin.id}.jsonl`;
    const own = `${projects("bob")}/${folderOf(bob.workdir)}/${bob.id}.jsonl`;
    await caller.run(`test -e ${own} && ln -sf ${target} ${own} && ls -l ${own}`);
    const { body } = await gateway.request<SessionMessages>(`${bob.path}/messages`, key);
    expect(body.transcript).to.equal("unreadable");
    expect(JSON.stringify(body)).to.not.include("canary");
    const fork = await gateway.request(`${bob.path}/fork`, { ...key, body: {} });
    expect(fork.status).to.equal(409);
  });

  it("does not block the gateway by a pipe in the place of its conversation", async () => {
    const { bob, gateway } = caller;
    const own = `${projects("bob")}/${folderOf(bob.workdir)}/${bob.id}.jsonl`;
    await caller.run(`rm -f ${own}; mkfifo ${own}`);
    await gateway.request(bob.path, { ...key, body: { prompt: "[[say again]]" } });
    expect((await gateway.request("/health", { key: null })).status).to.equal(200);
  });

  it("works in no folder that the configuration does not name for it", async () => {
    const { gateway, admin } = caller;
    for (const workdir of ["/etc", "/usr", "/var", "named"]) {
      const { status, body } = await gateway.request("/task", {
        ...key,
        body: { prompt: "[[say x]]", workdir },
      });
      expect(status, workdir).to.equal(403);
      expect(body["error"]).to.match(/must match \[keys.bob\] workdirs, which is not set/);
    }
    const { status } = await gateway.request("/task", {
      ...key,
      body: { prompt: "x", workdir: admin.workdir },
    });
    expect(status).to.equal(400);
  });

  it("sees nothing of the base folder in a task", async () => {
    const { body } = await caller.gateway.request<TurnResponse>("/task", {
      ...key,
      body: { prompt: bash("ls -A | wc -l; touch made && echo can-write") },
    });
    expect(body.result).to.match(/0\s+can-write/);
  });

  it("is killed with all its processes if it uses more memory than allowed", async () => {
    const fill = "const all = []; setInterval(() => all.push(Buffer.alloc(5e7, 1)), 20)";
    const { body } = await caller.gateway.request<TurnResponse>("/task", {
      ...key,
      body: { prompt: bash(`${process.execPath} -e '${fill}'`), timeout_secs: 60 },
    });
    expect(body.success).to.equal(false);
    await caller.gateway.logs("a sandbox exceeded its limits and was killed");
  });

  it("has its variables in no command line", async () => {
    const lines = (await caller.gateway.children()).map((pid) => readProcess(pid, "cmdline"));
    expect(lines.filter((line) => line.includes("bwrap"))).to.not.be.empty;
    expect(lines.filter((line) => line.includes("canary"))).to.deep.equal([]);
  });
});
