import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { debianProgram } from "../../debian.js";
import { eventually } from "../../e2e/poll.js";
import { freePort } from "../../free-port.js";
import { GitHost } from "./git-host.js";
import { ReposGateway } from "./kit.js";

const PASSWORD = "s3cret-t0ken-of-the-host";

describe("a login at a git host", () => {
  it("reaches the host in no argument, variable, file or log line", async () => {
    const repos = await ReposGateway.start((host) => ({
      credentials: [
        { host: "elsewhere.example.com", password: "another" },
        { host: host.host, keys: ["user"], username: "bot@example.com", password: PASSWORD },
      ],
    }));
    try {
      const { host, gateway } = repos;
      host.create("acme/private", { "a.txt": "1" });
      host.login = `bot@example.com:${PASSWORD}`;
      let release = () => {};
      host.delay = new Promise<void>((resolve) => {
        release = resolve;
      });
      const sync = repos.sync({ url: host.url("acme/private") });
      await eventually("a fetch", () => host.requests.some((one) => one.includes("POST")));
      const seen = processes().filter((text) => text.includes("git"));
      expect(seen.some((text) => text.includes("remote-http"))).to.equal(true);
      expect(seen.filter((text) => text.includes(PASSWORD))).to.deep.equal([]);
      release();
      const { path } = (await sync).body;
      expect((await sync).status).to.equal(200);
      expect(host.requests.at(-1)).to.contain(host.login);
      for (const folder of [gateway.dir, String(path)]) expect(filesWith(folder, PASSWORD)).to.deep.equal([]);
      expect(gateway.logs.filter((line) => JSON.stringify(line).includes(PASSWORD))).to.deep.equal([]);
      const other = await repos.sync({ url: host.url("acme/private") }, "other");
      expect(other.status, "a key that may not use it").to.equal(400);
      expect(JSON.stringify(gateway.plugins())).not.to.contain(PASSWORD);
    } finally {
      await repos.close();
    }
  });

  it("is not sent to where the host redirects", async () => {
    const other = await GitHost.start();
    const repos = await ReposGateway.start((host) => ({
      credentials: [{ host: host.host, password: PASSWORD }],
    }));
    try {
      other.create("acme/tool", { a: "" });
      repos.host.redirect = `http://${other.host}`;
      const answer = await repos.sync({ url: repos.host.url("acme/tool") });
      expect(answer.status).to.equal(400);
      expect(other.requests).to.deep.equal([]);
    } finally {
      await repos.close();
      await other.close();
    }
  });

  it("works over ssh, with the host's key known, and not with another", async () => {
    const sshd = await debianProgram({ names: ["/usr/sbin/sshd", "sshd"], package: "openssh-server" });
    const host = await GitHost.start();
    const ssh = await SshServer.start(sshd, host.root);
    const repos = await ReposGateway.start({
      hosts: [ssh.host],
      schemes: ["ssh"],
      credentials: [
        { host: ssh.host, keys: ["user"], ssh_key: ssh.file("client"), known_hosts: ssh.file("known_hosts") },
        {
          host: ssh.host,
          keys: ["other"],
          ssh_key: ssh.file("client"),
          known_hosts: ssh.file("other_hosts"),
        },
      ],
    });
    try {
      const commit = host.create("acme/tool", { "a.txt": "1" });
      const url = `ssh://${userInfo().username}@${ssh.host}${host.root}/acme/tool.git`;
      const answer = await repos.sync({ url });
      expect(answer.body).to.include({ status: "cloned", branch: "main", commit });
      const next = host.push("acme/tool", { "a.txt": "2" });
      expect((await repos.sync({ url })).body).to.include({ status: "updated", commit: next });
      expect((await repos.sync({ url }, "other")).status, "another host key").to.equal(400);
      const none = await repos.sync({ url }, "admin");
      expect(none.body["error"]).to.contain("no ssh_key with known_hosts");
    } finally {
      await repos.close();
      await ssh.close();
      await host.close();
    }
  });
});

/** Arguments and environment of every process on this machine that may be read. */
function processes(): string[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/environ`, "utf8");
      } catch {
        return "";
      }
    });
}

function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).includes(text))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** An sshd on loopback with keys of its own. */
class SshServer {
  private constructor(
    private readonly folder: string,
    readonly port: number,
    private readonly child: ChildProcess,
  ) {}

  static async start(sshd: string, beside: string): Promise<SshServer> {
    const folder = `${beside}-ssh`;
    mkdirSync(folder, { mode: 0o700 });
    mkdirSync("/run/sshd", { recursive: true });
    const file = (name: string) => join(folder, name);
    for (const name of ["host", "client", "stranger"])
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(name)]);
    const port = await freePort();
    const hostKey = (name: string) =>
      readFileSync(file(`${name}.pub`), "utf8")
        .split(" ")
        .slice(0, 2)
        .join(" ");
    writeFileSync(file("known_hosts"), `[127.0.0.1]:${port} ${hostKey("host")}\n`);
    writeFileSync(file("other_hosts"), `[127.0.0.1]:${port} ${hostKey("stranger")}\n`);
    writeFileSync(file("authorized_keys"), readFileSync(file("client.pub")));
    chmodSync(file("authorized_keys"), 0o600);
    writeFileSync(
      file("config"),
      [
        `Port ${port}`,
        "ListenAddress 127.0.0.1",
        `HostKey ${file("host")}`,
        `AuthorizedKeysFile ${file("authorized_keys")}`,
        `PidFile ${file("pid")}`,
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin prohibit-password",
        "",
      ].join("\n"),
    );
    const child = spawn(sshd, ["-D", "-e", "-f", file("config")], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr?.on("data", (chunk) => {
      said += chunk;
    });
    await eventually("sshd", () => said.includes("Server listening"));
    return new SshServer(folder, port, child);
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("close", resolve));
    this.child.kill();
    await ended;
    rmSync(this.folder, { recursive: true });
  }
}
