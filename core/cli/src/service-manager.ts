import { messageOf } from "@claudeway/core/host";
import type { Logger } from "pino";

/** The parts of `sd_notify(3)` that are used: sends a message to the service manager; negative where it could not. */
export type SendState = (state: string) => number;

/**
 * Tells systemd what the gateway is doing, where it was started as a service of `Type=notify`; does nothing elsewhere.
 * A message that can't be sent is logged: without it a start would time out, and nobody would know why.
 */
export class ServiceManager {
  #watchdog: NodeJS.Timeout | undefined;

  private constructor(
    private readonly send: SendState | undefined,
    private readonly watchdogMs: number | undefined,
    private readonly log: Logger,
  ) {}

  /** Loads the library that talks to systemd if the environment names a socket. */
  static async open(env: NodeJS.ProcessEnv, log: Logger): Promise<ServiceManager> {
    if (env["NOTIFY_SOCKET"] === undefined) return new ServiceManager(undefined, undefined, log);
    try {
      return new ServiceManager(await loadSdNotify(), watchdogIntervalMs(env), log);
    } catch (error) {
      log.error(`systemd can't be told of the start (sd_notify): ${messageOf(error)}`);
      return new ServiceManager(undefined, undefined, log);
    }
  }

  /** The gateway listens. From now on the watchdog is fed, as long as the event loop turns. */
  ready(status: string): void {
    this.#tell(`READY=1\nSTATUS=${status}`);
    if (this.watchdogMs === undefined) return;
    this.#watchdog = setInterval(() => this.#tell("WATCHDOG=1"), this.watchdogMs);
    this.#watchdog.unref();
  }

  /** Wraps a reload, which succeeds or leaves all as it was. */
  async reloading(reload: () => Promise<void>): Promise<void> {
    // systemd 253 takes the time to tell this reload from the one before.
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    await reload();
    this.#tell("READY=1");
  }

  /** The gateway drains. The watchdog is fed to the end of the process: a drain may take minutes. */
  stopping(): void {
    this.#tell("STOPPING=1\nSTATUS=Draining: running turns may finish");
  }

  #tell(state: string): void {
    const result = this.send?.(state) ?? 0;
    if (result < 0) this.log.error(`systemd was not told ${state.split("\n", 1)[0]} (sd_notify: ${result})`);
  }
}

/** Half of what systemd waits, as sd_watchdog_enabled(3) advises; undefined where no watchdog waits for this process. */
export function watchdogIntervalMs(env: NodeJS.ProcessEnv, pid = process.pid): number | undefined {
  const { WATCHDOG_USEC: usec = "", WATCHDOG_PID: forPid = String(pid) } = env;
  if (!/^[1-9]\d*$/.test(usec) || forPid !== String(pid)) return undefined;
  return Math.max(1, Math.floor(Number(usec) / 2000));
}

/**
 * systemd's own client library. Node has no datagram sockets in the file system, and a message from a child process, as
 * from systemd-notify(1), would need `NotifyAccess=all`: then every tool that Claude runs could speak for the gateway.
 */
async function loadSdNotify(): Promise<SendState> {
  const { default: koffi } = await import("koffi");
  const notify = koffi.load("libsystemd.so.0").func("int sd_notify(int unset_environment, str state)");
  return (state) => Number(notify(0, state));
}
