import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { auditLines } from "./audit.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { childrenGone, LONG_CALL, longCallRunning, readProcess } from "./processes.js";
import { onOneGateway } from "./two-nodes.js";

const PLUGIN = fileURLToPath(new URL("../fixtures/plugins/holds-secret", import.meta.url));

const SECRETS = {
  file: "sk-file-6f1d0c1e9b7a",
  flag: "sk-flag-93aa27c05d1e",
  environment: "sk-environment-b0c4",
  plugin: 'tg"7781\\AAH-secret-of-a-bot',
} as const;

/** Variables that hold a secret, under whatever name. */
const HIDDEN: Readonly<Record<string, string>> = {
  WRAPPER_KEYS: `env:${SECRETS.environment}`,
  KEY_FOR_THE_FILE: SECRETS.file,
  BOT_TOKEN: SECRETS.plugin,
  // Too short to be looked for in other variables: it goes by its name alone.
  BOT_PIN: "4711",
  A_COPY_OF_IT: `https://api.example/${SECRETS.plugin}/send`,
  ALL_KEYS: `admin:${SECRETS.flag},file:${SECRETS.file}`,
};

const CONFIG = `
keys = ["file:\${KEY_FOR_THE_FILE}"]
[engine]
spares = 0
[plugins.holds_secret]
token = "\${BOT_TOKEN}"
pin = "\${BOT_PIN}"
`;

describe("secrets", () => {
  let gateway: TestGateway;

  before(async () => {
    gateway = await TestGateway.start({
      args: ["--keys", `admin:${SECRETS.flag}`, "--enable-plugin", PLUGIN, "--log-level", "trace"],
      env: { ...HIDDEN, IS_SANDBOX: "1", KEPT_FOR_THE_CHILD: "yes" },
      config: CONFIG,
    });
  });
  after(() => gateway.dispose());

  function expectNone(text: string, where: string): void {
    for (const [name, secret] of Object.entries(SECRETS)) {
      expect(text, `${where}: ${name}`).to.not.include(secret);
      expect(text, `${where}: ${name}, as JSON`).to.not.include(JSON.stringify(secret).slice(1, -1));
    }
  }

  it("are in no variable of a tool call", async () => {
    const { body } = await gateway.request("/task", {
      body: { prompt: "[[bash env -0 > env.txt]]" },
      key: SECRETS.flag,
    });
    expect(body).to.include({ success: true, error: null });
    const dump = readFileSync(join(gateway.workdir, "env.txt"), "utf8");
    expectNone(dump, "env");
    const names = dump.split("\0").map((entry) => entry.split("=")[0]);
    for (const name of Object.keys(HIDDEN)) expect(names).to.not.include(name);
    expect(names).to.include.members(["PATH", "HOME", "KEPT_FOR_THE_CHILD", "ANTHROPIC_API_KEY"]);
  });

  it("are on no command line, and in no environment, of what runs for a turn", async () => {
    const leaving = new AbortController();
    const options = { body: { prompt: LONG_CALL }, key: SECRETS.flag, signal: leaving.signal };
    gateway.fetch("/task", options).catch(() => undefined);
    try {
      const pids = await longCallRunning(gateway);
      for (const file of ["cmdline", "environ"] as const) {
        const texts = pids.map((pid) => readProcess(pid, file)).filter((text) => text !== "");
        expect(texts, "the CLI and its tool").to.have.length.of.at.least(2);
        for (const text of texts) {
          expectNone(text, file);
          expect(text).to.not.include("WRAPPER_KEYS");
        }
      }
    } finally {
      leaving.abort();
    }
    await childrenGone(gateway);
  });

  it("are in no answer, whatever goes wrong", async () => {
    const answers = await Promise.all([
      gateway.request("/task", { body: { prompt: "break it" }, key: SECRETS.flag }),
      gateway.request("/task", { body: { prompt: 5 }, key: SECRETS.flag }),
      gateway.request("/task", { key: `${SECRETS.flag}x` }),
      gateway.request("/session/nowhere", { key: SECRETS.flag }),
      gateway.request("/models", { key: SECRETS.flag }),
      gateway.request("/health", { key: null }),
    ]);
    expect(answers.map(({ status }) => status)).to.deep.equal([500, 400, 401, 404, 200, 200]);
    for (const { body, headers } of answers) {
      expectNone(JSON.stringify([body, ...headers]), "an answer");
    }
  });

  it("are in no line of the operator's log, whoever writes it", async () => {
    const told = await eventually("the plugin's line", () => gateway.stderr.includes("asked with [secret]"));
    expect(told).to.equal(true);
    await eventually("the fault's line", () => gateway.stderr.includes("the service refused [secret]"));
    expectNone(gateway.stderr, "stderr");
    for (const line of gateway.stderr.trim().split("\n")) expect(JSON.parse(line)).to.have.property("level");
  });

  it("are not in the banner", () => {
    expect(gateway.stdout).to.include("holds_secret");
    expectNone(gateway.stdout, "stdout");
    expect(gateway.stdout + gateway.stderr).to.not.match(/sk-[0-9a-f]{64}/);
  });

  it("are in no line of the keys' logs, not even where a client puts them", async () => {
    await gateway.request(`/session/${SECRETS.flag}`, { key: SECRETS.flag });
    await gateway.request(`/session/${SECRETS.file}?key=${SECRETS.file}`, { key: null });
    const lines = () => [...auditLines(gateway, "admin"), ...auditLines(gateway, "_unauthorized")];
    await eventually(
      "the requests' lines",
      () => lines().filter(({ path }) => path === "/session/[secret]").length === 2,
    );
    expectNone(JSON.stringify(lines()), "the logs");
  });
});

describe("the generated key", () => {
  onOneGateway("nodes of a cluster must have the same keys, and refuse to start with a generated one", () => {
    let gateway: TestGateway;
    before(async () => {
      gateway = await TestGateway.start({ env: { WRAPPER_KEYS: undefined } });
    });
    after(() => gateway.dispose());

    const keyInFile = () => readFileSync(join(gateway.dataDir, "generated-key"), "utf8").trim();

    it("is in no output without a terminal, but in a separate file", () => {
      expect(gateway.stdout + gateway.stderr).to.not.match(/sk-[0-9a-f]{64}/);
      expect(keyInFile()).to.match(/sk-[0-9a-f]{64}/);
    });

    it("belongs to the id default, and is valid only for this run", async () => {
      const key = /sk-[0-9a-f]{64}/.exec(keyInFile())?.[0] ?? "";
      expect((await gateway.request("/sessions", { key })).status).to.equal(200);
      await eventually("a line of that id", () => auditLines(gateway, "default").length > 0);
      await gateway.stop();
      await gateway.launch();
      expect((await gateway.request("/sessions", { key })).status).to.equal(401);
      expect(keyInFile()).to.not.include(key);
    });
  });
});
