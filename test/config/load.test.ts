// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what the file takes
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { KeyEnvironments, loadConfig } from "#config/index.js";
import { processesThatFit } from "#config/memory.js";
import { inFolder, load, loadRun } from "./sources.js";

describe("loadConfig", () => {
  it("has the contract's defaults", () => {
    inFolder(undefined, (cwd) => {
      const loaded = loadConfig({ argv: [], env: {}, cwd });
      expect(loaded).to.deep.include({
        command: "serve",
        args: [],
        force: false,
        file: undefined,
        generated: true,
      });
      const processes = Math.max(4 * availableParallelism(), processesThatFit());
      expect(loaded).to.have.deep.property("config", {
        workdir: "/tmp/claude-tasks",
        log_dir: join(cwd, "logs"),
        data_dir: join(cwd, "data"),
        host: "0.0.0.0",
        port: 3000,
        log_level: "info",
        no_permissions_bypass: false,
        trusted_proxies: [],
        accounts: {},
        limits: {
          body_bytes: 10 * 1024 * 1024,
          file_bytes: 4 * 1024 ** 3,
          connections: 20_000,
          header_secs: 20,
          request_secs: 300,
        },
        engine: {
          max_running: 4 * availableParallelism(),
          max_queued: 256,
          max_processes: processes,
          idle_secs: 300,
          background_secs: 3600,
          max_background: Math.floor(processes / 2),
          max_background_per_key: 4,
          on_limit: "fail",
          max_wait_secs: 0,
          max_limit_waits_per_key: 100,
          spares: 1,
          config_dirs: "shared",
          accounts: [],
          trusted_workdirs: [],
          max_memory_mb: 1024,
          grace_secs: 30,
        },
      });
    });
  });

  /** Every setting that has a flag and a variable: its flag, its variable, the file's line, and what each gives. */
  const EVERYWHERE = [
    [
      "claude_bin",
      ["--claude-bin", "/flag"],
      { CLAUDE_BIN: "/env" },
      'claude_bin = "/file"',
      ["/file", "/env", "/flag"],
    ],
    [
      "workdir",
      ["--workdir", "/flag"],
      { CLAUDE_WORKDIR: "/env" },
      'workdir = "/file"',
      ["/file", "/env", "/flag"],
    ],
    ["log_dir", ["--log-dir", "/flag"], { LOG_DIR: "/env" }, 'log_dir = "/file"', ["/file", "/env", "/flag"]],
    [
      "data_dir",
      ["--data-dir=/flag"],
      { DATA_DIR: "/env" },
      'data_dir = "/file"',
      ["/file", "/env", "/flag"],
    ],
    ["host", ["--host", "flag"], { HOST: "env" }, 'host = "file"', ["file", "env", "flag"]],
    ["port", ["-p", "3"], { PORT: "2" }, "port = 1", [1, 2, 3]],
    [
      "log_level",
      ["--log-level", "warn"],
      { LOG_LEVEL: "debug" },
      'log_level = "trace"',
      ["trace", "debug", "warn"],
    ],
    [
      "no_permissions_bypass",
      ["--no-permissions-bypass"],
      { NO_PERMISSIONS_BYPASS: "0" },
      "no_permissions_bypass = true",
      [true, false, true],
    ],
  ] as const;

  for (const [key, argv, env, file, [inFile, inEnv, inFlag]] of EVERYWHERE) {
    it(`reads ${key} from the file, overridden by the environment, overridden by the flag`, () => {
      expect(loadRun({ file }).config).to.have.property(key, inFile);
      expect(loadRun({ file, env }).config).to.have.property(key, inEnv);
      expect(loadRun({ file, env, argv }).config).to.have.property(key, inFlag);
      expect(loadRun({ env }).config).to.have.property(key, inEnv);
      expect(loadRun({ argv }).config).to.have.property(key, inFlag);
    });
  }

  it("lets the file change one setting of a section and keeps the others", () => {
    const { config } = loadRun({ file: "[engine]\nmax_running = 3", argv: ["--port", "0"] });
    expect(config.engine).to.include({ max_running: 3, max_queued: 256, grace_secs: 30 });
    expect(config.port).to.equal(0);
  });

  it("keeps a bare name of the CLI for the PATH", () => {
    expect(loadRun({ argv: ["--claude-bin", "claude"] }).config).to.have.property("claude_bin", "claude");
  });

  for (const [text, value] of Object.entries({
    1: true,
    true: true,
    TRUE: true,
    yes: true,
    0: false,
    false: false,
  })) {
    it(`reads NO_PERMISSIONS_BYPASS=${text} as ${value}`, () => {
      expect(loadRun({ env: { NO_PERMISSIONS_BYPASS: text } }).config.no_permissions_bypass).to.equal(value);
    });
  }

  it("reads only the named file", () => {
    inFolder("port = 1", (cwd) => {
      mkdirSync(join(cwd, "etc"));
      writeFileSync(join(cwd, "etc/other.toml"), "\uFEFFport = 2\r\n");
      const loaded = loadConfig({ argv: ["--config", "etc/other.toml"], env: {}, cwd });
      expect(loaded).to.have.nested.property("config.port", 2);
      expect(loaded).to.have.property("file", join(cwd, "etc/other.toml"));
    });
  });

  it("does not skip ./claudeway.toml because it can't be read", () => {
    inFolder(undefined, (cwd) => {
      symlinkSync("claudeway.toml", join(cwd, "claudeway.toml"));
      expect(() => loadConfig({ argv: [], env: {}, cwd })).to.throw(
        "./claudeway.toml: cannot be read (ELOOP)",
      );
    });
  });
});

describe("keys", () => {
  it("are id and secret, the first one first, colons in the secret kept", () => {
    const { keys, generated } = loadRun({ argv: ["--keys", "admin:sk-1, ci-bot:sk:2"] });
    expect(keys).to.deep.equal([
      { id: "admin", secret: "sk-1" },
      { id: "ci-bot", secret: "sk:2" },
    ]);
    expect(generated).to.equal(false);
  });

  it("may have a section with limits, and with the secret if no flag or variable sets it", () => {
    const limited = loadRun({ file: "[keys.ci]\nmax_running = 2", env: { WRAPPER_KEYS: "admin:1,ci:2" } });
    expect(limited.keys.map(({ id }) => id)).to.deep.equal(["admin", "ci"]);
    expect(limited.keyLimits).to.deep.equal({ ci: { max_running: 2 } });
    const folders = loadRun({ file: '[keys.ci]\nworkdirs = ["/srv/a/**"]', env: { WRAPPER_KEYS: "ci:2" } });
    expect(folders.keyLimits).to.deep.equal({ ci: { workdirs: ["/srv/a/**"] } });
    const own = loadRun({ file: '[keys.ci]\nsecret = "${CI}"', env: { CI: "sk-3" } });
    expect(own.keys).to.deep.equal([{ id: "ci", secret: "sk-3" }]);
    expect(own.secretEnv).to.include("CI");
    const number = loadRun({ file: '[keys.42]\nsecret = "sk-3"' });
    expect(number.keys).to.deep.equal([{ id: "42", secret: "sk-3" }]);
    const limits = loadRun({ file: "[keys.42]\nmax_running = 2", env: { WRAPPER_KEYS: "admin:1,42:2" } });
    expect(limits.keys.map(({ id }) => id)).to.deep.equal(["admin", "42"]);
    expect(() => loadRun({ file: "[keys.cii]\nmax_running = 2", env: { WRAPPER_KEYS: "ci:2" } })).to.throw(
      "keys.cii: unknown key; did you mean ci? known keys: ci; a new key needs a secret, here or in WRAPPER_KEYS",
    );
  });

  it("come from the last source that has any, and several flags add up", () => {
    const file = 'keys = ["file:1", "more:2"]';
    const env = { WRAPPER_KEYS: "env:3" };
    expect(loadRun({ file }).keys.map(({ id }) => id)).to.deep.equal(["file", "more"]);
    expect(loadRun({ file, env }).keys.map(({ id }) => id)).to.deep.equal(["env"]);
    const argv = ["--keys", "flag:4", "--keys", "other:5"];
    expect(loadRun({ file, env, argv }).keys.map(({ id }) => id)).to.deep.equal(["flag", "other"]);
  });

  it("are generated each time if none is configured", () => {
    const [first, second] = [loadRun(), loadRun()];
    expect(first.generated).to.equal(true);
    expect(first.keys).to.have.length(1);
    expect(first.keys[0]?.id).to.equal("default");
    expect(first.keys[0]?.secret).to.match(/^sk-[0-9a-f]{64}$/);
    expect(first.keys[0]?.secret).to.not.equal(second.keys[0]?.secret);
    expect(first.secrets).to.deep.equal([first.keys[0]?.secret]);
  });

  it("are not in the settings", () => {
    expect(loadRun({ argv: ["--keys", "a:b"] }).config).to.not.have.any.keys("keys", "plugins");
  });
});

describe("variables in the file", () => {
  const env = { TG: "123:abc", KEY: "sk-9", PORT_HERE: "4000", ON: "true", HOME: "/home/x", BASE: "/srv" };

  it("are replaced, also within a text and in lists", () => {
    const file = [
      'keys = ["admin:${KEY}"]',
      'workdir = "${BASE}/tasks"',
      'log_dir = "$${x}/$$"',
      "[plugins.telegram]",
      'bot_token = "${TG}"',
      'nested = { list = ["a", "<${TG}>"], count = 3 }',
    ].join("\n");
    const loaded = loadRun({ file, env });
    expect(loaded.keys).to.deep.equal([{ id: "admin", secret: "sk-9" }]);
    expect(loaded.config.workdir).to.equal("/srv/tasks");
    expect(loaded.config.log_dir).to.match(/\/\$\{x\}\/\$\$$/);
    expect(loaded.pluginSections).to.deep.equal({
      telegram: { bot_token: "123:abc", nested: { list: ["a", "<123:abc>"], count: 3 } },
    });
  });

  it("become numbers and booleans where the schema requires them", () => {
    const { config, plugins, secrets } = loadRun({
      file: 'port = "${PORT_HERE}"\n[plugins.demo]\nenabled = "${ON}"',
      env,
    });
    expect(config.port).to.equal(4000);
    expect(plugins).to.deep.equal(["demo"]);
    expect(secrets).to.not.include.members(["4000"]).and.not.include.members(["true"]);
  });

  it("are not replaced in the values of variables", () => {
    const { pluginSections } = loadRun({ file: '[plugins.x]\na = "${A}"', env: { A: "${B}" } });
    expect(pluginSections).to.deep.equal({ x: { a: "${B}" } });
  });

  it("are reported as secrets, names and values, where they may be secret", () => {
    const file =
      'workdir = "${BASE}"\nkeys = "a:${KEY}"\n[plugins.telegram]\nbot_token = "${TG}"\nfolder = "${HOME}"';
    const { secretEnv, secrets } = loadRun({ file, env });
    expect(secretEnv).to.deep.equal(["WRAPPER_KEYS", "LEDGER_URL", "KEY", "TG"]);
    expect(secrets).to.have.members(["sk-9", "123:abc"]);
  });

  it("lists the URL of the ledger's database, its password, and every variable with one of them", () => {
    const url = "postgres://me:pass%2Fword@db.example.org/claudeway";
    const { secretEnv, secrets } = loadRun({
      env: { WRAPPER_KEYS: "a:one", LEDGER_URL: url, PGPASSWORD: "pass/word" },
    });
    expect(secretEnv).to.deep.equal(["WRAPPER_KEYS", "LEDGER_URL", "PGPASSWORD"]);
    expect(secrets).to.include.members([url, "pass%2Fword", "pass/word"]);
  });

  it("lists the password of a database whose percent signs stand for themselves, as its driver reads it", () => {
    const passwords = [
      ["50%off", "50%off"],
      ["ends%", "ends%"],
      ["a%40b%zz", "a@b%zz"],
      // Not UTF-8: the driver refuses it.
      ["a%ffb", "a%ffb"],
    ];
    for (const [written = "", meant] of passwords) {
      const { secrets } = loadRun({
        env: { LEDGER_URL: `postgres://me:${written}@db.example.org/claudeway` },
      });
      expect(secrets, written).to.include.members([written, meant]);
    }
  });

  it("lists the password that the driver reads from the environment, where a database is configured", () => {
    const env = { WRAPPER_KEYS: "a:one", LEDGER_URL: "postgres://me@db/claudeway", PGPASSWORD: "password-1" };
    expect(loadRun({ env })).to.deep.include({ secretEnv: ["WRAPPER_KEYS", "LEDGER_URL", "PGPASSWORD"] });
    expect(loadRun({ env }).secrets).to.include("password-1");
    // Without one, it may be meant for Claude's tools.
    const { LEDGER_URL: _, ...withoutDatabase } = env;
    expect(loadRun({ env: withoutDatabase }).secrets).to.not.include("password-1");
  });

  it("report the keys of every source, also of overridden ones", () => {
    const { secretEnv, secrets } = loadRun({ env: { WRAPPER_KEYS: "a:one" }, argv: ["--keys", "b:two"] });
    expect(secretEnv).to.deep.equal(["WRAPPER_KEYS", "LEDGER_URL"]);
    expect(secrets).to.have.members(["one", "two"]);
  });
});

describe("variables that hold a key", () => {
  it("are reported as secret by any name if the key was passed by a flag", () => {
    const env = {
      MY_KEYS: "admin:0123456789",
      OTHER: "x0123456789x",
      HOME: "/home/0123456789",
      PLAIN: "admin",
    };
    const { secretEnv } = loadRun({ env, argv: ["--keys", env.MY_KEYS] });
    expect(secretEnv).to.deep.equal(["WRAPPER_KEYS", "LEDGER_URL", "MY_KEYS", "OTHER"]);
  });

  it("are not all variables that contain a very short key", () => {
    const env = { EDITOR: "vi", LC_ALL: "C" };
    expect(loadRun({ env, argv: ["--keys", "a:v"] }).secretEnv).to.deep.equal(["WRAPPER_KEYS", "LEDGER_URL"]);
  });
});

describe("accounts", () => {
  const file = [
    "[engine]",
    'accounts = ["main"]',
    "[accounts.main]",
    'ANTHROPIC_API_KEY = "sk-ant-main"',
    "[accounts.cloud]",
    'CLAUDE_CODE_USE_BEDROCK = "1"',
    'AWS_SECRET_ACCESS_KEY = "${AWS_SECRET}"',
    'AWS_REGION = "eu-central-1"',
    "[keys.ci]",
    'accounts = ["main", "cloud"]',
    "[keys.own.env]",
    'ANTHROPIC_AUTH_TOKEN = "tok-own"',
  ].join("\n");
  const env = { WRAPPER_KEYS: "admin:1,ci:2,own:3", AWS_SECRET: "aws-secret" };
  const base = Object.freeze({ PATH: "/bin", ANTHROPIC_API_KEY: "sk-ant-base" });

  it("of a key come before those of all keys, unless it has an account in its environment", () => {
    const environments = new KeyEnvironments(loadRun({ file, env }));
    expect(["admin", "ci", "own", undefined].map((id) => environments.accountsOf(id))).to.deep.equal([
      ["main"],
      ["main", "cloud"],
      [],
      ["main"],
    ]);
  });

  it("replace the gateway's own account, and bound retries where another one can take over", () => {
    const environments = new KeyEnvironments(loadRun({ file, env }));
    const cloud = {
      CLAUDE_CODE_USE_BEDROCK: "1",
      AWS_SECRET_ACCESS_KEY: "aws-secret",
      AWS_REGION: "eu-central-1",
    };
    expect(environments.of(base, "ci", { name: "cloud", replaceable: false })).to.deep.equal({
      PATH: "/bin",
      ...cloud,
    });
    expect(environments.of(base, "ci", { name: "main", replaceable: true })).to.deep.equal({
      PATH: "/bin",
      ANTHROPIC_API_KEY: "sk-ant-main",
      CLAUDE_CODE_MAX_RETRIES: "2",
    });
    expect(environments.of(base, "ci")).to.equal(base);
    const main = { name: "main", replaceable: false };
    expect(environments.of(base, "ci", main)).to.equal(environments.of(base, "ci", { ...main }));
  });

  it("have secrets that no log line and no child process gets", () => {
    const { secrets, secretEnv } = loadRun({ file, env });
    expect(secrets)
      .to.include.members(["sk-ant-main", "aws-secret", "tok-own"])
      .and.not.include("eu-central-1");
    expect(secretEnv).to.include("AWS_SECRET");
  });
});

describe("plugin selection", () => {
  const file = [
    "[plugins.telegram]",
    "enabled = true",
    'chat_id = "-1"',
    "[plugins.dashboard]",
    "enabled = false",
    "title = 'mine'",
    "[plugins.demo]",
    "enabled = true",
    "[plugins.own_name]",
    "level = 3",
  ].join("\n");
  const on = (argv: readonly string[]) => loadRun({ file, argv }).plugins;

  it("are off by default, and on in the file's order", () => {
    expect(loadRun().plugins).to.deep.equal([]);
    expect(on([])).to.deep.equal(["telegram", "demo"]);
  });

  it("keep every section unchanged, also of disabled plugins", () => {
    expect(loadRun({ file }).pluginSections).to.deep.equal({
      telegram: { chat_id: "-1" },
      dashboard: { title: "mine" },
      demo: {},
      own_name: { level: 3 },
    });
  });

  it("are added by flags, in commas or repeated, after the file's and once", () => {
    expect(on(["--enable-plugin", "swagger, demo", "--enable-plugin", "dashboard"])).to.deep.equal([
      "telegram",
      "demo",
      "swagger",
      "dashboard",
    ]);
  });

  it("are added by the environment, after the file's and before the flags'", () => {
    const env = { CLAUDEWAY_PLUGINS: "swagger, demo," };
    const argv = ["--enable-plugin", "dashboard", "--disable-plugin", "telegram"];
    expect(loadRun({ file, argv, env }).plugins).to.deep.equal(["demo", "swagger", "dashboard"]);
    expect(loadRun({ env: { CLAUDEWAY_PLUGINS: "" } }).plugins).to.deep.equal([]);
  });

  it("are disabled if both flags name them", () => {
    expect(on(["--disable-plugin", "demo,swagger", "--enable-plugin=swagger"])).to.deep.equal(["telegram"]);
  });

  it("keep packages and paths as written, for the loader to resolve", () => {
    const argv = [
      "--enable-plugin",
      "./own,@acme/claudeway-plugin-x,claudeway-plugin-y",
      "--disable-plugin",
      "own_name",
    ];
    const loaded = loadRun({ file, argv });
    expect(loaded.plugins.slice(2)).to.deep.equal([
      "./own",
      "@acme/claudeway-plugin-x",
      "claudeway-plugin-y",
    ]);
    expect(loaded.pluginSections).to.deep.include({ own_name: { level: 3 } });
    expect(loaded.disabledPlugins).to.deep.equal(["own_name"]);
  });
});

describe("commands", () => {
  it("default to serve, and accept flags before and after the command", () => {
    expect(load()).to.have.property("command", "serve");
    expect(load({ argv: ["-p", "1", "check", "-f"] })).to.deep.include({
      command: "check",
      args: [],
      force: true,
    });
    expect(load({ argv: ["backup", "x.sqlite"] })).to.deep.include({ command: "backup", args: ["x.sqlite"] });
  });

  it("ignore an invalid file if they need no configuration", () => {
    expect(load({ argv: ["init"], file: "no toml" })).to.deep.equal({
      command: "init",
      args: [],
      file: undefined,
    });
    expect(load({ argv: ["create-plugin", "mine"], file: "no toml" })).to.deep.include({ args: ["mine"] });
  });
});
