import type { Logger } from "pino";
import { messageOf } from "../errors.js";
import { CallsInFlight } from "./calling/calls.js";
import { DeadlineError, inWords, within } from "./calling/deadline.js";
import type { CallWatch, TapOwner } from "./calling/guard.js";
import { Meter, type MeterLimits } from "./calling/meter.js";
import type { TapGroup } from "./calling/taps.js";
import type { PluginServices } from "./capabilities.js";
import type { PluginFaultCode } from "./fault-codes.js";
import { PluginError } from "./faults.js";
import type { CheckedPlugin } from "./loading/selection.js";
import type { Mount } from "./routes.js";
import { PluginResources } from "./scope.js";

/** The deadlines of a plugin's steps, in ms, and the limits on its calls in flight. */
export interface KernelLimits extends MeterLimits {
  /** The import of its module. */
  readonly importMs: number;
  /** `apply`. */
  readonly applyMs: number;
  /** One call of a tap. */
  readonly tapMs: number;
  /** One disposer. */
  readonly disposeMs: number;
  /** All taps on `closing` together. */
  readonly closingMs: number;
}

export interface StartOptions {
  readonly log: Logger;
  readonly limits: KernelLimits;
  /** Aborts a start that is under way. */
  readonly signal: AbortSignal;
  /** Throws if another plugin has the prefix. */
  readonly claim: (prefix: string) => void;
  readonly offers: PluginServices;
  readonly watch: CallWatch | undefined;
}

/** One running plugin, with what it owns. */
export class Instance implements TapOwner, TapGroup {
  readonly plugin: string;
  readonly meter: Meter;
  readonly calls = new CallsInFlight();
  readonly deadlineMs: number;
  readonly enter: TapOwner["enter"];
  /** Milliseconds that `apply` took. */
  startedMs = 0;
  #state: "running" | "held" | "stopped" = "running";
  readonly #resources: PluginResources;
  readonly #log: Logger;

  private constructor(
    readonly checked: CheckedPlugin,
    readonly options: StartOptions,
  ) {
    const { limits, watch } = options;
    this.plugin = checked.name;
    this.enter = watch && ((call) => watch.inside(this, call));
    this.deadlineMs = limits.tapMs;
    this.#log = options.log.child({ plugin: checked.name });
    this.meter = new Meter(this.#log, limits);
    this.#resources = new PluginResources({
      owner: this,
      log: this.#log,
      claim: options.claim,
      offers: options.offers,
      needs: checked.plugin.needs ?? [],
    });
  }

  /**
   * Runs `apply` within its deadline. Nothing is visible yet when it is done. Rejects with a `PluginError`, after all
   * that was registered has been undone.
   */
  static async start(checked: CheckedPlugin, options: StartOptions): Promise<Instance> {
    const instance = new Instance(checked, options);
    const started = performance.now();
    try {
      await instance.#apply();
    } catch (error) {
      instance.#state = "stopped";
      await instance.#resources.dispose(options.limits.disposeMs);
      const code = error instanceof DeadlineError ? "CW_PLUGIN_START_TIMEOUT" : "CW_PLUGIN_START_FAILED";
      throw new PluginError(
        checked.name,
        code,
        `plugin ${checked.name}: did not start: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    }
    instance.startedMs = Math.round(performance.now() - started);
    return instance;
  }

  get active(): boolean {
    return this.#state !== "stopped";
  }

  get held(): boolean {
    return this.#state !== "running";
  }

  get taps() {
    return this.#resources.taps;
  }

  get mounts(): Mount[] {
    return this.#resources.mounts.map((mount) => ({ ...mount, running: !this.held }));
  }

  get notices(): readonly string[] {
    return this.#resources.notices;
  }

  /** From the next composed set of hooks on, what it had to decide on is turned away and its routes answer 503. */
  hold(): void {
    if (this.#state === "running") this.#state = "held";
  }

  /**
   * Takes the plugin down: waits, within a tap's deadline, for the calls that it has yet to decide on, then aborts its
   * signal and runs its disposers. To be called after it has left the composed hooks. Never rejects.
   */
  async stop(): Promise<void> {
    const late = () => new Error(`calls are still in flight after ${inWords(this.deadlineMs)}`);
    await within(this.calls.idle(), this.deadlineMs, late).catch((error: unknown) => {
      const code: PluginFaultCode = "CW_PLUGIN_STOP_TIMEOUT";
      this.#log.warn(
        { code },
        `plugin ${this.plugin}: is taken down although ${messageOf(error)}; they are turned away`,
      );
    });
    this.#state = "stopped";
    await this.#resources.dispose(this.options.limits.disposeMs);
  }

  async #apply(): Promise<void> {
    const { applyMs } = this.options.limits;
    const late = () => new DeadlineError(`apply is not done after ${inWords(applyMs)}`);
    const applying = this.#callApply();
    try {
      await within(applying, applyMs, late, this.options.signal);
    } catch (error) {
      this.#logLater(applying, error);
      throw error;
    } finally {
      this.#resources.seal();
    }
  }

  async #callApply(): Promise<void> {
    const { plugin, config } = this.checked;
    const started = performance.now();
    const apply = () => plugin.apply(this.#resources.scope, config);
    const applied = this.enter === undefined ? apply() : this.enter(apply);
    this.meter.noteHeld(`plugin ${this.plugin}: apply`, performance.now() - started);
    await applied;
  }

  /** An `apply` that was given up goes on, and what becomes of it may explain why it took so long. */
  #logLater(applying: Promise<void>, reported: unknown): void {
    applying.catch((error: unknown) => {
      if (error === reported) return;
      this.#log.warn(
        { err: error },
        `plugin ${this.plugin}: apply, given up before, failed: ${messageOf(error)}`,
      );
    });
  }
}
