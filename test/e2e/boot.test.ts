import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { pluginNames } from "../packaging/packed.js";
import { listeningPort } from "./address.js";
import { runToEnd, TestGateway } from "./gateway.js";

/** The plugins that come with the gateway, as messages list them. */
const NAMES = pluginNames().join(", ");
const FIXTURES = fileURLToPath(new URL("../fixtures/plugins/", import.meta.url));

interface Start {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** claudeway.toml. */
  readonly file?: string;
  /** Other files of the folder that the command is started in; scripts are executable. */
  readonly files?: Readonly<Record<string, string>>;
}

const PORT = "an integer from 0 to 65535";
const CLI = "the path or name of the Claude CLI";
const FOLDER = "the path of a directory that this user may write to";
const SCRIPT = "#!/bin/sh\n";
/** The status of a start that another one would only repeat; any other fault may be over by then. */
const CONFIG_FAULT = 78;
/** What may be over at the next start, by the words above and below. */
const MAY_PASS = ["a CLI that fails", "throws-in-apply", "hangs-in-apply"];

/**
 * The fault, how the command is started, and its one-line message; DIR is the folder it is started in, NAMES the
 * plugins.
 */
const REFUSED: readonly (readonly [string, Start, string])[] = [
  ["a slip in a flag", { args: ["--prot", "1"] }, "unknown flag --prot; did you mean --port?"],
  ["a flag without its value", { args: ["--keys"] }, "--keys must have a value; see claudeway --help"],
  ["a port in words", { args: ["--port", "http"] }, `--port must be ${PORT}, got "http"`],
  ["a port over the range", { args: ["-p", "65536"] }, `--port must be ${PORT}, got 65536`],
  ["an unknown word", { args: ["serv"] }, 'unknown command "serv"; did you mean serve?'],
  [
    "an unknown log level",
    { args: ["--log-level", "verbose"] },
    '--log-level must be trace, debug, info, warn or error, got "verbose"',
  ],
  ["a file that is not there", { args: ["--config", "x.toml"] }, "--config: x.toml: file not found"],
  ["a port in the environment", { env: { PORT: "3000x" } }, `PORT must be ${PORT}, got "3000x"`],
  [
    "a switch in the environment",
    { env: { NO_PERMISSIONS_BYPASS: "on" } },
    'NO_PERMISSIONS_BYPASS must be true or false, got "on"',
  ],
  [
    "keys without secrets",
    { env: { WRAPPER_KEYS: "sk-123" } },
    "WRAPPER_KEYS: entry 1 must be id:secret, got no colon",
  ],
  [
    "two keys with one id",
    { args: ["--keys", "a:hunter1,a:hunter2"] },
    "--keys: entries 1 and 2 must not have the same id",
  ],
  ["no TOML", { file: "port = 3000\nhost =\n" }, "./claudeway.toml:2:7: invalid TOML: invalid value"],
  [
    "a slip in the file",
    { file: "prot = 3000" },
    './claudeway.toml: unknown setting "prot"; did you mean port?',
  ],
  ["a type in the file", { file: 'port = "3000"' }, `./claudeway.toml: port must be ${PORT}, got "3000"`],
  [
    "a variable that is not set",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: ${NAME} is the syntax of the file
    { file: 'keys = ["admin:${NOT_SET_ANYWHERE}"]' },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: ${NAME} is the syntax of the file
    "./claudeway.toml: keys[0]: uses ${NOT_SET_ANYWHERE}, which is not set in the environment",
  ],
  // The Claude CLI.
  [
    "a CLI that is not there",
    { args: ["--claude-bin", "./claude"] },
    `--claude-bin must be ${CLI}, got "DIR/claude", which does not exist`,
  ],
  [
    "a CLI that is not on the PATH",
    { env: { CLAUDE_BIN: "claude-not-here" } },
    `CLAUDE_BIN must be ${CLI}, got "claude-not-here", which is not on the PATH`,
  ],
  [
    "a CLI that is not executable",
    { file: 'claude_bin = "./notes.txt"', files: { "notes.txt": "" } },
    `./claudeway.toml: claude_bin must be ${CLI}, got "DIR/notes.txt", which this user may not execute`,
  ],
  [
    "a CLI that fails",
    { args: ["--claude-bin", "./c"], files: { c: `${SCRIPT}echo no licence >&2; exit 3` } },
    "claude: DIR/c does not run: --version ended with exit code 3: no licence",
  ],
  [
    "another program than the CLI",
    { args: ["--claude-bin", "./c"], files: { c: `${SCRIPT}echo hello` } },
    'claude: DIR/c is not the Claude CLI: its --version says "hello"',
  ],
  [
    "a CLI that is too old",
    { args: ["--claude-bin", "./c"], files: { c: `${SCRIPT}echo "2.1.316 (Claude Code)"` } },
    "claude: DIR/c must be version 2.1.317 or newer, got 2.1.316",
  ],
  // Where it listens and writes.
  [
    "another machine's address",
    { args: ["--host", "203.0.113.7"] },
    '--host must be an address of this machine, such as 127.0.0.1, got "203.0.113.7"',
  ],
  [
    "a name without an address",
    { env: { HOST: "nowhere.invalid" } },
    'HOST must be an address of this machine, such as 127.0.0.1, got "nowhere.invalid"',
  ],
  [
    "a file as the data folder",
    { args: ["--data-dir", "f"], files: { f: "" } },
    `--data-dir must be ${FOLDER}, got "DIR/f", which is not a directory`,
  ],
  [
    "a data folder below a file",
    { env: { DATA_DIR: "f/data" }, files: { f: "" } },
    `DATA_DIR must be ${FOLDER}, got "DIR/f/data", which is not a directory, or has a parent that is not one`,
  ],
  [
    "a data folder that can't be made",
    { args: ["--data-dir", "/proc/claudeway"] },
    `--data-dir must be ${FOLDER}, got "/proc/claudeway", which cannot be created (ENOENT)`,
  ],
  [
    "a file as the log folder",
    { file: 'log_dir = "f"', files: { f: "" } },
    `./claudeway.toml: log_dir must be ${FOLDER}, got "DIR/f", which is not a directory`,
  ],
  [
    "a file as the base folder",
    { args: ["--workdir", "./f"], files: { f: "" } },
    `--workdir must be ${FOLDER}, got "DIR/f", which is not a directory`,
  ],
  // Plugins.
  [
    "a slip in a plugin's name",
    { args: ["--enable-plugin", "demmo"] },
    'unknown plugin "demmo"; did you mean demo? known plugins: NAMES; or name a package (claudeway-plugin-x, @scope/claudeway-plugin-x) or a path (./x); looked for @claudeway/plugin-demmo, claudeway-plugin-demmo in FOLDERS [CW_PLUGIN_NOT_FOUND]',
  ],
  [
    "a slip in a section's name",
    { file: "[plugins.demmo]\n" },
    'plugins.demmo: unknown plugin "demmo"; did you mean demo? known plugins: NAMES; or name a package (claudeway-plugin-x, @scope/claudeway-plugin-x) or a path (./x); looked for @claudeway/plugin-demmo, claudeway-plugin-demmo in FOLDERS [CW_PLUGIN_NOT_FOUND]',
  ],
  [
    "a plugin's path that leads nowhere",
    { args: ["--enable-plugin", `${FIXTURES}goood`] },
    `plugin ${FIXTURES}goood: file not found: ${FIXTURES}goood; did you mean ${FIXTURES}good? [CW_PLUGIN_NOT_FOUND]`,
  ],
  [
    "a package that is not installed",
    { args: ["--enable-plugin", "claudeway-plugin-nowhere"] },
    "plugin claudeway-plugin-nowhere is not installed (npm install claudeway-plugin-nowhere); known plugins: NAMES; or name a package (claudeway-plugin-x, @scope/claudeway-plugin-x) or a path (./x); looked for claudeway-plugin-nowhere in FOLDERS [CW_PLUGIN_NOT_FOUND]",
  ],
  [
    "a package of a section that is not installed",
    { file: '[plugins.nowhere]\nenabled = true\npackage = "claudeway-plugin-nowhere"\n' },
    "plugin claudeway-plugin-nowhere is not installed (npm install claudeway-plugin-nowhere); known plugins: NAMES; or name a package (claudeway-plugin-x, @scope/claudeway-plugin-x) or a path (./x); looked for claudeway-plugin-nowhere in FOLDERS [CW_PLUGIN_NOT_FOUND]",
  ],
  [
    "a path of a section that leads nowhere",
    { file: '[plugins.good]\nenabled = true\npath = "./gone"\n' },
    "plugin ./gone: file not found: DIR/gone [CW_PLUGIN_NOT_FOUND]",
  ],
  [
    "a setting that a plugin does not have",
    { file: "[plugins.demo]\nenabled = true\nlatency = 5\n" },
    'unknown setting "plugins.demo.latency"; did you mean latency_ms? [CW_PLUGIN_CONFIG_INVALID]',
  ],
];

/** Plugins that cannot be enabled, and their messages. */
const BROKEN: readonly (readonly [string, RegExp])[] = [
  [
    "throws-at-import",
    /^plugin \S+\/throws-at-import: importing \S+\/index\.js failed: no licence file in this folder \[CW_PLUGIN_IMPORT_FAILED\]$/,
  ],
  [
    "throws-in-apply",
    /^plugin throws_in_apply: did not start: the folder is not writable \[CW_PLUGIN_START_FAILED\]$/,
  ],
  [
    "hangs-in-apply",
    /^plugin hangs_in_apply: did not start: apply did not finish within 10 s \[CW_PLUGIN_START_TIMEOUT\]$/,
  ],
  [
    "bad-schema",
    /^plugin bad_schema: its configSchema must be a JSON Schema 2020-12: configSchema\S+ must be /,
  ],
  ["wrong-version", /^plugin \S+\/wrong-version: apiVersion must be 1, got "1" \[CW_PLUGIN_API_VERSION\]$/],
  [
    "newer-version",
    /^plugin \S+\/newer-version: apiVersion must be 1, got 2; the plugin needs a newer Claudeway \[CW_PLUGIN_API_VERSION\]$/,
  ],
];

describe("a start that is refused", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-boot-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** Starts the command, which has to end with this status and one line; returns the line, its beginning cut off. */
  async function refusal(
    { args = [], env = {}, file, files = {} }: Start,
    status = CONFIG_FAULT,
  ): Promise<string> {
    if (file !== undefined) writeFileSync(join(dir, "claudeway.toml"), file);
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(dir, name), content);
      if (content.startsWith("#!")) chmodSync(join(dir, name), 0o755);
    }
    const home = { CLAUDE_WORKDIR: join(dir, "work"), CLAUDE_CONFIG_DIR: join(dir, "claude"), PORT: "0" };
    const { code, stdout, stderr } = await runToEnd(args, dir, { ...home, ...env });
    expect(stdout, "nothing listens").to.equal("");
    const [line = "", ...rest] = stderr.split("\n");
    expect(rest, stderr).to.deep.equal([""]);
    expect(line).to.match(/^claudeway: /);
    expect(code).to.equal(status);
    return line
      .slice("claudeway: ".length)
      .replaceAll(dir, "DIR")
      .replace(NAMES, "NAMES")
      .replace(/ in \/\S+node_modules(?:, \/\S+node_modules)*/, " in FOLDERS");
  }

  for (const [what, start, line] of REFUSED) {
    it(`${what}: ${line.slice(0, 60)}`, async () => {
      expect(await refusal(start, MAY_PASS.includes(what) ? 1 : CONFIG_FAULT)).to.equal(line);
      for (const made of ["data", "logs", "work"]) expect(existsSync(join(dir, made)), made).to.equal(false);
    });
  }

  it("a CLI that is too old, reported by check", async () => {
    const path = join(dir, "c");
    writeFileSync(path, `${SCRIPT}echo "2.1.300 (Claude Code)"`);
    chmodSync(path, 0o755);
    const { code, stdout } = await runToEnd(["check", "--claude-bin", path, "--port", "0"], dir);
    expect(stdout).to.match(
      /^FAIL claude +claude: \S+\/c must be version 2\.1\.317 or newer, got 2\.1\.300$/m,
    );
    expect(code).to.equal(1);
  });

  it("a cluster's database that does not answer, reported by check", async () => {
    const section = [
      "[cluster]",
      'url = "postgres://me:hunter2@127.0.0.1:1/x"',
      'advertise = "http://10.0.0.5"',
    ];
    writeFileSync(join(dir, "claudeway.toml"), [...section, 'secret = "0123456789abcdef"'].join("\n"));
    const env = { WRAPPER_KEYS: "admin:0123456789abcdef", CLAUDE_WORKDIR: join(dir, "work") };
    const { code, stdout } = await runToEnd(["check", "--port", "0"], dir, env);
    expect(stdout)
      .to.match(/^FAIL ledger +\S/m)
      .and.not.contain("hunter2");
    expect(code).to.equal(1);
  });

  it("a missing login, which names the command to log in with", async () => {
    const home = { HOME: dir, CLAUDE_CONFIG_DIR: join(dir, "claude"), ANTHROPIC_API_KEY: undefined };
    const { stdout } = await runToEnd(["check", "--port", "0"], dir, home);
    expect(stdout).to.match(/^FAIL login +claude is not logged in: run `claudeway login`, or set/m);
    expect(stdout).to.match(/^ok +permissions +[a-z]/m);
    expect(stdout).not.to.include("Plugins may change");
    const demo = await runToEnd(["check", "--port", "0", "--enable-plugin", "demo"], dir, home);
    expect(demo.stdout).to.match(/^ok +login +not needed: the plugin demo answers instead of Claude$/m);
    expect(demo.stdout).to.match(/^ok +permissions .*\. Plugins may change this when they start: demo\.$/m);
    expect(demo.code).to.equal(0);
    const broken = await runToEnd(["check", "--port", "0", "--enable-plugin", "telegram,demo"], dir, home);
    expect(broken.stdout.match(/^FAIL .*/gm)).to.have.length(1);
    expect(broken.stdout)
      .to.match(/^FAIL plugins +\S/m)
      .and.match(/^ok +login +not checked: the plugins could not/m);
  });

  it("what an enabled plugin needs, reported by check", async () => {
    const args = ["check", "--port", "0", "--enable-plugin", "repos,demo", "--repos-dir"];
    const good = await runToEnd([...args, join(dir, "repos")], dir);
    expect(good.stdout).to.match(/^ok +repos +git \d+\.\d+, \S+\/repos$/m);
    expect(good.code).to.equal(0);
    const bad = await runToEnd([...args, "/proc/repos"], dir, { PATH: dir });
    expect(bad.stdout).to.match(/^FAIL repos +\S/m);
    expect(bad.code).to.equal(1);
  });

  for (const [name, line] of BROKEN) {
    it(`a broken plugin: ${name}`, async () => {
      const args = ["--log-level", "error", "--enable-plugin", FIXTURES + name];
      expect(await refusal({ args }, MAY_PASS.includes(name) ? 1 : CONFIG_FAULT)).to.match(line);
    });
  }

  it("a port in use, and one that the file names", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    const port = await listeningPort(other);
    try {
      const line = `must be a free port, got ${port}, which is in use on 127.0.0.1; use another one, or 0 for any free one`;
      const args = ["--host", "127.0.0.1"];
      expect(await refusal({ args: [...args, "--port", String(port)] })).to.equal(`--port ${line}`);
      expect(await refusal({ args, env: { PORT: String(port) } })).to.equal(`PORT ${line}`);
      expect(existsSync(join(dir, "data"))).to.equal(false);
    } finally {
      other.close();
    }
  });
});

describe("a second gateway on the same data folder", () => {
  it("is refused, and the first continues", async () => {
    const gateway = await TestGateway.start();
    try {
      const { code, stdout, stderr } = await runToEnd(["--port", "0"], gateway.dir, {
        CLAUDE_WORKDIR: gateway.workdir,
      });
      expect({ code, stdout, stderr }).to.deep.equal({
        code: 1,
        stdout: "",
        stderr: `claudeway: ledger ${gateway.dataDir}/ledger.sqlite is in use by another gateway (pid ${gateway.pid})\n`,
      });
      expect(await gateway.request("/health", { key: null })).to.include({ status: 200 });
    } finally {
      await gateway.dispose();
    }
  });
});
