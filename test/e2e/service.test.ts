import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { watchdogIntervalMs } from "#cli/service-manager.js";
import { runToEnd, TestGateway } from "./gateway.js";
import { NotifySocket } from "./notify-socket.js";
import { eventually } from "./poll.js";
import { LONG_CALL, longCallRunning, readProcess } from "./processes.js";

/** In microseconds, as systemd gives it. */
const WATCHDOG_USEC = "400000";

describe("as a service of Type=notify", () => {
  let dir: string;
  let systemd: NotifySocket;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-service-"));
    systemd = NotifySocket.open(join(dir, "notify"));
  });
  afterEach(() => {
    systemd.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const has = (state: string) => () => systemd.received().some((message) => message.startsWith(state));

  it("reports ready, reload, watchdog and drain, and hides the socket from children", async () => {
    const env = { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC, IS_SANDBOX: "1" };
    const gateway = await TestGateway.start({ env, config: "" });
    try {
      await eventually("the watchdog is fed", has("WATCHDOG=1"));
      expect(systemd.received()[0]).to.equal(`READY=1\nSTATUS=Listening on ${gateway.url}`);
      for (const [config, line] of [
        ["log_level = 3", "SIGHUP: reload refused"],
        ["", "SIGHUP: configuration reloaded"],
      ] as const) {
        const before = systemd.received().length;
        gateway.reload(config);
        const since = await eventually("the end of the reload", () => {
          const states = systemd.received().slice(before);
          return states.includes("READY=1") && states;
        });
        await gateway.logs(line);
        expect(since.find((state) => !state.startsWith("WATCHDOG"))).to.match(
          /^RELOADING=1\nMONOTONIC_USEC=\d+$/,
        );
      }
      const running = gateway.request("/task", { body: { prompt: LONG_CALL } });
      for (const pid of await longCallRunning(gateway)) {
        expect(readProcess(pid, "environ")).not.to.match(/NOTIFY_SOCKET|WATCHDOG_/);
      }
      gateway.signal("SIGTERM");
      await eventually("the draining", has("STOPPING=1"));
      const fed = systemd.received().length;
      await eventually("the watchdog is fed while turns end", () => systemd.received().length > fed + 1);
      gateway.signal("SIGHUP");
      await eventually("the reload's line", () => gateway.stderr.includes("SIGHUP: ignored"));
      gateway.signal("SIGTERM");
      expect((await running).status).to.equal(503);
      expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
    } finally {
      await gateway.dispose();
    }
  });

  it("never reports ready if the start fails, and continues without a listener", async () => {
    const env = { NOTIFY_SOCKET: systemd.path, PORT: "0", CLAUDE_CONFIG_DIR: dir };
    writeFileSync(join(dir, "claudeway.toml"), "prot = 1");
    expect((await runToEnd([], dir, env)).code).to.equal(78);
    expect(systemd.received()).to.deep.equal([]);
    const gateway = await TestGateway.start({ env: { NOTIFY_SOCKET: join(dir, "nowhere") } });
    await gateway.logs("cannot send READY=1 to systemd");
    await gateway.dispose();
  });

  it("feeds the watchdog twice as often as it has to, and only its own", () => {
    expect(watchdogIntervalMs({ WATCHDOG_USEC: "60000000" })).to.equal(30_000);
    expect(watchdogIntervalMs({ WATCHDOG_USEC: "60000000", WATCHDOG_PID: "7" }, 7)).to.equal(30_000);
    expect(watchdogIntervalMs({ WATCHDOG_USEC: "60000000", WATCHDOG_PID: "8" }, 7)).to.equal(undefined);
    for (const usec of ["", "0", "-1", "x"])
      expect(watchdogIntervalMs({ WATCHDOG_USEC: usec })).to.equal(undefined);
    expect(watchdogIntervalMs({})).to.equal(undefined);
  });
});
