import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { load as parseYaml } from "js-yaml";
import { isObject, schemaOf } from "#schemas/index.js";
import { cliEnvironment, runToEnd, TestGateway } from "../e2e/gateway.js";
import { blocksOf } from "./blocks.js";

const ROOT = new URL("../../", import.meta.url);
const PAGE = new URL("docs/operations.md", ROOT);
const FILES = ["claudeway.service", "Dockerfile", "compose.yaml", "nginx.conf", "Caddyfile"];
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");
const deploy = (name: string) => read(`deploy/${name}`);
const run = promisify(execFile);

/** Flags of the programs that the page uses besides the gateway. */
const OTHERS_FLAGS =
  /^--(system|home-dir|shell|now|build|detach|rm|entrypoint|prefix|quiet|pipe|wait|collect|uid|working-directory|property|setenv|no-audit|no-fund|omit|ignore-scripts|no-install-recommends|interval|timeout|start-period)$/;

const settingsOf = (name: "config" | "command-line") => {
  const { properties } = schemaOf(name);
  return Object.entries(isObject(properties) ? properties : {}).flatMap(([key, value]) =>
    isObject(value) ? [{ key, value }] : [],
  );
};

describe("docs/operations.md and deploy/", () => {
  const page = read("docs/operations.md");
  const everything = [page, ...FILES.map(deploy)].join("\n");

  it("names flags, variables and settings that there are", () => {
    const settings = [...settingsOf("config"), ...settingsOf("command-line")];
    const flags = settings.map(({ value }) => String(value["x-flag"] ?? ""));
    for (const [flag] of everything.matchAll(/(?<=[\s`"[])--[a-z][a-z-]+/g)) {
      if (!OTHERS_FLAGS.test(flag))
        expect(flags.join(" "), flag).to.match(new RegExp(`(^|[ ,])${flag}( |$)`));
    }
    for (const { 1: section = "", 2: key = "" } of everything.matchAll(/\[(engine|limits)\] ([a-z_]+)/g)) {
      const found = settings.find((one) => one.key === section)?.value["properties"];
      expect(isObject(found) && key in found, `[${section}] ${key}`).to.equal(true);
    }
    const variables = settings.map(({ value }) => value["x-env"]);
    const CLI = ["ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR", "HOME", "NODE_ENV"];
    const named = deploy("Dockerfile").slice(deploy("Dockerfile").indexOf("\nENV"));
    for (const { 1: name = "" } of named.matchAll(/^(?:ENV | +)([A-Z_]+)=/gm)) {
      expect([...variables, ...CLI], name).to.include(name);
    }
  });

  it("leads to files that there are", () => {
    for (const { 1: target = "" } of page.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
      expect(existsSync(new URL(target, PAGE)), target).to.equal(true);
    }
  });

  it("has a unit that systemd takes, or where there is none, one whose lines are settings", async () => {
    const unit = deploy("claudeway.service");
    for (const line of unit.split("\n"))
      expect(line).to.match(/^$|^#|^\[(Unit|Service|Install)\]$|^[A-Z][A-Za-z]+=\S/);
    const gateway = await TestGateway.start();
    try {
      const file = join(gateway.dir, "claudeway.service");
      const here = unit
        .replaceAll("/usr/bin/node", process.execPath)
        .replace("file:///opt/claudeway", ROOT.href.replace(/\/$/, ""));
      writeFileSync(file, here.replaceAll("/opt/claudeway/", ROOT.pathname));
      const { stderr } = await run("systemd-analyze", ["verify", file]).catch((error: unknown) => {
        if (isObject(error) && error["code"] === "ENOENT") return { stderr: "" };
        throw error;
      });
      expect(stderr).to.equal("");
    } finally {
      await gateway.dispose();
    }
  });

  it("has a compose file whose volumes and ports are those of the image", () => {
    const compose = parseYaml(deploy("compose.yaml"));
    const image = deploy("Dockerfile");
    const { services, volumes } = isObject(compose) ? compose : {};
    const { claudeway } = isObject(services) ? services : {};
    if (!isObject(claudeway) || !isObject(volumes)) throw new Error("no service, or no volumes");
    const mounts = [claudeway["volumes"]].flat().map((mount) => String(mount).split(":"));
    expect(mounts.map(([name]) => name)).to.have.members(Object.keys(volumes));
    const declared = JSON.parse(/^VOLUME (.*)$/m.exec(image)?.[1] ?? "[]");
    expect(mounts.map(([, path]) => path)).to.have.members(declared);
    for (const path of declared) expect(image, path).to.match(new RegExp(`ENV[^]*=${path}\\b`));
    expect([claudeway["ports"]].flat()).to.deep.equal(["127.0.0.1:3000:3000"]);
    expect(image)
      .to.match(/^EXPOSE 3000$/m)
      .and.match(/^USER node$/m)
      .and.match(/PORT=3000$/m);
    expect(image.indexOf("USER node")).to.be.lessThan(image.indexOf("ENTRYPOINT"));
  });

  it("runs its commands as the unit runs the gateway", () => {
    const unit = deploy("claudeway.service");
    const [by = ""] = blocksOf(PAGE).flatMap(({ text }) => (text.startsWith("claudeway() {") ? [text] : []));
    const told = (name: string, at: string) => new RegExp(`${name}=(\\S+)`).exec(at)?.[1];
    const folder = told("WorkingDirectory", unit);
    expect(told("--uid", by)).to.equal(told("User", unit));
    expect(told("--working-directory", by)).to.equal(folder);
    expect(told("EnvironmentFile", by)).to.equal(told("EnvironmentFile", unit));
    expect(told("CLAUDE_CONFIG_DIR", by)).to.equal(told("CLAUDE_CONFIG_DIR", unit));
    expect(unit).to.contain(/\S+\/node \S+\.js/.exec(by)?.[0]);
    // Where the flags of the unit lead, the defaults lead too.
    const { value } = settingsOf("config").find(({ key }) => key === "data_dir") ?? {};
    expect(unit).to.contain(`--data-dir ${join(folder ?? "", String(value?.["default"]))} `);
  });

  it("gives what runs longer than the gateway's grace", () => {
    const engine = settingsOf("config").find(({ key }) => key === "engine")?.value["properties"];
    const grace =
      isObject(engine) && isObject(engine["grace_secs"])
        ? Number(engine["grace_secs"]["default"])
        : Number.NaN;
    for (const secs of [
      /TimeoutStopSec=(\d+)/.exec(everything)?.[1],
      /stop_grace_period: (\d+)s/.exec(everything)?.[1],
    ]) {
      expect(Number(secs)).to.be.greaterThan(grace + 20);
    }
  });

  describe("on a gateway", () => {
    let gateway: TestGateway;
    before(async () => {
      gateway = await TestGateway.start();
      mkdirSync(join(gateway.dir, "var/backups/claudeway"), { recursive: true });
    });
    after(() => gateway.dispose());

    it("has commands that run", async () => {
      const lines = blocksOf(PAGE)
        .filter(({ language }) => language === "sh")
        .flatMap(({ text }) => text.split("\n"))
        .filter((line) => line.startsWith("claudeway "));
      expect(lines).to.have.length(5);
      for (const line of new Set(lines)) {
        const [, ...args] = line.replaceAll("/var/", `${gateway.dir}/var/`).split(" ");
        const folder = args[0] === "restore" ? ["--data-dir", "new"] : [];
        const { code, stderr, stdout } = await runToEnd([...args, ...folder], gateway.dir, {
          CLAUDE_WORKDIR: gateway.workdir,
          ...cliEnvironment(gateway.model, gateway.dir),
          PORT: "0",
        });
        expect(code, `${line}: ${stderr}${stdout}`).to.equal(0);
      }
    });

    it("has a health check that tells a gateway from none", async () => {
      const [program = "", ...args] = JSON.parse(
        /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(deploy("Dockerfile"))?.[1] ?? "[]",
      );
      const env = { ...process.env, PORT: new URL(gateway.url).port };
      await run(program, args, { env });
      const failed = await run(program, args, { env: { ...env, PORT: "9" } }).then(
        () => 0,
        (error: unknown) => (isObject(error) ? error["code"] : undefined),
      );
      expect(failed).to.equal(1);
    });
  });
});
