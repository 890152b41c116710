import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { debianProgram } from "../../debian.js";
import { bash, Conversation } from "../../e2e/conversation.js";
import { TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { USER } from "./hostile-caller.js";

const PER_KEY = '[engine]\nconfig_dirs = "per_key"\nspares = 0\n';
const RUN_AS = fileURLToPath(new URL("../../../plugins/examples/run-as", import.meta.url));

describe("a start with the plugin sandbox", () => {
  let gateway: TestGateway | undefined;
  let bin: string;
  before(async () => {
    await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
    bin = mkdtempSync(join(tmpdir(), "claudeway-bin-"));
    symlinkSync(process.execPath, join(bin, "node"));
  });
  after(() => rmSync(bin, { recursive: true, force: true }));
  afterEach(async () => {
    await gateway?.dispose();
    gateway = undefined;
  });

  async function failure(config: string, PATH = process.env["PATH"]): Promise<string> {
    return TestGateway.start({ config, env: { PATH } }).then(
      (started) => {
        gateway = started;
        return "it started";
      },
      (error: unknown) => String(error),
    );
  }

  it("fails where keys share a configuration folder", async () => {
    expect(await failure("[plugins.sandbox]\nenabled = true\n")).to.match(
      /the CLI can't run in a sandbox: keys share a configuration folder of the CLI; set config_dirs = "per_key"/,
    );
  });

  it("fails where bwrap is missing, and says how to install it", async () => {
    expect(await failure(`${PER_KEY}[plugins.sandbox]\nenabled = true\n`, bin)).to.match(
      /bwrap is not on the PATH; install bubblewrap, as in apt-get install bubblewrap\. With required = false/,
    );
  });

  it("fails where bwrap is too old or can't do its work", async () => {
    const script = (body: string) => {
      writeFileSync(join(bin, "bwrap"), `#!/bin/sh\n${body}\n`);
      chmodSync(join(bin, "bwrap"), 0o755);
    };
    script("echo bubblewrap 0.4.1");
    const config = `${PER_KEY}[plugins.sandbox]\nenabled = true\n`;
    expect(await failure(config, bin)).to.match(/must be version 0\.8 or newer, got bubblewrap 0\.4\.1/);
    script(
      '[ "$1" = --version ] && echo bubblewrap 0.9.0 && exit; echo "bwrap: setting up uid map: Permission denied" >&2; exit 1',
    );
    expect(await failure(config, bin)).to.match(
      /setting up uid map: Permission denied \(this user may not create user namespaces: /,
    );
    rmSync(join(bin, "bwrap"));
  });

  it("leaves turns alone after it took too long, when the section is reloaded", async () => {
    const slow = join(bin, "slow");
    const real = await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
    // Its sandboxes are found by the path that it was started with.
    const script = `#!/bin/bash\n[ -e ${slow} ] && sleep 6\nexec -a "$0" ${real} "$@"\n`;
    writeFileSync(join(bin, "bwrap"), script, { mode: 0o755 });
    const section = (more: string) => `${PER_KEY}[plugins.sandbox]\nenabled = true\n${more}`;
    expect(await failure(section(""), `${bin}:${process.env["PATH"]}`)).to.equal("it started");
    if (gateway === undefined) throw new Error("there is no gateway");
    const talk = await Conversation.start(gateway);
    const turn = talk.say(bash("touch began; until [ -e end ]; do sleep 0.1; done; echo went on"));
    await eventually("the tool call", () => existsSync(join(talk.workdir, "began")));
    writeFileSync(slow, "");
    gateway.reload(section("memory_mb = 1\n"));
    await eventually("the refusal", () => gateway?.stderr.includes("apply did not finish within 10 s"));
    // Two tries of bwrap, and two of the measuring.
    await sleep(4000);
    rmSync(slow);
    writeFileSync(join(talk.workdir, "end"), "");
    const { body } = await turn;
    expect([body.error ?? "", body.result]).to.deep.equal(["", "Bash answered: went on"]);
    rmSync(join(bin, "bwrap"));
  });

  it("warns and runs the CLI without, if it is not required", async () => {
    const config = `${PER_KEY}[plugins.sandbox]\nenabled = true\nrequired = false\n`;
    expect(await failure(config, `${bin}:/bin/missing`)).to.equal("it started");
    expect(gateway?.stdout).to.match(
      /sandbox: off: the CLI can't run in a sandbox: bwrap is not on the PATH/,
    );
  });

  it("fails where a folder of its section is missing", async () => {
    const section =
      '[plugins.sandbox]\nenabled = true\n[plugins.sandbox.keys.bob]\nread_only = ["/missing"]\n';
    expect(await failure(PER_KEY + section)).to.match(/"\/missing" does not exist/);
  });

  it("runs the CLI as another user with run_as", async function () {
    if (USER === undefined) this.skip();
    const dir = mkdtempSync(join(tmpdir(), "claudeway-run-as-"));
    chmodSync(dir, 0o711);
    mkdirSync(join(dir, "work"), { mode: 0o711 });
    const config = `${PER_KEY}
[keys.admin.env]
CLAUDE_CONFIG_DIR = "${dir}/claude"
HOME = "${dir}"
[plugins.sandbox]
enabled = true
[plugins.run_as]
enabled = true
user = "nobody"
group = "nogroup"
`;
    try {
      gateway = await TestGateway.start({
        config,
        args: ["--enable-plugin", RUN_AS],
        env: { CLAUDE_WORKDIR: join(dir, "work"), HOME: dir },
      });
      const { body: session } = await gateway.request("/session/start", { body: {} });
      const { body } = await gateway.request<TurnResponse>(`/session/${session["session_id"]}`, {
        body: { prompt: bash(`touch made; ls ${gateway.dataDir}`) },
      });
      expect(body.result, JSON.stringify(body)).to.match(/cannot access/);
      expect(statSync(join(String(session["workdir"]), "made")).uid).to.equal(USER);
    } finally {
      await gateway?.dispose();
      gateway = undefined;
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
