import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { expect } from "chai";
import type { SandboxConfig } from "#plugins/sandbox/config.js";
import { SandboxNetwork } from "#plugins/sandbox/network.js";
import { temporaryFolder } from "../../temporary.js";

const CONFIG: SandboxConfig = {
  required: true,
  read_only: [],
  read_write: [],
  pass_env: [],
  tmp_mb: 64,
  network: "proxy",
  domains: [],
  memory_mb: 0,
  processes: 64,
  file_mb: 0,
  disk_mb: 0,
  cpu_secs: 0,
  cpus: 0,
  keys: {},
};

/** What a sandbox of each key reaches the network by. */
describe("the proxies of sandboxes", () => {
  const folder = process.env["TMPDIR"];
  const opened: SandboxNetwork[] = [];
  let network: SandboxNetwork;
  beforeEach(() => {
    // The path of a socket must be short.
    process.env["TMPDIR"] = temporaryFolder("n");
    network = start({ domains: ["old.invalid"] });
    network.enforce();
  });
  afterEach(() => {
    for (const one of opened.splice(0)) one.close();
    process.env["TMPDIR"] = folder;
  });

  /** An instance of the gateway's plugin with these settings; of another gateway with its folder. */
  function start(config: Partial<SandboxConfig>, own = "/gateway"): SandboxNetwork {
    const log = { info: () => undefined };
    const started = new SandboxNetwork(own, { config: { ...CONFIG, ...config }, log });
    opened.push(started);
    return started;
  }

  async function socketOf(keyId: string, by = network): Promise<string> {
    const { args } = await by.wallsOf({}, keyId);
    const path = args[args.length - 2];
    if (path === undefined) throw new Error("no socket is bound");
    return path;
  }

  const answers = (path: string) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(path, () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });

  /** Which of these hosts the proxy tries to reach: their names don't exist. */
  async function hostsOf(path: string): Promise<string[]> {
    const names = ["old", "new", "third"];
    const statuses = names.map(async (name) => {
      const socket = connect(path, () =>
        socket.write(`CONNECT ${name}.invalid:443 HTTP/1.1\r\nHost: x\r\n\r\n`),
      );
      const [answer] = await once(socket, "data");
      socket.destroy();
      return String(answer).split(" ")[1];
    });
    const found = await Promise.all(statuses);
    return names.filter((_name, index) => found[index] === "502");
  }

  it("are kept from turn to turn, one for each key", async () => {
    const [first, second, again] = await Promise.all(["a", "b", "a"].map((key) => socketOf(key)));
    expect(again).to.equal(first).and.to.not.equal(second);
    expect(await socketOf("a")).to.equal(first);
  });

  it("are opened once they can be, after one that could not", async () => {
    const place = process.env["TMPDIR"] ?? "";
    process.env["TMPDIR"] = `${place}/missing`;
    expect(await socketOf("a").then(() => "", String)).to.include("ENOENT");
    process.env["TMPDIR"] = place;
    expect(await answers(await socketOf("a"))).to.equal(true);
  });

  it("are opened anew where something has tidied up temporary files", async () => {
    const paths = await Promise.all(["a", "b"].map((key) => socketOf(key)));
    rmSync(dirname(paths[0] ?? ""), { recursive: true });
    const [again, same] = await Promise.all([socketOf("a"), socketOf("a")]);
    expect([existsSync(again), same]).to.deep.equal([true, again]);
    expect(await answers(await socketOf("c"))).to.equal(true);
  });

  it("are all closed with the plugin, also one that is being opened", async () => {
    const path = await socketOf("a");
    const late = socketOf("b");
    network.close();
    const other = await late.catch(() => path);
    expect([await answers(path), await answers(other)]).to.deep.equal([false, false]);
  });

  it("stay as they are while another instance starts, and when its start fails", async () => {
    const path = await socketOf("a");
    const failing = start({ domains: ["new.invalid"] });
    expect(await hostsOf(path)).to.deep.equal(["old"]);
    failing.close();
    const late = start({ domains: ["new.invalid"] });
    late.enforce();
    late.close();
    late.enforce();
    expect([await hostsOf(path), await socketOf("a")]).to.deep.equal([["old"], path]);
  });

  it("stay when the section is reloaded, with the new hosts at once, until the last instance is closed", async () => {
    const path = await socketOf("a");
    const next = start({ domains: ["new.invalid"], keys: { b: { ...CONFIG, domains: ["third.invalid"] } } });
    next.enforce();
    const [other, same] = [await socketOf("b"), await socketOf("a", next)];
    expect([same, await hostsOf(path), await hostsOf(other)]).to.deep.equal([
      path,
      ["new"],
      ["new", "third"],
    ]);
    network.close();
    network.close();
    expect([await hostsOf(path), await socketOf("b", next)]).to.deep.equal([["new"], other]);
    next.close();
    expect([await answers(path), await answers(other), existsSync(dirname(path))]).to.deep.equal([
      false,
      false,
      false,
    ]);
  });

  it("keep their hosts under a section with another network, until there is one with proxies", async () => {
    const path = await socketOf("a");
    const swap = (config: Partial<SandboxConfig>) => {
      const before = opened.at(-1);
      start(config).enforce();
      before?.close();
    };
    swap({ domains: ["new.invalid"] });
    swap({ network: "host" });
    expect(await hostsOf(path)).to.deep.equal(["new"]);
    swap({ network: "host" });
    swap({ domains: ["third.invalid"] });
    expect(await hostsOf(path)).to.deep.equal(["third"]);
  });

  it("are those of one gateway", async () => {
    const other = start({ domains: ["new.invalid"] }, "/other");
    other.enforce();
    const [own, theirs] = [await socketOf("a"), await socketOf("a", other)];
    expect([await hostsOf(own), await hostsOf(theirs)]).to.deep.equal([["old"], ["new"]]);
    other.close();
    expect([await answers(own), await answers(theirs)]).to.deep.equal([true, false]);
  });
});
