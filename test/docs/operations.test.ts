import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { load as parseYaml } from "js-yaml";
import { isObject, schemaOf } from "#schemas/index.js";
import { debianProgram } from "../debian.js";
import { cliEnvironment, runToEnd, TestGateway } from "../e2e/gateway.js";
import { temporaryFolder } from "../temporary.js";
import { blocksOf } from "./blocks.js";
import { hadolintProgram } from "./hadolint.js";

const ROOT = new URL("../../", import.meta.url);
const PAGE = new URL("docs/operations.md", ROOT);
const FILES = [
  "claudeway.service",
  "claudeway.sh",
  "run-as.conf",
  "sandbox.conf",
  "Dockerfile",
  "compose.yaml",
  "nginx.conf",
  "Caddyfile",
];
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");
const deploy = (name: string) => read(`deploy/${name}`);
const run = promisify(execFile);

/** Flags of the programs that the page uses besides the gateway. */
const OTHERS_FLAGS =
  /^--(system|home-dir|shell|now|build|detach|rm|entrypoint|prefix|quiet|pty|pipe|wait|collect|uid|working-directory|property|value|setenv|no-audit|no-fund|omit|ignore-scripts|no-install-recommends|interval|timeout|start-period)$/;

const settingsOf = (name: "config" | "command-line") => {
  const { properties } = schemaOf(name);
  return Object.entries(isObject(properties) ? properties : {}).flatMap(([key, value]) =>
    isObject(value) ? [{ key, value }] : [],
  );
};

/** What a unit sets, the last time. */
function setting(unit: string, name: string): string {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].at(-1)?.[1] ?? "";
}

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

  it("has a unit that systemd takes, with and without the drop-in for run_as", async () => {
    const systemd = await debianProgram({ names: ["systemd-analyze"], package: "systemd" });
    const dir = temporaryFolder("claudeway-unit-");
    const here = deploy("claudeway.service")
      .replaceAll("/usr/bin/node", process.execPath)
      .replace("file:///opt/claudeway", ROOT.href.replace(/\/$/, ""))
      .replaceAll("/opt/claudeway/", ROOT.pathname);
    const file = join(dir, "claudeway.service");
    writeFileSync(file, here);
    expect((await run(systemd, ["verify", file])).stderr).to.equal("");
    const { stdout } = await run(systemd, ["security", "--offline=true", "--no-pager", file]);
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    expect(exposure, stdout).to.be.at.most(3.0);
    mkdirSync(join(dir, "claudeway.service.d"));
    writeFileSync(join(dir, "claudeway.service.d", "run-as.conf"), deploy("run-as.conf"));
    expect((await run(systemd, ["verify", file])).stderr).to.equal("");
    rmSync(join(dir, "claudeway.service.d", "run-as.conf"));
    writeFileSync(join(dir, "claudeway.service.d", "sandbox.conf"), deploy("sandbox.conf"));
    expect((await run(systemd, ["verify", file])).stderr).to.equal("");
    const { stdout: sandboxed } = await run(systemd, ["security", "--offline=true", "--no-pager", file]);
    const more = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(sandboxed)?.[1]);
    expect(more, sandboxed).to.be.within(exposure, exposure + 1);
  });

  it("has a drop-in for sandbox that unsets whatever hides parts of /proc, and nothing else", () => {
    const unit = deploy("claudeway.service");
    const dropIn = deploy("sandbox.conf");
    for (const name of ["ProtectKernelTunables", "ProtectKernelLogs", "ProtectHostname"]) {
      expect(setting(unit, name), name).to.equal("true");
      expect(setting(dropIn, name), name).to.equal("no");
    }
    expect(setting(dropIn, "ProtectProc")).to.equal("default");
    expect(setting(dropIn, "Delegate").split(" ")).to.have.members(["cpu", "memory", "pids"]);
    expect(unit).to.not.match(/^(ProcSubset|RestrictNamespaces|ProtectControlGroups)=/m);
    expect(dropIn.match(/^[A-Za-z]+=/gm)).to.have.lengthOf(7);
  });

  it("has a file for the image that hadolint finds nothing in", async function () {
    // Its package on PyPI brings the program for this platform alone.
    if (process.platform !== "linux" || process.arch !== "x64") this.skip();
    const hadolint = await hadolintProgram();
    await run(hadolint, [fileURLToPath(new URL("deploy/Dockerfile", ROOT))]);
  });

  it("lets no secret into the image or into git", () => {
    for (const file of [".dockerignore", ".gitignore"]) {
      expect(read(file), file)
        .to.match(/^(\*\*\/)?claudeway\.toml$/m)
        .and.match(/^(\*\*\/)?\.env$/m);
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
      .and.match(/^USER 1000:1000$/m)
      .and.match(/PORT=3000$/m);
    expect(image.indexOf("USER 1000")).to.be.lessThan(image.indexOf("ENTRYPOINT"));
  });

  it("has a script that runs commands as the unit runs the gateway", async () => {
    const dir = temporaryFolder("claudeway-script-");
    const unit = deploy("claudeway.service");
    const programs = {
      systemctl: `case "$*" in
cat*) cat <<'UNIT'\n${unit}\nUNIT\n;;
*=EnvironmentFiles*) echo "/etc/claudeway/environment (ignore_errors=no)" ;;
*=User*) echo ${setting(unit, "User")} ;;
*=WorkingDirectory*) echo ${setting(unit, "WorkingDirectory")} ;;
esac`,
      "systemd-run": 'printf "%s\\n" "$@"',
    };
    for (const [name, script] of Object.entries(programs)) {
      writeFileSync(join(dir, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    const env = { ...process.env, PATH: `${dir}:${process.env["PATH"]}` };
    const script = fileURLToPath(new URL("deploy/claudeway.sh", ROOT));
    const { stdout } = await run("sh", [script, "backup", "a b"], { env });
    const args = stdout.trim().split("\n");
    for (const { 1: line } of unit.matchAll(/^Environment=(.*)$/gm))
      expect(args).to.include(`--setenv=${line}`);
    expect(args).to.include(`--uid=${setting(unit, "User")}`);
    expect(args).to.include(`--working-directory=${setting(unit, "WorkingDirectory")}`);
    expect(args).to.include(`--property=EnvironmentFile=${setting(unit, "EnvironmentFile")}`);
    const [program = "", main = ""] = setting(unit, "ExecStart").split(" ");
    expect(args.slice(-4)).to.deep.equal([program, main, "backup", "a b"]);
  });

  it("leaves every setting of the unit to the environment file", () => {
    const unit = deploy("claudeway.service");
    expect(setting(unit, "ExecStart")).to.match(/claudeway\.js --force$/);
    const variables = settingsOf("config").map(({ value }) => value["x-env"]);
    for (const { 1: name } of unit.matchAll(/^Environment=([A-Z_]+)=/gm)) {
      expect([...variables, "HOME", "CLAUDE_CONFIG_DIR"], name).to.include(name);
    }
    // Where the unit's folders lead, the defaults lead too.
    const { value } = settingsOf("config").find(({ key }) => key === "data_dir") ?? {};
    const folder = join(setting(unit, "WorkingDirectory"), String(value?.["default"]));
    expect(unit).to.contain(`\nEnvironment=DATA_DIR=${folder}\n`);
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
        .filter((line) => line.startsWith("claudeway ") && line !== "claudeway login");
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

    it("loses nothing that was answered when an upgrade is rolled back", async () => {
      const steps =
        blocksOf(PAGE)
          .find(({ text }) => text.includes("before-upgrade"))
          ?.text.split("\n") ?? [];
      const folder = join(gateway.dir, "upgrade");
      mkdirSync(join(folder, "backups/claudeway"), { recursive: true });
      const command = (line: string) =>
        runToEnd(line.replace("/var/", `${folder}/`).split(" ").slice(1), gateway.dir, {});
      const answered: (string | null)[] = [];
      let backup = "";
      let runs = true;
      for (const line of steps.slice(0, 2)) {
        if (runs)
          answered.push((await gateway.fetch("/task", { body: { prompt: "Hi." } })).headers.get("x-turn-id"));
        if (line.startsWith("systemctl stop")) {
          await gateway.stop();
          runs = false;
        } else {
          backup = line;
          expect((await command(line)).code, line).to.equal(0);
        }
      }
      renameSync(gateway.dataDir, `${gateway.dataDir}.before`);
      expect((await command(backup.replace("backup", "restore"))).code).to.equal(0);
      await gateway.launch();
      for (const id of answered) expect((await gateway.fetch(`/turns/${id}`)).status, `${id}`).to.equal(200);
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
