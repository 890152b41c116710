import { messageOf } from "@claudeway/ports";
import type { Logger } from "pino";
import { CallsInFlight } from "./calling/calls.js";
import { DeadlineError, inWords, within } from "./calling/deadline.js";
import type { CallWatch, TapOwner } from "./calling/guard.js";
import { Meter, type MeterLimits } from "./calling/meter.js";
import type { TapGroup } from "./calling/taps.js";
import type { PluginServices } from "./capabilities.js";
import type { PluginFaultCode } from "./fault-codes.js";
import { PluginError } from "./faults.js";
import type { DescribedPage } from "./gateway-control.js";
import type { CheckedPlugin } from "./loading/selection.js";
import type { ActiveField } from "./request-fields.js";
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
  /** Aborts a start in progress. */
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
  /** The duration of `apply`, in milliseconds. */
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
   * Runs `apply` within its deadline. Its registrations are not published yet. On failure, removes them and rejects
   * with a `PluginError`.
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

  get pages(): DescribedPage[] {
    const { page } = this.#resources;
    return page === undefined ? [] : [{ plugin: this.plugin, page }];
  }

  get requestFields(): ActiveField[] {
    const field = this.#resources.requestField;
    return field === undefined ? [] : [{ field, running: !this.held }];
  }

  get notices(): readonly string[] {
    return this.#resources.notices;
  }

  /** From the next composed set of hooks on, calls that the plugin decides are refused and its routes answer 503. */
  hold(): void {
    if (this.#state === "running") this.#state = "held";
  }

  /**
   * Stops the plugin: waits, within a tap's deadline, for the calls that it must still decide, then aborts its signal
   * and runs its disposers. Call it after the plugin was removed from the composed hooks. Never rejects.
   */
  async stop(): Promise<void> {
    const late = () => new Error(`calls are still in flight after ${inWords(this.deadlineMs)}`);
    await within(this.calls.idle(), this.deadlineMs, late).catch((error: unknown) => {
      const code: PluginFaultCode = "CW_PLUGIN_STOP_TIMEOUT";
      this.#log.warn(
        { code },
        `plugin ${this.plugin}: is being stopped although ${messageOf(error)}; they are refused`,
      );
    });
    this.#state = "stopped";
    await this.#resources.dispose(this.options.limits.disposeMs);
  }

  async #apply(): Promise<void> {
    const { applyMs } = this.options.limits;
    const late = () => new DeadlineError(`apply did not finish within ${inWords(applyMs)}`);
    const applying = this.#callApply();
    try {
      await within(applying, applyMs, late, this.options.signal);
      this.#checkLeads();
    } catch (error) {
      this.#logLater(applying, error);
      throw error;
    } finally {
      this.#resources.seal();
    }
  }

  #checkLeads(): void {
    const { exclusive } = this.checked.plugin;
    if (exclusive !== true || this.#resources.leads || !this.options.offers.shared) return;
    throw new Error(
      "it is exclusive, and several gateways share the ledger: what must exist once must be in kernel.lead",
    );
  }

  async #callApply(): Promise<void> {
    const { plugin, config } = this.checked;
    const started = performance.now();
    const apply = () => plugin.apply(this.#resources.scope, config);
    const applied = this.enter === undefined ? apply() : this.enter(apply);
    this.meter.noteHeld(`plugin ${this.plugin}: apply`, performance.now() - started);
    await applied;
  }

  /** An `apply` that missed its deadline continues; its outcome is logged because it may explain the delay. */
  #logLater(applying: Promise<void>, reported: unknown): void {
    applying.catch((error: unknown) => {
      if (error === reported) return;
      this.#log.warn(
        { err: error },
        `plugin ${this.plugin}: apply failed after its deadline: ${messageOf(error)}`,
      );
    });
  }
}
