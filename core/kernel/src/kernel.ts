import { messageOf } from "@claudeway/ports";
import { nearest } from "@claudeway/schemas";
import type { Logger } from "pino";
import { inWords, within } from "./calling/deadline.js";
import type { CallWatch } from "./calling/guard.js";
import { Meter } from "./calling/meter.js";
import type { PluginServices } from "./capabilities.js";
import { applySelection, type ChangeReport } from "./change.js";
import { placeToBlame, type Uncaught } from "./error-attribution.js";
import { PluginError } from "./faults.js";
import type { DescribedPage, PluginStatus } from "./gateway-control.js";
import type { Hooks } from "./hooks.js";
import type { KernelLimits } from "./instance.js";
import { IMPORT_MS, PluginLoader, type PluginSource, type SecretRegister } from "./loading/loader.js";
import type { PluginSection } from "./loading/plugin-config.js";
import { type CheckedPlugin, checkSelection, configure, type PluginSelection } from "./loading/selection.js";
import { PluginRegistry } from "./plugin-registry.js";
import type { RequestFields } from "./request-fields.js";
import type { RouteTable } from "./routes.js";
import { describePlugin, type PluginEntry } from "./status.js";

export const DEFAULT_LIMITS: KernelLimits = {
  importMs: IMPORT_MS,
  applyMs: 10_000,
  tapMs: 10_000,
  disposeMs: 5_000,
  closingMs: 15_000,
  tellingInFlight: 1_000,
  blockedMs: 1_000,
  reportEveryMs: 60_000,
};

export interface KernelOptions {
  readonly log: Logger;
  /** The directory in which plugin paths and packages are resolved; by default the process's own. */
  readonly cwd?: string;
  /** Prefixes of the gateway's own routes; no plugin may mount at or below them. */
  readonly reservedPrefixes?: readonly string[];
  readonly limits?: Partial<KernelLimits>;
  readonly watch?: CallWatch;
  /** Receives the values of plugin settings that their schemas mark `x-secret`. */
  readonly secrets?: SecretRegister;
}

/** The arguments of each observer hook. */
export interface ObserverCalls {
  approvalRequested: Parameters<Hooks["approvalRequested"]["promise"]>;
  approvalDecided: Parameters<Hooks["approvalDecided"]["promise"]>;
  event: Parameters<Hooks["event"]["promise"]>;
  afterExecute: Parameters<Hooks["afterExecute"]["promise"]>;
  usagePriced: Parameters<Hooks["usagePriced"]["promise"]>;
  budgetWarning: Parameters<Hooks["budgetWarning"]["promise"]>;
  requestCompleted: Parameters<Hooks["requestCompleted"]["promise"]>;
  listening: Parameters<Hooks["listening"]["promise"]>;
  publicUrl: Parameters<Hooks["publicUrl"]["promise"]>;
  sessionStart: Parameters<Hooks["sessionStart"]["promise"]>;
  sessionEnd: Parameters<Hooks["sessionEnd"]["promise"]>;
}

interface ObserverHook<Args extends readonly unknown[]> {
  isUsed(): boolean;
  callAsync(...args: [...Args, () => void]): void;
}

/** Enables and disables plugins. Changes are queued and never interleave. */
export class Kernel {
  readonly #log: Logger;
  readonly #limits: KernelLimits;
  readonly #loader: PluginLoader;
  readonly #registry: PluginRegistry;
  readonly #shutdown = new AbortController();
  /** Meters of disabled plugins whose code still runs. */
  readonly #meterOfGone: Meter;
  #queue: Promise<unknown> = Promise.resolve();

  constructor({ log, cwd, reservedPrefixes = [], limits: own = {}, watch, secrets }: KernelOptions) {
    const limits = { ...DEFAULT_LIMITS, ...own };
    this.#log = log;
    this.#limits = limits;
    this.#meterOfGone = new Meter(log, limits);
    this.#loader = new PluginLoader({
      importMs: limits.importMs,
      secrets,
      ...(cwd !== undefined && { cwd }),
    });
    this.#registry = new PluginRegistry({
      log,
      limits,
      reservedPrefixes,
      signal: this.#shutdown.signal,
      watch,
      isInstalled: (name) => this.#loader.isInstalled(name),
    });
  }

  /**
   * The current hooks. Do not keep them: every change creates a new set. An interceptor hook's promise rejects with a
   * `Refusal`, a `PluginFault` or, while an interceptor plugin is not running, a `GatewayError` (`UNAVAILABLE`).
   */
  get hooks(): Hooks {
    return this.#registry.hooks;
  }

  /** The routes of the enabled plugins. The table stays the same object while its content changes. */
  get routes(): RouteTable {
    return this.#registry.routes;
  }

  /** The pages of plugins in the dashboard, in the order of the plugins. */
  get pages(): readonly DescribedPage[] {
    return this.#registry.entries.flatMap(({ instance }) => instance?.pages ?? []);
  }

  /** The fields of plugins in requests; the same object while its content changes. */
  get requestFields(): RequestFields {
    return this.#registry.requestFields;
  }

  /** Whether a plugin taps `approve`: now, only earlier since the start, or never. */
  get approving(): "now" | "before" | "never" {
    if (this.hooks.approve.isUsed()) return "now";
    return this.#registry.hasApproved ? "before" : "never";
  }

  /** False while a plugin is on that answers instead of Claude. */
  get needsLogin(): boolean {
    return !this.#registry.entries.some(
      ({ state, checked }) => state === "on" && checked.plugin.needsLogin === false,
    );
  }

  /** Sets the services for plugins. Call it once, before any plugin is enabled. */
  offer(offers: PluginServices): void {
    this.#registry.offer(offers);
  }

  /** Calls an observer hook. Never throws, never waits, and costs almost nothing without taps. */
  notify<Name extends keyof ObserverCalls>(name: Name, ...args: ObserverCalls[Name]): void {
    const observers: { [N in keyof ObserverCalls]: ObserverHook<ObserverCalls[N]> } = this.hooks;
    const hook: ObserverHook<ObserverCalls[Name]> = observers[name];
    if (hook.isUsed()) hook.callAsync(...args, ignoreResult);
  }

  /** Runs the `closing` hook, the plugins' last chance to clean up, within a deadline. Never rejects. */
  async notifyClosing(): Promise<void> {
    const { closingMs } = this.#limits;
    const late = () => new Error(`taps on closing did not finish within ${inWords(closingMs)}`);
    await within(this.hooks.closing.promise(), closingMs, late).catch((error: unknown) => {
      this.#log.warn(messageOf(error));
    });
  }

  /** Loads and checks the plugins that a selection enables, without starting them. Rejects with a `PluginError`. */
  check(selection: PluginSelection): Promise<CheckedPlugin[]> {
    return checkSelection(selection, this.#loader);
  }

  /** The names of the installed plugins, enabled or not. */
  async available(): Promise<string[]> {
    return this.#loader.installed();
  }

  /** What installed packages of plugins say about them, by the packages' and the plugins' names; none of their code runs. */
  async descriptions(): Promise<ReadonlyMap<string, string>> {
    return this.#loader.descriptions();
  }

  /**
   * Enables the plugins of the selection that are not enabled yet: all of them or, rejecting with a `PluginError`,
   * none. A plugin that the kernel has loaded before is found by its own name, whatever its source, and may have a
   * section without being named. Plugins that were enabled before keep their place in the order of taps; new ones
   * follow in the order of the selection.
   */
  enable(selection: PluginSelection): Promise<void> {
    return this.#enqueue(async () => {
      const names = this.#registry.entries.map(({ checked }) => checked.name);
      const checked = await checkSelection(this.#fromOrigins(selection), this.#loader, names);
      for (const one of checked) this.#refuseTwin(one);
      await this.#startAll(checked.filter(({ name }) => this.#registry.get(name)?.state !== "on"));
    });
  }

  /**
   * Applies the selection: disables plugins that it does not name, enables new ones, replaces those with a changed
   * configuration, and orders taps accordingly. Everything is checked first (rejects with a `PluginError`); then
   * plugins change one by one, and one that fails keeps its old instance.
   */
  change(selection: PluginSelection): Promise<ChangeReport> {
    return this.#enqueue(async () => {
      return applySelection(await this.check(selection), this.#registry, this.#log);
    });
  }

  /**
   * Changes the configuration of an enabled or failed plugin. On failure, keeps the old one and rejects with a
   * `PluginError`.
   */
  reconfigure(name: string, section: PluginSection): Promise<void> {
    return this.#enqueue(async () => {
      const entry = this.#known(name);
      if (entry.state === "off")
        throw new PluginError(name, "CW_PLUGIN_NOT_ON", `plugin ${name} is disabled; enable it first`);
      const checked = configure(entry.checked, section);
      await (entry.state === "on" ? this.#registry.replace(entry, checked) : this.#registry.start(checked));
    });
  }

  /** Disables a plugin, if it is enabled. Rejects with a `PluginError` if it is unknown. */
  disable(name: string): Promise<void> {
    return this.#enqueue(async () => {
      this.#known(name);
      await this.#registry.switchOff(name);
    });
  }

  /**
   * Attributes an uncaught error (in a timer, a socket event, an unawaited promise) to the plugin whose code caused it,
   * and counts and logs it as that plugin's fault. False if the error's stack points to no plugin.
   */
  blame(error: unknown, uncaught: Uncaught): boolean {
    const { entries } = this.#registry;
    const home = placeToBlame(
      error,
      entries.flatMap(({ checked }) => checked.home ?? []),
      uncaught,
    );
    const entry = home === undefined ? undefined : entries.find(({ checked }) => checked.home === home);
    if (entry === undefined) return false;
    const meter = entry.instance?.meter ?? this.#meterOfGone;
    meter.reportUncaught(entry.checked.name, error);
    return true;
  }

  /** Disables all plugins, last in order first, and aborts a start in progress. Never rejects. */
  async close(): Promise<void> {
    this.#shutdown.abort(new Error("the gateway is closing"));
    this.#queue = this.#queue.then(async () => {
      for (const { checked } of this.#registry.entries.toReversed())
        await this.#registry.switchOff(checked.name);
    });
    await this.#queue;
  }

  /** Every plugin that was enabled since the start, in any state, in the order of taps. */
  status(): PluginStatus[] {
    return this.#registry.entries.map(describePlugin);
  }

  #enqueue<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      this.#shutdown.signal.throwIfAborted();
      return change();
    });
    // The caller of a change gets its error; the next change starts regardless.
    this.#queue = result.catch(() => {});
    return result;
  }

  #fromOrigins(selection: PluginSelection): PluginSelection {
    const originOf = (source: PluginSource) =>
      (typeof source === "string" ? this.#registry.get(source)?.checked.origin : undefined) ?? source;
    return { ...selection, plugins: (selection.plugins ?? []).map(originOf) };
  }

  async #startAll(plugins: readonly CheckedPlugin[]): Promise<void> {
    const started: string[] = [];
    try {
      for (const one of plugins) {
        await this.#registry.start(one);
        started.push(one.name);
      }
    } catch (error) {
      for (const name of started.toReversed()) await this.#registry.switchOff(name);
      throw error;
    }
  }

  #refuseTwin({ name, plugin, source }: CheckedPlugin): void {
    const entry = this.#registry.get(name);
    if (entry?.state !== "on" || entry.checked.plugin === plugin) return;
    throw new PluginError(
      name,
      "CW_PLUGIN_NAME_TAKEN",
      `plugin ${name}: two plugins have this name: ${entry.checked.source} and ${source}`,
    );
  }

  #known(name: string): PluginEntry {
    const entry = this.#registry.get(name);
    if (entry !== undefined) return entry;
    const names = this.#registry.entries.map(({ checked }) => checked.name);
    const guess = nearest(name, names);
    const hint = guess === undefined ? "" : ` did you mean ${guess}?`;
    throw new PluginError(
      name,
      "CW_PLUGIN_NOT_ON",
      `unknown plugin "${name}";${hint} known plugins: ${names.join(", ") || "none"}`,
    );
  }
}

function ignoreResult(): void {}
