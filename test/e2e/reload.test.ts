import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import { listeningPort } from "./address.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const GOOD = "[plugins.dashboard]\nenabled = true\n\n[plugins.swagger]\nenabled = true\n";

/** The fault, the content of the file (PORT is a port in use), and the message; FILE is the name of the file. */
const BROKEN: readonly (readonly [string, string, string | RegExp])[] = [
  ["no TOML", "port = 3000\nhost =\n", "FILE:2:7: invalid TOML: invalid value"],
  [
    "a table twice",
    `${GOOD}\n[plugins.swagger]\n`,
    /^FILE:7:\d+: invalid TOML: .*(redefine|already|duplicate)/,
  ],
  ["an unknown setting", `prot = 3000\n${GOOD}`, 'FILE: unknown setting "prot"; did you mean port?'],
  ["a type", `port = "3000"\n${GOOD}`, 'FILE: port must be an integer from 0 to 65535, got "3000"'],
  ["a range", `port = 65536\n${GOOD}`, "FILE: port must be an integer from 0 to 65535, got 65536"],
  [
    "a word",
    `log_level = "loud"\n${GOOD}`,
    'FILE: log_level must be trace, debug, info, warn or error, got "loud"',
  ],
  [
    "a key without a colon",
    `keys = "sk-verysecret"\n${GOOD}`,
    "FILE: keys: entry 1 must be id:secret, got no colon",
  ],
  [
    "two keys of one id",
    `keys = ["a:verysecret1", "a:verysecret2"]\n${GOOD}`,
    /^FILE: keys: entries 1 and 2 must not have the same id/,
  ],
  [
    "a limit for no key",
    `${GOOD}[keys.ghost]\nmax_running = 2\n`,
    /^FILE: keys\.ghost: unknown key; known keys: admin, bob; a new key needs a secret, here or in WRAPPER_KEYS$/,
  ],
  [
    "an unset variable",
    `claude_bin = "\${NOT_SET_ANYWHERE}"\n${GOOD}`,
    /^FILE: claude_bin: uses \$\{NOT_SET_ANYWHERE\}, which is not set/,
  ],
  ["a variable without a name", `host = "\${}"\n${GOOD}`, /^FILE: host: a \$\{ must name a variable/],
  [
    "a section that is a value",
    `engine = 3\n${GOOD}`,
    "FILE: engine must be a section, such as [engine], got 3",
  ],
  [
    "a slip in a section",
    `${GOOD}[engine]\nmax_runing = 3\n`,
    'FILE: unknown setting "engine.max_runing"; did you mean max_running?',
  ],
  [
    "a plugin that is a value",
    "[plugins]\ndashboard = true\n",
    "FILE: plugins.dashboard must be a section, such as [plugins.demo], got true",
  ],
  [
    "a switch in words",
    '[plugins.dashboard]\nenabled = "on"\n',
    'FILE: plugins.dashboard.enabled must be true or false, got "on"',
  ],
  [
    "a plugin that there is not",
    `${GOOD}[plugins.dashbord]\nenabled = true\n`,
    /^unknown plugin "dashbord"; did you mean dashboard\?/,
  ],
  [
    "a slip in a plugin's section",
    `${GOOD}[plugins.slak]\n`,
    /^plugins\.slak: unknown plugin "slak"; did you mean slack\?/,
  ],
  [
    "a setting that a plugin has not",
    "[plugins.demo]\nenabled = true\nlatency = 5\n",
    'unknown setting "plugins.demo.latency"; did you mean latency_ms?',
  ],
  [
    "a plugin's type",
    '[plugins.demo]\nenabled = true\nport = "x"\n',
    /^plugins\.demo\.port must be an integer.*, got "x"/,
  ],
  [
    "a plugin without what it needs",
    "[plugins.telegram]\nenabled = true\n",
    /^plugins\.telegram\.bot_token is missing;/,
  ],
  [
    "a secret of the wrong form",
    '[plugins.slack]\nenabled = true\nwebhook_url = "ftp://verysecret"\n',
    /^plugins\.slack\.webhook_url must be .*, got a string \(not shown\)/,
  ],
  ["bytes that are not text", "BYTES", "FILE: must be UTF-8 text"],
  ["a folder in its place", "FOLDER", "FILE: must be a file, got a directory"],
  ["no file any more", "GONE", /^\S+\/claudeway\.toml is missing; plugins are unchanged$/],
];

/** Faults that only a start can find: the plugin stays disabled or unchanged, and the others follow the file. */
const FAILING: readonly (readonly [string, string, string | RegExp])[] = [
  [
    "a plugin that refuses its section",
    `${GOOD}[plugins.slack]\nenabled = true\n`,
    /^plugin slack: did not start: plugins\.slack: set webhook_url or feeds/,
  ],
  [
    "a tunnel on weak keys",
    `${GOOD}[plugins.cloudflare_tunnel]\nenabled = true\n`,
    /^plugin cloudflare_tunnel: did not start: .* must have at least 32 characters, got \d+/,
  ],
  [
    "a port in use",
    `${GOOD}[plugins.demo]\nenabled = true\nport = PORT\n`,
    /^plugin demo: did not start: .*(EADDRINUSE|in use)/,
  ],
];

interface Line {
  readonly level: string;
  readonly msg: string;
}

describe("a reload of the configuration", () => {
  let gateway: TestGateway;
  const other = createServer();

  before(async () => {
    gateway = await TestGateway.start({ config: GOOD });
    other.listen(0, "127.0.0.1");
  });
  after(async () => {
    other.close();
    await gateway.dispose();
  });

  const lines = (): Line[] =>
    gateway.stderr
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));

  /** Puts the content in the place of the file and has it read; resolves to what was complained about. */
  async function read(content: string): Promise<string[]> {
    const file = join(gateway.dir, "claudeway.toml");
    const before = lines().length;
    rmSync(file, { recursive: true, force: true });
    if (content === "FOLDER") mkdirSync(file);
    else if (content === "BYTES") writeFileSync(file, Buffer.from([0x68, 0xff, 0xfe, 0x0a]));
    else if (content !== "GONE")
      writeFileSync(file, content.replace("PORT", String(await listeningPort(other))));
    gateway.signal("SIGHUP");
    await eventually("the end of the reading", () =>
      lines()
        .slice(before)
        .some(({ msg }) => msg.startsWith("SIGHUP: ")),
    );
    return lines()
      .slice(before)
      .filter(({ level }) => level !== "info")
      .map(({ msg }) =>
        msg.replace("SIGHUP: reload refused, nothing was changed: ", "").replace("./claudeway.toml", "FILE"),
      );
  }

  async function pluginsOn(): Promise<string[]> {
    const { body } = await gateway.request<{ plugins: { name: string; state: string }[] }>("/admin/plugins");
    return body.plugins.filter(({ state }) => state === "on").map(({ name }) => name);
  }

  for (const [what, content, expected] of [...BROKEN, ...FAILING]) {
    it(`with ${what}: is reported in one line, and the gateway continues`, async () => {
      const { pid } = gateway;
      const complaints = await read(content);
      expect(complaints).to.have.length(1);
      if (typeof expected === "string") expect(complaints[0]).to.equal(expected);
      else expect(complaints[0]).to.match(expected);
      expect(complaints[0]).not.to.match(/\n|verysecret/);
      expect(await pluginsOn()).to.have.members(["dashboard", "swagger"]);
      expect(await gateway.request("/health", { key: null })).to.include({ status: 200 });
      expect(gateway.pid).to.equal(pid);
    });
  }

  it("applies a valid one afterwards, and turns run", async () => {
    expect(await read(GOOD.replace("[plugins.swagger]\nenabled = true", ""))).to.deep.equal([]);
    expect(await pluginsOn()).to.deep.equal(["dashboard"]);
    const { body } = await gateway.request("/task", { body: { prompt: "Say hi." }, key: KEYS.bob });
    expect(body).to.include({ success: true });
  });
});
