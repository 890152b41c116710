import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { KEYS, TestGateway } from "../e2e/gateway.js";
import { type Packed, packAll, run } from "./packed.js";

/** How what is packed comes into a folder. */
export interface Installer {
  /** The packages into the gateway's own, empty folder. */
  gateway(folder: string, packed: readonly Packed[]): Promise<void>;
  /** What a plugin's package.json asks for, into the folder of its author. */
  author(home: string, packed: readonly Packed[]): Promise<void>;
  /** A plugin's tarball beside the gateway. */
  plugin(folder: string, tarball: string): Promise<void>;
  /** Variables for the author's commands. */
  readonly env: NodeJS.ProcessEnv;
}

const PLUGIN = "greeter";
const PACKAGE = `claudeway-plugin-${PLUGIN}`;

/** From tarballs in an empty folder to a stranger's plugin that came, worked and went. Every step is a test. */
export function describeWholeWay({ gateway: installGateway, author, plugin, env }: Installer): void {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-way-"));
  const home = join(folder, PLUGIN);
  const command = join(folder, "node_modules/claudeway/bin/claudeway.js");
  const tarballs = mkdtempSync(join(tmpdir(), "claudeway-tarballs-"));
  let packed: readonly Packed[];
  let gateway: TestGateway | undefined;

  after(async () => {
    await gateway?.dispose();
    for (const path of [folder, tarballs]) rmSync(path, { recursive: true, force: true });
  });

  /** Runs a command in the author's folder. */
  async function inHome(...[program = "", ...words]: string[]): Promise<string> {
    return (await run(program, words, { cwd: home, env: { ...process.env, ...env } })).stdout;
  }

  it("installs the gateway", async () => {
    packed = await packAll(tarballs);
    await installGateway(folder, packed);
    const { stdout } = await run(process.execPath, [command, "--version"], { cwd: folder });
    expect(stdout).to.equal(`claudeway ${packed[0]?.manifest.version}\n`);
  });

  it("begins a plugin", async () => {
    await run(process.execPath, [command, "create-plugin", PLUGIN], { cwd: folder });
    await author(home, packed);
  });

  it("lints it, builds it, and runs its tests", async () => {
    rmSync(join(home, "dist"), { recursive: true });
    await inHome("npm", "run", "lint");
    expect(await inHome("npm", "test")).to.match(/^. pass 5\n. fail 0$/mu);
  });

  it("packs it, and installs it beside the gateway", async () => {
    await inHome("npm", "pack", "--silent");
    await plugin(folder, join(home, `${PACKAGE}-0.1.0.tgz`));
    // What runs from here on is the package, not the folder that it was made in.
    rmSync(home, { recursive: true });
  });

  it("switches it on, and it works", async () => {
    const section = `[plugins.${PLUGIN}]\ngreeting = "Ahoy!"\n`;
    gateway = await TestGateway.start({
      command,
      args: ["--enable-plugin", `dashboard,swagger,${PACKAGE}`],
      config: section,
    });
    expect(await systemPromptOf(gateway, "one")).to.include("Begin every answer with: Ahoy!");
    const { body } = await gateway.request(`/${PLUGIN}`);
    expect(body).to.deep.equal({ turns: 1 });
    expect(await pathsOf(gateway)).to.include(`/${PLUGIN}`);
  });

  it("switches it off, and nothing is left", async () => {
    if (gateway === undefined) throw new Error("there is no gateway");
    const { status } = await gateway.request(`/admin/plugins/${PLUGIN}/disable`, { method: "POST" });
    expect(status).to.equal(200);
    // Not by the gateway's own fetch: the document that it holds answers against is of the time before.
    const headers = { authorization: `Bearer ${KEYS.admin}` };
    expect((await fetch(`${gateway.url}/${PLUGIN}`, { headers })).status).to.equal(404);
    expect(await pathsOf(gateway)).not.to.include(`/${PLUGIN}`);
    expect(await systemPromptOf(gateway, "two")).not.to.include("Begin every answer");
    expect(await gateway.stop()).to.deep.equal({ code: 0, signal: null });
    expect(gateway.stderr).not.to.match(/handles remain|could not|cannot|failed/);
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).to.deep.equal([]);
  });
}

/** What Claude was told before a prompt. */
async function systemPromptOf(gateway: TestGateway, prompt: string): Promise<string> {
  const { body } = await gateway.request("/task", { body: { prompt } });
  expect(body).to.include({ success: true });
  const turn = gateway.model
    .requests()
    .find((request) => request.kind === "turn" && request.prompt === prompt);
  return turn?.system ?? "no such turn";
}

async function pathsOf(gateway: TestGateway): Promise<string[]> {
  const { body } = await gateway.request<{ paths: object }>("/openapi.json");
  return Object.keys(body.paths);
}
