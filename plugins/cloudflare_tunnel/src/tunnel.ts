import { setTimeout as sleep } from "node:timers/promises";
import type { ListenAddress, PluginScope } from "@claudeway/core";
import { commandFor, originOf } from "./command.js";
import type { TunnelConfig } from "./config.js";
import { findProgram, missing } from "./program.js";
import { type Ended, Run } from "./run.js";

export interface TunnelOptions {
  readonly scope: Pick<PluginScope, "log" | "notice" | "signal" | "childMark">;
  readonly config: TunnelConfig;
  readonly address: ListenAddress;
  /** Publishes the gateway's public URL; undefined when it is gone. */
  readonly announce: (url: string | undefined) => void;
}

const MAX_WAIT_MS = 60_000;
/** A tunnel that was up this long counts as good: its end starts a new series of failures. */
const STEADY_MS = 60_000;

/** Keeps cloudflared running and publishes its URL, until the plugin is switched off. */
export class Tunnel {
  #failures = 0;
  #said = "";
  #withdrawNotice: (() => void) | undefined;
  readonly #ended: Promise<void>;

  private constructor(private readonly options: TunnelOptions) {
    this.#say("info", "cloudflared is starting; its address follows");
    this.#ended = this.#keepRunning();
  }

  static open(options: TunnelOptions): Tunnel {
    return new Tunnel(options);
  }

  /** Resolves when cloudflared is gone. Call it after the scope's signal was aborted. */
  close(): Promise<void> {
    return this.#ended;
  }

  async #keepRunning(): Promise<void> {
    const { signal } = this.options.scope;
    while (!signal.aborted) await this.#runAgain(signal);
    this.#withdrawNotice?.();
  }

  async #runAgain(signal: AbortSignal): Promise<void> {
    const { why, upMs } = await this.#runOnce();
    this.options.announce(undefined);
    if (signal.aborted) return;
    this.#failures = upMs > STEADY_MS ? 1 : this.#failures + 1;
    const waitMs = this.#waitMs();
    this.#say("warn", `cloudflared ${this.#withoutToken(why)}`, `; next try in ${waitMs / 1000} s`);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }

  async #runOnce(): Promise<Ended> {
    const { config, scope, address, announce } = this.options;
    const program = await findProgram(config.cloudflared_bin);
    if (program === undefined) return { why: `is missing: ${missing(config.cloudflared_bin)}`, upMs: 0 };
    if (scope.signal.aborted) return { why: "was not started", upMs: 0 };
    const run = new Run({
      command: commandFor(program, config, { origin: originOf(address), mark: scope.childMark }),
      port: address.port,
      named: config.tunnel_token !== undefined,
      publicUrl: config.public_url?.replace(/\/$/, ""),
      startMs: config.start_secs * 1000,
      checkMs: config.check_secs * 1000,
      signal: scope.signal,
      up: (url) => {
        this.#say(...standing(url, address.port));
        announce(url);
      },
      lost: () => {
        this.#say("warn", "lost the connection to Cloudflare; cloudflared is reconnecting");
        announce(undefined);
      },
    });
    return run.end();
  }

  #waitMs(): number {
    const { retry_secs } = this.options.config;
    return Math.min(retry_secs * 1000 * 2 ** Math.min(this.#failures - 1, 16), MAX_WAIT_MS);
  }

  /** Shows a line in the plugin list, and logs it if it changed. `passing` alone is not a change. */
  #say(level: "info" | "warn", line: string, passing = ""): void {
    const { log, notice } = this.options.scope;
    this.#withdrawNotice?.();
    this.#withdrawNotice = notice(`cloudflare_tunnel: ${line}`);
    log[line === this.#said ? "debug" : level](line + passing);
    this.#said = line;
  }

  #withoutToken(text: string): string {
    const { tunnel_token: token } = this.options.config;
    return token === undefined ? text : text.replaceAll(token, "***");
  }
}

function standing(url: string | undefined, port: number): ["info" | "warn", string] {
  if (url !== undefined) return ["info", `this gateway is public at ${url}`];
  return [
    "warn",
    `the tunnel is up, but the address that leads to port ${port} is unknown; set plugins.cloudflare_tunnel.public_url`,
  ];
}
