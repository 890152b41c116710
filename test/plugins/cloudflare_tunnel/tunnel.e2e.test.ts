import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { KEYS, TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { readProcess } from "../../e2e/processes.js";
import { SAYS, StandIn } from "./stand-in.js";

const URL = "https://ten-towns-join-fast.trycloudflare.com";
const TOKEN = "eyJhIjoiNGYwZDFjMWU4ZjUyNGYwYzhhNTMwYzdjMmYzYTlkMTAifQ==";
const SECRET = `sk-${"0123456789abcdef".repeat(2)}`;
const STRONG = { WRAPPER_KEYS: `admin:${SECRET}` };

describe("a tunnel of the real gateway", () => {
  let standIn: StandIn;
  let gateway: TestGateway | undefined;

  afterEach(async () => {
    await gateway?.dispose();
    gateway = undefined;
    standIn.remove();
  });

  async function start(
    lines: readonly string[],
    section: string,
    env: Record<string, string | undefined> = {},
  ) {
    standIn = new StandIn({ lines });
    const config = `[plugins.cloudflare_tunnel]\nenabled = true\ncloudflared_bin = ${JSON.stringify(standIn.path)}\n${section}\n[plugins.dashboard]\nenabled = true\n`;
    gateway = await TestGateway.start({ config, env: { ...STRONG, ...env } });
    return gateway;
  }

  const shown = (one: TestGateway, url: string) =>
    eventually(`${url} on the terminal`, () => one.stdout.includes(`Public address: ${url}\n`));
  const tunnelProcess = () => standIn.starts.at(-1)?.pid ?? 0;
  const gone = (pid: number) => eventually("cloudflared gone", () => readProcess(pid, "cmdline") === "");

  it("appears on the terminal, in the log and in the dashboard, and ends with the gateway", async () => {
    const one = await start(SAYS.quick(URL), "");
    await shown(one, URL);
    await one.logs(`public address: ${URL}`);
    const overview = await one.request("/admin/overview", { key: SECRET });
    expect(overview.body).to.include({ public_url: URL });
    expect(standIn.starts[0]?.args.join(" ")).to.contain(
      `--url http://127.0.0.1:${one.url.split(":").at(-1)}`,
    );
    const pid = tunnelProcess();
    await one.stop();
    expect(readProcess(pid, "cmdline")).to.equal("");
  });

  it("ends with a gateway that is killed", async () => {
    const one = await start(SAYS.quick(URL), "");
    await shown(one, URL);
    const pid = tunnelProcess();
    await one.stop("SIGKILL");
    await gone(pid);
  });

  it("is ended by the next start if nothing else could end it", async () => {
    // Without setpriv on the PATH.
    const bare = mkdtempSync(join(tmpdir(), "claudeway-path-"));
    symlinkSync(process.execPath, join(bare, "node"));
    const one = await start(SAYS.quick(URL), "", { PATH: bare });
    await shown(one, URL);
    const pid = tunnelProcess();
    await one.stop("SIGKILL");
    expect(readProcess(pid, "cmdline")).not.to.equal("");
    await one.launch();
    expect(readProcess(pid, "cmdline")).to.equal("");
    rmSync(bare, { recursive: true });
  });

  it("keeps the token out of every argument list, log and response", async () => {
    const rules = [{ hostname: "claude.example.com", service: "http://localhost:1" }];
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the file contains ${NAME} literally
    const section = 'tunnel_token = "${TUNNEL_SECRET}"\npublic_url = "https://claude.example.com"';
    const one = await start([SAYS.registered, SAYS.rules(rules)], section, { TUNNEL_SECRET: TOKEN });
    await shown(one, "https://claude.example.com");
    const plugins = await one.fetch("/admin/plugins", { key: SECRET });
    for (const text of [
      one.stdout,
      one.stderr,
      await plugins.text(),
      readProcess(tunnelProcess(), "cmdline"),
      readProcess(one.pid, "cmdline"),
    ]) {
      expect(text).not.to.equal("");
      expect(text).not.to.contain(TOKEN);
    }
    expect(readProcess(tunnelProcess(), "environ")).to.contain(TOKEN).and.not.contain(SECRET);
  });

  it("refuses a weak key, and lets the gateway start without cloudflared", async () => {
    standIn = new StandIn({});
    const refused = await TestGateway.start({ args: ["--enable-plugin", "cloudflare_tunnel"] }).catch(String);
    expect(refused).to.contain(
      `the secret of key admin must have at least 32 characters, got ${KEYS.admin.length}`,
    );
    standIn.uninstall();
    const config = `[plugins.cloudflare_tunnel]\nenabled = true\ncloudflared_bin = "${standIn.path}"\n`;
    gateway = await TestGateway.start({ config, env: STRONG });
    await eventually("the install page in the log", () => gateway?.stderr.includes("install it (https://"));
    expect(await gateway.request("/health", { key: null })).to.include({ status: 200 });
  });
});
