import { messageOf } from "@claudeway/ports";
import type { Logger } from "pino";

/** `sd_notify(3)`: sends a message to the service manager; negative on failure. */
export type SendState = (state: string) => number;

/**
 * Reports the state of the gateway to systemd if it runs as a service of `Type=notify`; does nothing otherwise. A message
 * that cannot be sent is logged, since without it the start times out.
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
      log.error(`cannot notify systemd of the start (sd_notify): ${messageOf(error)}`);
      return new ServiceManager(undefined, undefined, log);
    }
  }

  /** Reports that the gateway listens. From now on the event loop feeds the watchdog. */
  ready(status: string): void {
    this.#tell(`READY=1\nSTATUS=${status}`);
    if (this.watchdogMs === undefined) return;
    this.#watchdog = setInterval(() => this.#tell("WATCHDOG=1"), this.watchdogMs);
    this.#watchdog.unref();
  }

  /** Reports the begin and end of a reload. */
  async reloading(reload: () => Promise<void>): Promise<void> {
    // systemd 253 uses the time to distinguish reloads.
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    await reload();
    this.#tell("READY=1");
  }

  /** Reports that the gateway drains. The watchdog is fed until the process ends: a drain may take minutes. */
  stopping(): void {
    this.#tell("STOPPING=1\nSTATUS=Draining: running turns may finish");
  }

  #tell(state: string): void {
    const result = this.send?.(state) ?? 0;
    if (result < 0)
      this.log.error(`cannot send ${state.split("\n", 1)[0]} to systemd (sd_notify: ${result})`);
  }
}

/** Half of the watchdog's timeout, as sd_watchdog_enabled(3) advises; undefined if this process has no watchdog. */
export function watchdogIntervalMs(env: NodeJS.ProcessEnv, pid = process.pid): number | undefined {
  const { WATCHDOG_USEC: usec = "", WATCHDOG_PID: forPid = String(pid) } = env;
  if (!/^[1-9]\d*$/.test(usec) || forPid !== String(pid)) return undefined;
  return Math.max(1, Math.floor(Number(usec) / 2000));
}

/**
 * Loads systemd's own client library. Node does not support UNIX datagram sockets, and a message from a child process such
 * as systemd-notify(1) needs `NotifyAccess=all`, which would let every tool that Claude runs send messages.
 */
async function loadSdNotify(): Promise<SendState> {
  const { default: koffi } = await import("koffi");
  const notify = koffi.load("libsystemd.so.0").func("int sd_notify(int unset_environment, str state)");
  return (state) => Number(notify(0, state));
}
