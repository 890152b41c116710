import { messageOf } from "@claudeway/ports";
import type { Logger } from "pino";
import type { PluginFaultCode } from "../fault-codes.js";
import { describeSite, oneLine, type TapSite } from "../faults.js";
import { inWords } from "./deadline.js";

export interface MeterLimits {
  /** Observer calls that one plugin may have in flight. */
  readonly tellingInFlight: number;
  /** A tap that blocks the event loop longer than this, in ms, is logged. */
  readonly blockedMs: number;
  /** Repeated log lines are suppressed for this long, in ms. */
  readonly reportEveryMs: number;
}

// A tap that fails on every event of every turn would fill the disk with the same line.
const FAULT_LINES_PER_REPORT = 10;

/** Admits `lines` log lines per window and counts the suppressed ones. */
class LineBudget {
  #windowStart = Number.NEGATIVE_INFINITY;
  #used = 0;
  #held = 0;

  constructor(
    readonly lines: number,
    readonly windowMs: number,
  ) {}

  /** The number of suppressed lines since the last admitted one; undefined if this line must be suppressed too. */
  take(): number | undefined {
    const now = performance.now();
    if (now - this.#windowStart >= this.windowMs) {
      this.#windowStart = now;
      this.#used = 0;
    }
    if (this.#used >= this.lines) {
      this.#held += 1;
      return undefined;
    }
    this.#used += 1;
    const held = this.#held;
    this.#held = 0;
    return held;
  }
}

/** The time and faults of one running plugin, counted from its start. */
export class Meter {
  /**
   * Milliseconds that callers spent in its taps: interceptor taps until they answered, observer taps while they
   * blocked the event loop.
   */
  tapMs = 0;
  /** Exceptions, rejections, missed deadlines and invalid answers of its taps. */
  faults = 0;
  /** Observer calls that were dropped because too many were in flight. */
  dropped = 0;
  /** The longest time that one call blocked the event loop, in ms; 0 if none exceeded the limit. */
  blockedMs = 0;
  lastError: string | null = null;
  lastErrorCode: PluginFaultCode | null = null;
  #inFlight = 0;
  readonly #faultLines: LineBudget;
  readonly #dropLines: LineBudget;

  constructor(
    readonly log: Logger,
    readonly limits: MeterLimits,
  ) {
    this.#faultLines = new LineBudget(FAULT_LINES_PER_REPORT, limits.reportEveryMs);
    this.#dropLines = new LineBudget(1, limits.reportEveryMs);
  }

  /** Counts a fault without logging it; the receiver of the error logs it. */
  countFault(message: string, code: PluginFaultCode): void {
    this.faults += 1;
    this.lastError = message;
    this.lastErrorCode = code;
  }

  /** Counts and logs a fault of a tap that is not reported to any caller. */
  reportFault(site: TapSite, code: PluginFaultCode, error: unknown): void {
    this.#report(describeSite(site), error, { ...site, code });
  }

  /** Counts and logs an uncaught error of the plugin's code. */
  reportUncaught(plugin: string, error: unknown): void {
    this.#report(`plugin ${plugin}: uncaught error`, error, { plugin, code: "CW_PLUGIN_UNCAUGHT" });
  }

  /**
   * Records how long a call blocked the event loop. `what` is its name in the log, such as `plugin x: tap "y" on
   * event`.
   */
  noteHeld(what: string, ms: number): void {
    if (ms <= this.limits.blockedMs) return;
    this.blockedMs = Math.max(this.blockedMs, Math.round(ms));
    this.log.warn(
      { code: "CW_PLUGIN_BLOCKED" satisfies PluginFaultCode },
      `${what} blocked the whole gateway for ${inWords(ms)}`,
    );
  }

  /** Reserves a place for an observer call. False if none is free; the call is then dropped. */
  takePlace(site: TapSite): boolean {
    if (this.#inFlight < this.limits.tellingInFlight) {
      this.#inFlight += 1;
      return true;
    }
    this.dropped += 1;
    if (this.#dropLines.take() !== undefined) {
      const inFlight = `${this.limits.tellingInFlight} calls in flight`;
      const code: PluginFaultCode = "CW_PLUGIN_EVENTS_DROPPED";
      this.log.warn(
        { ...site, code },
        `${describeSite(site)}: has ${inFlight}, more are dropped; ${this.dropped} so far`,
      );
    }
    return false;
  }

  freePlace(): void {
    this.#inFlight -= 1;
  }

  #report(
    where: string,
    error: unknown,
    { code, ...fields }: { readonly code: PluginFaultCode } & Partial<TapSite>,
  ): void {
    const message = `${where}: ${oneLine(messageOf(error))}`;
    this.countFault(message, code);
    const heldBack = this.#faultLines.take();
    if (heldBack !== undefined) {
      this.log.error(
        { err: error, code, ...fields, ...(heldBack > 0 && { linesHeldBack: heldBack }) },
        message,
      );
    }
  }
}
