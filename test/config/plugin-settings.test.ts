import { expect } from "chai";
import { ConfigError, type LoadedConfig, loadConfig, type PluginDeclaration } from "#config/index.js";
import { inFolder } from "./sources.js";

const REPOS: PluginDeclaration = {
  name: "repos",
  schema: {
    properties: {
      repos_dir: {
        type: "string",
        default: "~/repos",
        description: "The folder. More.",
        "x-flag": "--repos-dir <path>",
        "x-env": "REPOS_DIR",
      },
      depth: { type: "integer", "x-flag": "--repos-depth <number>", "x-env": "REPOS_DEPTH" },
      hosts: { type: "array", "x-flag": "--repos-hosts <names>", "x-env": "REPOS_HOSTS" },
      lfs: { type: "boolean", "x-flag": "--lfs" },
      token: { type: "string", "x-secret": true, "x-flag": "--repos-token <token>", "x-env": "REPOS_TOKEN" },
    },
  },
  commands: { repos: { summary: "sync repositories", usage: ["sync <url>", "list"] } },
};

interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly file?: string;
  readonly declared?: readonly PluginDeclaration[];
}

function load({ argv = [], env = {}, file = "", declared = [REPOS] }: Given) {
  return inFolder(file, (cwd) => loadConfig({ argv, env, cwd, plugins: () => declared }));
}

function run(given: Given): LoadedConfig {
  const loaded = load(given);
  if ("config" in loaded) return loaded;
  throw new Error(`${loaded.command} has no configuration`);
}

function refusal(given: Given): string {
  try {
    load(given);
    return "accepted";
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

const ON = '[plugins.repos]\nenabled = true\nrepos_dir = "/file"\ndepth = 1\n';
const other = (properties: object, commands = {}): PluginDeclaration => ({
  name: "other",
  schema: { properties },
  commands,
});

describe("flags and variables of plugins", () => {
  it("override the file, flags above variables", () => {
    expect(run({ file: ON }).pluginSections).to.deep.equal({ repos: { repos_dir: "/file", depth: 1 } });
    const env = { REPOS_DIR: "/variable", REPOS_DEPTH: "2" };
    expect(run({ file: ON, env }).pluginSections).to.deep.equal({
      repos: { repos_dir: "/variable", depth: 2 },
    });
    const both = run({
      file: ON,
      env,
      argv: ["--repos-dir", "/flag", "--repos-hosts", "a, b", "--lfs", "check"],
    });
    expect(both.pluginSections).to.deep.equal({
      repos: { repos_dir: "/flag", depth: 2, hosts: ["a", "b"], lfs: true },
    });
    expect(both.command).to.equal("check");
    expect(both.pluginNames).to.deep.equal({
      repos: { repos_dir: "--repos-dir", depth: "REPOS_DEPTH", hosts: "--repos-hosts", lfs: "--lfs" },
    });
  });

  it("count for plugins that are enabled later, if they are variables that are not empty", () => {
    const { pluginSections, plugins } = run({ env: { REPOS_DIR: "/v", REPOS_DEPTH: "" } });
    expect({ pluginSections, plugins }).to.deep.equal({
      pluginSections: { repos: { repos_dir: "/v" } },
      plugins: [],
    });
  });

  it("are refused by name where the plugin is not enabled", () => {
    const line = "--repos-dir is a flag of the plugin repos, which is not enabled; add --enable-plugin repos";
    expect(refusal({ argv: ["--repos-dir", "/x"] })).to.equal(line);
    expect(refusal({ argv: ["--repos-dir", "/x", "--disable-plugin", "repos"], file: ON })).to.equal(line);
    expect(run({ argv: ["--enable-plugin", "repos", "--repos-dir=/x"] }).pluginSections).to.deep.equal({
      repos: { repos_dir: "/x" },
    });
  });

  it("are known in error messages", () => {
    expect(refusal({ argv: ["--repos-dri", "/x"] })).to.equal(
      "unknown flag --repos-dri; did you mean --repos-dir?",
    );
    expect(refusal({ argv: ["--repos-dir"] })).to.equal(
      "--repos-dir must have a value; see claudeway --help",
    );
    expect(refusal({ argv: ["--lfs=yes"] })).to.equal("--lfs must not have a value");
  });

  it("are kept out of child processes and logs if the schema marks them as secret", () => {
    const env = { REPOS_TOKEN: "from-the-variable", REPOS_DIR: "/v", MINE: "the-secret-of-a-flag" };
    const variable = run({ file: ON, env });
    expect(variable.secrets).to.include("from-the-variable").and.not.include("/v");
    expect(variable.secretEnv).to.include("REPOS_TOKEN").and.not.include("REPOS_DIR");
    const flag = run({ file: ON, env, argv: ["--repos-token", env.MINE] });
    expect(flag.secrets).to.include(env.MINE);
    expect(flag.secretEnv).to.include("MINE");
  });

  it("are refused where the gateway or another enabled plugin has them", () => {
    const twin = other({ dir: { type: "string", "x-flag": "--repos-dir <dir>" } });
    const argv = ["--enable-plugin", "repos,other"];
    expect(refusal({ argv, declared: [REPOS, twin] })).to.equal(
      "plugin other: its flag --repos-dir is already used by the plugin repos",
    );
    const port = other({ port: { type: "integer", "x-flag": "--port <port>" } });
    expect(refusal({ argv, declared: [port] })).to.equal(
      "plugin other: its flag --port is used by the gateway itself",
    );
    const host = other({ host: { type: "string", "x-env": "HOST" } });
    expect(refusal({ argv, declared: [host] })).to.equal(
      "plugin other: its variable HOST is used by the gateway itself",
    );
    const bad = other({ a: { type: "string", "x-flag": "-a" } });
    expect(refusal({ argv, declared: [bad] })).to.match(
      /^plugin other: its flag must be like --name or --name <value>/,
    );
    const check = other({}, { check: { summary: "", usage: [] } });
    expect(refusal({ argv, declared: [check] })).to.equal(
      "plugin other: its command check is used by the gateway itself",
    );
  });

  it("are left out where a plugin that is not enabled has those of another", () => {
    const twin = other({
      dir: { type: "string", "x-flag": "--repos-dir <dir>" },
      port: { type: "integer", "x-env": "PORT" },
    });
    const { pluginSections } = run({
      argv: ["--repos-dir", "/x"],
      env: { PORT: "5" },
      file: ON,
      declared: [twin, REPOS],
    });
    expect(pluginSections).to.deep.equal({ repos: { repos_dir: "/x", depth: 1 } });
  });

  it("may be read from one variable by several plugins", () => {
    const twin = other({ token: { type: "string", "x-env": "REPOS_TOKEN" } });
    const argv = ["--enable-plugin", "repos,other"];
    expect(run({ argv, env: { REPOS_TOKEN: "t" }, declared: [REPOS, twin] }).pluginSections).to.deep.equal({
      repos: { token: "t" },
      other: { token: "t" },
    });
  });

  it("are those of plugins at a path or in a package, of the file too", () => {
    const asked: (readonly string[])[] = [];
    const plugins = (named: readonly string[]) => {
      asked.push(named);
      return named.includes("./mine") ? [{ ...REPOS, name: "mine", source: "./mine" }] : [];
    };
    const file = '[plugins.mine]\nenabled = true\npath = "mine"\n';
    for (const [argv, text] of [
      [["--enable-plugin", "./mine"], ""],
      [[], file],
    ] as const) {
      const loaded = inFolder(text, (cwd) =>
        loadConfig({ argv: [...argv, "--repos-dir", "/x"], env: {}, cwd, plugins }),
      );
      expect("config" in loaded && loaded.pluginSections["mine"]).to.include({ repos_dir: "/x" });
    }
    expect(asked).to.deep.include([]);
  });
});

describe("commands of plugins", () => {
  it("need none of the variables that sections of plugins use, as a start does", () => {
    const file = `port = 4000\n${ON}[plugins.other]\nsecret = "\${UNSET_SECRET}"\n`;
    const { config } = run({ argv: ["repos", "list"], file });
    expect(config.port).to.equal(4000);
    expect(refusal({ argv: ["check"], file })).to.match(/UNSET_SECRET\}, which is not set/);
    const ofGateway = `workdir = "\${UNSET_DIR}"\n${file}`;
    expect(refusal({ argv: ["repos", "list"], file: ofGateway })).to.match(/UNSET_DIR/);
  });

  it("get everything after them", () => {
    const argv = ["--port", "4000", "repos", "sync", "--port", "5", "--", "-x"];
    const { command, pluginCommand, args, config } = run({ argv });
    expect(pluginCommand).to.include({ plugin: "repos", name: "repos" });
    expect({ command, args, port: config.port }).to.deep.equal({
      command: "plugin",
      args: ["sync", "--port", "5", "--", "-x"],
      port: 4000,
    });
  });

  it("are named with the gateway's own", () => {
    expect(refusal({ argv: ["rpeos"] })).to.equal('unknown command "rpeos"; did you mean repos?');
    expect(refusal({ argv: ["zzzzzz"] })).to.match(/known commands: serve, .*login, nodes, repos$/);
  });
});

describe("the help", () => {
  const textOf = (argv: readonly string[], file = "") => {
    const loaded = load({ argv, file });
    return loaded.command === "print" ? loaded.text : "";
  };

  it("lists flags, variables and commands of plugins, also with a faulty file", () => {
    for (const file of ["", "no toml"]) {
      expect(textOf(["--help"], file)).to.match(
        /\nFlags, variables and commands of plugins:\n {2}--repos-dir <path> +repos: The folder \[REPOS_DIR, ~\/repos\]\n(.*\n)+ {2}repos +repos: sync repositories\n$/,
      );
    }
  });

  it("describes a command of a plugin", () => {
    const text = textOf(["repos", "sync", "--help"]);
    expect(text).to.equal(textOf(["--help", "repos"]));
    expect(text).to.match(
      /^Usage: claudeway repos sync <url>\n {7}claudeway repos list\n\nsync repositories\n\n/,
    );
    expect(text).to.match(/The plugin repos must be enabled there\.\n$/);
  });
});
