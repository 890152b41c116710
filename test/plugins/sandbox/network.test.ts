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
  let network: SandboxNetwork;
  beforeEach(() => {
    // The path of a socket must be short.
    process.env["TMPDIR"] = temporaryFolder("n");
    network = new SandboxNetwork(CONFIG, { info: () => undefined });
  });
  afterEach(() => {
    network.close();
    process.env["TMPDIR"] = folder;
  });

  async function socketOf(keyId: string): Promise<string> {
    const { args } = await network.wallsOf({}, keyId);
    const path = args[args.length - 2];
    if (path === undefined) throw new Error("no socket is bound");
    return path;
  }

  const answers = (path: string) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(path, () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });

  it("are kept from turn to turn, one for each key", async () => {
    const [first, second, again] = await Promise.all(["a", "b", "a"].map(socketOf));
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
    const paths = await Promise.all(["a", "b"].map(socketOf));
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
});
