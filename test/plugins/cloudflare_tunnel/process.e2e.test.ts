import { readdirSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import tunnel from "@claudeway/plugin-cloudflare-tunnel";
import { expect } from "chai";
import type { PluginServices } from "#kernel/capabilities.js";
import { eventually, limitSecs } from "../../e2e/poll.js";
import { createKernel, rejectionMessage, type TestKernel } from "../../kernel/kit.js";
import { fakeOffers } from "../offers.js";
import { type Behaviour, SAYS, StandIn } from "./stand-in.js";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

const URL = "https://ten-towns-join-fast.trycloudflare.com";
const TOKEN = "eyJhIjoiNGYwZDFjMWU4ZjUyNGYwYzhhNTMwYzdjMmYzYTlkMTAifQ==";
const STRONG = [{ id: "admin", generated: false, secretLength: 32 }];
/** Within it a cloudflared that works has its tunnel. */
const START_SECS = limitSecs(1);
const CATCH_ALL = { service: "http_status:404" };

describe("cloudflare_tunnel", () => {
  let running: TestKernel;
  let standIn: StandIn;
  let announced: (string | undefined)[];
  let keys: { readonly id: string; readonly generated: boolean; readonly secretLength: number }[];

  beforeEach(() => {
    running = createKernel({ limits: { applyMs: 5000, disposeMs: 5000 } });
    announced = [];
    keys = STRONG;
    running.kernel.offer(
      fakeOffers({
        get control(): PluginServices["control"] {
          const control: Pick<PluginServices["control"], "keys" | "address" | "announcePublicUrl"> = {
            keys: () => keys,
            address: () => ({ host: "0.0.0.0", port: 3777, url: "http://localhost:3777" }),
            announcePublicUrl: (url: string | undefined) => {
              if (url !== announced.at(-1)) announced.push(url);
            },
          };
          return control as PluginServices["control"];
        },
      }),
    );
  });

  afterEach(async () => {
    await running.kernel.close();
    expect(await standIn.left(), "processes left").to.deep.equal([]);
    standIn.remove();
  });

  /** Enables the plugin; cloudflared behaves as given, run by run. */
  async function start(config: Readonly<Record<string, unknown>>, ...behaviours: Behaviour[]): Promise<void> {
    standIn = new StandIn(...behaviours);
    await enable(config);
  }

  function enable(config: Readonly<Record<string, unknown>>): Promise<void> {
    const section = { cloudflared_bin: standIn.path, retry_secs: 0.05, check_secs: 0.1, ...config };
    return running.kernel.enable({ plugins: [tunnel], sections: { cloudflare_tunnel: section } });
  }

  const said = () => running.kernel.status()[0]?.notices.join("\n") ?? "";
  const announces = (url: string | undefined, times = 1) =>
    eventually(`${url} announced`, () => announced.filter((one) => one === url).length >= times);
  const says = (words: string) => eventually(`"${words}" in: ${said()}`, () => said().includes(words));

  it("opens a quick tunnel to the gateway and publishes its URL", async () => {
    await start({}, { lines: SAYS.quick(URL) });
    await announces(URL);
    expect(said()).to.equal(`cloudflare_tunnel: this gateway is public at ${URL}`);
    const [{ args = [] } = {}] = standIn.starts;
    expect(args.join(" ")).to.match(
      /^tunnel --config \/dev\/null --loglevel info --no-autoupdate .*--url http:\/\/127\.0\.0\.1:3777$/,
    );
    await running.kernel.disable("cloudflare_tunnel");
    expect(announced).to.deep.equal([URL, undefined]);
    expect(await standIn.left()).to.deep.equal([]);
  });

  it("opens a named tunnel with its token in the environment only, and finds its URL in its rules", async () => {
    const rules = [
      { hostname: "other.example.com", service: "http://localhost:8080" },
      { hostname: "claude.example.com", originRequest: {}, service: "http://localhost:3777" },
      CATCH_ALL,
    ];
    await start(
      { tunnel_token: TOKEN },
      { lines: [SAYS.starting, SAYS.settings, SAYS.registered, SAYS.rules(rules)] },
    );
    await announces("https://claude.example.com");
    const [{ args = [], env = {} } = {}] = standIn.starts;
    // The user's config file could silence it, or route elsewhere.
    expect(args.join(" ")).to.match(/^tunnel --config \/dev\/null --loglevel info --no-autoupdate .* run$/);
    expect(env["TUNNEL_TOKEN"]).to.equal(TOKEN);
    expect(everyArgumentList()).to.contain("cloudflared").and.not.contain(TOKEN);
    expect(JSON.stringify([running.lines, running.kernel.status()])).not.to.contain(TOKEN);
  });

  it("reads a named tunnel's URL from the configuration, and asks for it if it is unknown", async () => {
    const rules = [{ hostname: "a.example.com", service: "http://localhost:3777" }];
    const both = [...rules, { hostname: "b.example.com", service: "http://127.0.0.1:3777" }];
    const lines = [SAYS.registeredIn2022, SAYS.rules(both)];
    await start({ tunnel_token: TOKEN, public_url: "https://b.example.com/" }, { lines });
    await announces("https://b.example.com");
    await running.kernel.reconfigure("cloudflare_tunnel", {
      cloudflared_bin: standIn.path,
      tunnel_token: TOKEN,
    });
    await says("set plugins.cloudflare_tunnel.public_url");
    expect(announced).to.deep.equal(["https://b.example.com", undefined]);
  });

  it("restarts a cloudflared that exited, with growing pauses, and reports the reason", async () => {
    const again = "https://second-try.trycloudflare.com";
    await start(
      {},
      { lines: [SAYS.requesting, SAYS.noInternet], exit: 1 },
      { lines: SAYS.quick(URL), exit: 1 },
      { lines: SAYS.quick(again) },
    );
    await announces(again);
    expect(announced).to.deep.equal([URL, undefined, again]);
    const [first, second] = running.complaints();
    expect(first).to.equal(`cloudflared exited with code 1: ${SAYS.noInternet}; next try in 0.05 s`);
    expect(second).to.match(/^cloudflared exited with code 1; next try in 0\.1 s$/);
  });

  it("announces a quick tunnel once it is connected, not while it retries", async () => {
    const unconnected = SAYS.quick("https://unconnected.trycloudflare.com").slice(0, -1);
    await start(
      { start_secs: START_SECS },
      { lines: [...unconnected, ...SAYS.noQuic] },
      { lines: unconnected, exit: 1 },
      { lines: SAYS.quick(URL) },
    );
    await announces(URL);
    expect(announced).to.deep.equal([URL]);
    expect(running.complaints()[0]).to.match(
      new RegExp(
        `^cloudflared had no tunnel after ${START_SECS} s: Failed to dial a quic connection error="timeout`,
      ),
    );
  });

  it("reports the reason, not the advice that follows it", async () => {
    const reason = "Incorrect Usage: flag provided but not defined: -x";
    await start(
      { tunnel_token: TOKEN },
      { lines: [SAYS.emptyConfig, SAYS.badToken, SAYS.usage], exit: 255 },
      { lines: [SAYS.emptyConfig], exit: 3 },
      { lines: [SAYS.starting, ...SAYS.noEdge], exit: 1 },
      { lines: [...SAYS.noEdge, "Could not lookup srv records"], exit: 1 },
      { lines: [reason, "", "NAME:", "   cloudflared tunnel run - Proxy a local web server"], exit: 1 },
      { lines: [SAYS.registered, SAYS.rules([])] },
    );
    await says("the tunnel is up");
    const ends = running.complaints().map((line) => line.replace(/; next try.*/, ""));
    expect(ends.slice(0, 5)).to.deep.equal([
      `cloudflared exited with code 255: ${SAYS.badToken}`,
      "cloudflared exited with code 3",
      `cloudflared exited with code 1: ${SAYS.noEdge[0].replace(/^\S+ ERR /, "")}`,
      "cloudflared exited with code 1: Could not lookup srv records",
      `cloudflared exited with code 1: ${reason}`,
    ]);
  });

  it("forgets errors from before the tunnel was up", async () => {
    await start({}, { lines: [SAYS.noEdge[0], ...SAYS.quick(URL)], exit: 7 }, { lines: SAYS.quick(URL) });
    await announces(URL, 2);
    expect(running.complaints()[0]).to.match(/^cloudflared exited with code 7; next try/);
  });

  it("does not repeat a token that cloudflared repeats", async () => {
    await start({ tunnel_token: TOKEN }, { lines: [`${SAYS.badToken} ${TOKEN}`], exit: 255 });
    await says("Provided Tunnel token is not valid. ***");
    expect(JSON.stringify(running.lines)).not.to.contain(TOKEN);
  });

  it("kills one that hangs at its start and ignores TERM, and starts another", async () => {
    await start({ start_secs: START_SECS }, { ignoreTerm: true, child: true }, { lines: SAYS.quick(URL) });
    await announces(URL);
    expect(running.complaints()[0]).to.contain(`had no tunnel after ${START_SECS} s`);
    expect(await standIn.left()).to.have.length(1);
  });

  it("announces no URL of a run that it has given up", async () => {
    const late = "https://too-late.trycloudflare.com";
    await start({ start_secs: START_SECS }, { lastLines: SAYS.quick(late) }, { lines: SAYS.quick(URL) });
    await announces(URL);
    expect(announced).to.deep.equal([URL]);
  });

  it("notices a lost connection, its return, and an unresponsive cloudflared", async () => {
    await start(
      {},
      { lines: SAYS.quick(URL), ready: [200, 503, 503, 200, "hang"] },
      { lines: SAYS.quick(URL), ready: [200] },
    );
    await announces(URL, 3);
    expect(announced).to.deep.equal([URL, undefined, URL, undefined, URL]);
    expect(running.complaints().join("\n"))
      .to.contain("lost the connection to Cloudflare")
      .and.contain("stopped responding");
  });

  for (const newlines of [true, false]) {
    it(`buffers little of a flood of output, ${newlines ? "in lines" : "in one line"}`, async () => {
      const bytes = 100_000_000;
      await start({}, { flood: { bytes, newlines }, lines: SAYS.quick(URL) });
      const before = heldBytes();
      const held: number[] = [];
      const look = () => {
        held.push(heldBytes() - before);
        return announced.includes(URL);
      };
      await eventually("the address after the flood", look, 500_000);
      expect(held, "samples").to.have.length.above(5);
      // What has been read and is not freed yet counts too; a flood that is kept comes to all of it.
      expect(Math.max(...held)).to.be.lessThan(bytes / 2);
      expect(said().length).to.be.lessThan(1000);
    });
  }

  it("leaves no process when it is switched off, though cloudflared and its child ignore TERM", async () => {
    await start({}, { lines: SAYS.quick(URL), ignoreTerm: true, child: true });
    await announces(URL);
    expect(await standIn.left()).to.have.length(2);
    await running.kernel.disable("cloudflare_tunnel");
    expect(await standIn.left()).to.deep.equal([]);
  });

  it("says where to get a missing cloudflared, and uses it once installed", async () => {
    standIn = new StandIn({ lines: SAYS.quick(URL) });
    standIn.uninstall();
    await enable({});
    await says("https://developers.cloudflare.com/");
    expect(said()).to.contain(`no program ${standIn.path}; install it`);
    expect(running.kernel.status()[0]?.state).to.equal("on");
    standIn.install();
    await announces(URL);
    expect(running.complaints(), "the same complaint is logged once").to.have.length(1);
  });

  it("passes cloudflared only the environment variables that it needs", async () => {
    process.env["CLAUDEWAY_TEST_SECRET"] = "hunter2hunter2";
    process.env["HTTPS_PROXY"] = "http://proxy.example:8080";
    try {
      await start({}, { lines: SAYS.quick(URL) });
      await announces(URL);
    } finally {
      delete process.env["CLAUDEWAY_TEST_SECRET"];
      delete process.env["HTTPS_PROXY"];
    }
    const [{ env = {} } = {}] = standIn.starts;
    expect(env).to.include({ HTTPS_PROXY: "http://proxy.example:8080", PATH: process.env["PATH"] });
    expect(JSON.stringify(env)).not.to.contain("hunter2");
  });

  describe("before it exposes the gateway to the internet", () => {
    const REFUSED = [
      ["a generated key", { id: "default", generated: true, secretLength: 67 }, "its key was generated"],
      [
        "a short key",
        { id: "ci", generated: false, secretLength: 31 },
        "the secret of key ci must have at least 32 characters, got 31",
      ],
    ] as const;
    for (const [what, key, words] of REFUSED) {
      it(`refuses ${what} unless allowed`, async () => {
        standIn = new StandIn({ lines: SAYS.quick(URL) });
        keys = [...STRONG, key];
        expect(await rejectionMessage(enable({})))
          .to.contain(words)
          .and.contain("allow_weak_keys = true");
        expect(standIn.starts).to.deep.equal([]);
        await enable({ allow_weak_keys: true });
        await announces(URL);
      });
    }

    it("refuses a public_url without a token", async () => {
      standIn = new StandIn({});
      expect(await rejectionMessage(enable({ public_url: "https://claude.example.com" }))).to.contain(
        "set tunnel_token too",
      );
    });
  });
});

/** Reachable memory only: Node decides when to collect the rest. */
function heldBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The argument lists of all processes on this machine. */
function everyArgumentList(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })
    .join("\n");
}
