import { messageOf } from "@claudeway/ports";
import type { Logger } from "pino";
import { inWords } from "./calling/deadline.js";
import type { CallWatch } from "./calling/guard.js";
import { composeHooks } from "./calling/taps.js";
import { NO_SERVICES, type PluginServices } from "./capabilities.js";
import { createHooks, type Hooks } from "./hooks.js";
import { Instance, type KernelLimits, type StartOptions } from "./instance.js";
import type { CheckedPlugin } from "./loading/selection.js";
import { RequestFields } from "./request-fields.js";
import { isAtOrBelow, RouteTable } from "./routes.js";
import { lastErrorOf, NO_ERROR, type PluginEntry } from "./status.js";

export interface PluginRegistryOptions {
  readonly log: Logger;
  readonly limits: KernelLimits;
  /** No plugin may mount at or below these. */
  readonly reservedPrefixes: readonly string[];
  /** Aborts a start in progress. */
  readonly signal: AbortSignal;
  readonly watch: CallWatch | undefined;
  /** Whether a plugin of this name is installed. */
  readonly isInstalled: (name: string) => boolean;
}

/**
 * The plugins that the kernel knows, and the hooks and routes of those that are on. Not re-entrant; `Kernel`
 * serialises.
 */
export class PluginRegistry {
  readonly routes = new RouteTable();
  readonly requestFields = new RequestFields((name) => this.#presence(name));
  /** In the order of tap calls. */
  #entries = new Map<string, PluginEntry>();
  #hooks = createHooks();
  #hasApproved = false;

  #offers: PluginServices = NO_SERVICES;

  constructor(readonly options: PluginRegistryOptions) {}

  /** Sets the services for plugins that start from now on. */
  offer(offers: PluginServices): void {
    this.#offers = this.options.watch?.outside(offers) ?? offers;
  }

  /** Composed again on every change; a call in flight keeps its set. */
  get hooks(): Hooks {
    return this.#hooks;
  }

  /** Whether a plugin has ever tapped `approve`. */
  get hasApproved(): boolean {
    return this.#hasApproved;
  }

  get entries(): readonly PluginEntry[] {
    return [...this.#entries.values()];
  }

  get(name: string): PluginEntry | undefined {
    return this.#entries.get(name);
  }

  /** Rejects with a `PluginError`; the plugin is then listed as failed. */
  async start(checked: CheckedPlugin): Promise<void> {
    const before = this.#entries.get(checked.name);
    try {
      const instance = await this.#startInstance(checked);
      this.#show({ checked, instance, state: "on", ...NO_ERROR });
    } catch (error) {
      this.#show({ checked, instance: before?.instance, state: "failed", ...lastErrorOf(error) });
      throw error;
    }
  }

  /** Never rejects. */
  async switchOff(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.state === "off") return;
    const { checked, instance } = entry;
    const { meter } = instance ?? {};
    const lastError = entry.lastError ?? meter?.lastError ?? null;
    const lastErrorCode = entry.lastErrorCode ?? meter?.lastErrorCode ?? null;
    this.#show({ checked, instance: undefined, state: "off", lastError, lastErrorCode });
    await instance?.stop();
    this.options.log.info(`plugin ${name}: off`);
  }

  /** Replaces a running instance. Rejects with a `PluginError`. */
  replace(entry: PluginEntry, checked: CheckedPlugin): Promise<void> {
    const exclusive = checked.plugin.exclusive ?? entry.checked.plugin.exclusive;
    return exclusive !== undefined ? this.#restart(entry, checked) : this.#swap(entry, checked);
  }

  /** Moves the named plugins to the front, in this order; the others keep their order. */
  reorder(names: readonly string[]): void {
    const before = this.#entries;
    this.#entries = new Map();
    for (const name of new Set([...names, ...before.keys()])) {
      const entry = before.get(name);
      if (entry !== undefined) this.#entries.set(name, entry);
    }
    this.#compose();
  }

  /** Starts the new instance before stopping the old one, so that a failed start changes nothing. */
  async #swap(entry: PluginEntry, checked: CheckedPlugin): Promise<void> {
    try {
      const instance = await this.#startInstance(checked);
      this.#show({ checked, instance, state: "on", ...NO_ERROR });
    } catch (error) {
      this.#show({ ...entry, ...lastErrorOf(error) });
      throw error;
    }
    await entry.instance?.stop();
  }

  /** Stops the old instance first. Calls that it would decide are refused meanwhile, not admitted. */
  async #restart(entry: PluginEntry, checked: CheckedPlugin): Promise<void> {
    entry.instance?.hold();
    this.#compose();
    await entry.instance?.stop();
    try {
      await this.start(checked);
    } catch (error) {
      await this.#startAgain(entry, error);
      throw error;
    }
  }

  async #startAgain(entry: PluginEntry, reason: unknown): Promise<void> {
    try {
      const instance = await this.#startInstance(entry.checked);
      this.#show({ ...entry, instance, ...lastErrorOf(reason) });
    } catch (error) {
      const lastError = `${messageOf(reason)}; and with its old configuration: ${messageOf(error)}`;
      // Its taps stay and refuse: removing a plugin that guards something would admit everything.
      this.#show({ ...entry, state: "failed", ...lastErrorOf(error), lastError });
      this.options.log.error(
        `plugin ${entry.checked.name}: has failed; calls that it decides are refused: ${lastError}`,
      );
    }
  }

  async #startInstance(checked: CheckedPlugin): Promise<Instance> {
    const { log, limits, signal, watch } = this.options;
    const claim = (prefix: string): void => this.#claimPrefix(prefix, checked.name);
    const options: StartOptions = { log, limits, signal, claim, offers: this.#offers, watch };
    const instance = await Instance.start(checked, options);
    log.info(`plugin ${checked.name}: on after ${inWords(instance.startedMs)}`);
    return instance;
  }

  /** Throws if the prefix is in use. A new instance may claim the prefixes of the one that it replaces. */
  #claimPrefix(prefix: string, name: string): void {
    // The gateway's own routes are case-insensitive.
    const plain = prefix.toLowerCase();
    if (this.options.reservedPrefixes.some((own) => isAtOrBelow(plain, own))) {
      throw new Error(`prefix ${prefix} is used by the gateway itself; choose another`);
    }
    const holder = this.routes.list().find((mount) => mount.prefix === prefix && mount.plugin !== name);
    if (holder !== undefined) throw new Error(`prefix ${prefix} is already used by plugin ${holder.plugin}`);
  }

  /** Records and publishes the state of a plugin. */
  #show(entry: PluginEntry): void {
    this.#entries.set(entry.checked.name, entry);
    this.#compose();
  }

  #presence(name: string): "on" | "off" | undefined {
    if (this.#entries.get(name)?.state === "on") return "on";
    return this.#entries.has(name) || this.options.isInstalled(name) ? "off" : undefined;
  }

  /** Changes taps and routes in one step, so that no request sees only one of the two changed. */
  #compose(): void {
    const instances = this.entries.flatMap(({ instance }) => instance ?? []);
    this.#hooks = composeHooks(instances);
    this.#hasApproved ||= this.#hooks.approve.isUsed();
    this.routes.replaceAll(instances.flatMap(({ mounts }) => mounts));
    this.requestFields.replaceAll(instances.flatMap(({ requestFields }) => requestFields));
  }
}
