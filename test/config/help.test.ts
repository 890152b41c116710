import { readFileSync } from "node:fs";
import { expect } from "chai";
import { VERSION } from "#config/index.js";
import { isObject, schemaOf } from "#schemas/index.js";
import { load, loadRun } from "./sources.js";

const EXAMPLE = readFileSync(new URL("../../config/claudeway.example.toml", import.meta.url), "utf8");

function textOf(argv: readonly string[]): string {
  const loaded = load({ argv, file: "no toml" });
  return loaded.command === "print" ? loaded.text : "";
}

function propertiesOf(name: "config" | "command-line"): [string, Readonly<Record<string, unknown>>][] {
  const { properties } = schemaOf(name);
  return Object.entries(isObject(properties) ? properties : {}).map(([key, schema]) => [
    key,
    isObject(schema) ? schema : {},
  ]);
}

describe("--help", () => {
  const help = textOf(["--help"]);

  it("fits a terminal of 80 by 24, with the prompt below it", () => {
    expect(help.split("\n").length).to.be.at.most(24);
    for (const line of help.split("\n")) expect(line.length, line).to.be.at.most(80);
  });

  it("names every flag, variable and default of the schemas", () => {
    for (const [key, schema] of [...propertiesOf("config"), ...propertiesOf("command-line")]) {
      const { "x-flag": flag, "x-env": env, default: standard } = schema;
      if (typeof flag !== "string") continue;
      expect(help, key).to.include(`  ${flag} `);
      if (typeof env === "string") expect(help, key).to.match(new RegExp(`\\[${env}[\\],]`));
      if (typeof standard === "string") expect(help, key).to.include(standard);
    }
  });

  it("names the contract's flags and variables", () => {
    const flags =
      "--keys --claude-bin --workdir --log-dir --data-dir --host -p, --port --log-level --config --enable-plugin " +
      "--disable-plugin -f, --force --no-permissions-bypass --version --help";
    const variables =
      "WRAPPER_KEYS CLAUDE_BIN CLAUDE_WORKDIR LOG_DIR DATA_DIR HOST PORT LOG_LEVEL NO_PERMISSIONS_BYPASS " +
      "CLAUDEWAY_CONFIG CLAUDEWAY_PLUGINS";
    for (const word of `${flags} ${variables}`.split(" ")) expect(help).to.include(word);
    expect(help).to.include(" copy-ledger,");
  });

  it("is printed before anything is read, for each spelling", () => {
    expect(help).to.match(/^Usage: claudeway /);
    expect(textOf(["-h"])).to.equal(help);
    expect(textOf(["help"])).to.equal(help);
  });

  it("describes the command before it, even if its arguments are missing", () => {
    for (const [argv, usage] of [
      [["backup", "--help"], "backup [flags] <file>"],
      [["restore", "-h"], "restore [flags] <file>"],
      [["create-plugin", "--help"], "create-plugin [flags] <name>"],
      [["--help", "init", "too", "many"], "init [flags]"],
      [["check", "--help"], "check [flags]"],
    ] as const) {
      const text = textOf(argv);
      expect(text, argv.join(" ")).to.match(/^Usage: claudeway \S.*\n\n[A-Z].*\.\n/);
      expect(text.split("\n")[0]).to.equal(`Usage: claudeway ${usage}`);
    }
  });
});

describe("--version", () => {
  it("is the version that every package of the workspace has", () => {
    expect(textOf(["--version"])).to.equal(`claudeway ${VERSION}\n`);
    for (const room of [".", "schemas", "config", "core", "core/cli"]) {
      const manifest: unknown = JSON.parse(
        readFileSync(new URL(`../../${room}/package.json`, import.meta.url), "utf8"),
      );
      expect(manifest, room).to.include({ version: VERSION });
    }
  });
});

describe("claudeway.example.toml", () => {
  const uncommented = EXAMPLE.replaceAll(/^#(?=[a-z[])/gm, "");
  const env = {
    CLAUDEWAY_ADMIN_SECRET: "sk-1",
    LEDGER_URL: "postgres://db.example.org/claudeway",
    CLAUDEWAY_NODE_SECRET: "shared-by-all-nodes",
  };

  it("changes nothing when unmodified", () => {
    expect(loadRun({ file: EXAMPLE }).config).to.include({ port: 3000, host: "0.0.0.0" });
  });

  it("loads with every line uncommented, and each is the default", () => {
    const { config, keys, pluginSections } = loadRun({ file: uncommented, env });
    const { claude_bin, ...rest } = config;
    const { log_dir: _logs, data_dir: _data, ...standard } = loadRun().config;
    expect(claude_bin).to.equal("claude");
    expect(rest).to.deep.include(standard);
    expect(EXAMPLE).to.include('#log_dir = "./logs"').and.to.include('#data_dir = "./data"');
    expect(keys).to.deep.equal([{ id: "admin", secret: "sk-1" }]);
    expect(pluginSections).to.deep.equal({ demo: {} });
  });

  it("names every property of the schema", () => {
    for (const [key, { type, properties }] of propertiesOf("config")) {
      const line = type === "object" ? `#\\[${key}[.\\]]` : `#${key} = `;
      expect(EXAMPLE, key).to.match(new RegExp(`^${line}`, "m"));
      for (const inner of Object.keys(isObject(properties) ? properties : {})) {
        expect(EXAMPLE, `${key}.${inner}`).to.match(new RegExp(`^#${inner} = `, "m"));
      }
    }
  });
});
