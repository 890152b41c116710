import type { TurnInfo } from "@claudeway/ports";
import type { PluginPage } from "@claudeway/schemas";
import type { Logger } from "pino";
import { inWords, within } from "./calling/deadline.js";
import type { TapOwner } from "./calling/guard.js";
import { createScopedHooks, type RecordedTap } from "./calling/taps.js";
import type { Capabilities, PluginServices } from "./capabilities.js";
import type { PluginFaultCode } from "./fault-codes.js";
import { oneLine, PluginError } from "./faults.js";
import { type LeadWork, leadAgain } from "./leading.js";
import type { CorsOptions, JSONSchema, MountOptions, Need, PluginScope } from "./plugin.js";
import { checkPage } from "./plugin-page.js";
import { RequestField } from "./request-fields.js";
import { checkPrefix, type Mount } from "./routes.js";

export interface ResourceOptions {
  readonly owner: TapOwner;
  /** The logger, which names the plugin on every line. */
  readonly log: Logger;
  /** Throws if another plugin has the prefix. */
  readonly claim: (prefix: string) => void;
  /** The gateway's services, and those that this plugin requested. */
  readonly offers: PluginServices;
  readonly needs: readonly Need[];
}

/** Everything that one plugin registered while `apply` ran. It takes effect only when the kernel publishes it. */
export class PluginResources {
  /** The argument of `apply`: a frozen object without a reference to this one. */
  readonly scope: PluginScope & Partial<Capabilities>;
  readonly #taps: RecordedTap[] = [];
  readonly #mounts: Omit<Mount, "running">[] = [];
  readonly #disposers: (() => void | Promise<void>)[] = [];
  readonly #notices = new Set<string>();
  readonly #abort = new AbortController();
  readonly #plugin: string;
  readonly #log: Logger;
  #requestField: RequestField | undefined;
  #page: PluginPage | undefined;
  #sealed = false;
  #leads = false;

  constructor({ owner, log, claim, offers, needs }: ResourceOptions) {
    this.#plugin = owner.plugin;
    this.#log = log;
    this.scope = Object.freeze({
      name: owner.plugin,
      log,
      signal: this.#abort.signal,
      hooks: createScopedHooks(owner, (tap) => {
        this.#checkOpen(`tap "${tap.name}" on ${tap.hook}`);
        this.#taps.push(tap);
      }),
      mount: (prefix: `/${string}`, router: Mount["router"], options: MountOptions = {}) => {
        this.#checkOpen(`mount ${prefix}`);
        checkPrefix(prefix);
        checkMount(prefix, router, options);
        this.#checkOwnPrefixes(prefix);
        claim(prefix);
        const { auth = "key", openapi = {}, ...rest } = options;
        const { plugin, enter } = owner;
        this.#mounts.push(Object.freeze({ ...rest, prefix, plugin, router, auth, openapi, enter }));
      },
      page: (page: PluginPage) => {
        this.#checkOpen("page");
        if (this.#page !== undefined) throw new Error("page must be called once");
        this.#page = checkPage(
          page,
          this.#mounts.map(({ prefix }) => prefix),
        );
      },
      requestFields: <Fields extends object>(schema: JSONSchema) => {
        this.#checkOpen("requestFields");
        if (this.#requestField !== undefined) throw new Error("requestFields must be called once");
        const field = new RequestField(owner.plugin, schema);
        this.#requestField = field;
        return (turn: TurnInfo) => field.in<Fields>(turn);
      },
      onDispose: (dispose: () => void | Promise<void>) => {
        this.#checkOpen("onDispose");
        if (typeof dispose !== "function") throw new TypeError("onDispose must be called with a function");
        const { enter } = owner;
        this.#disposers.push(enter === undefined ? dispose : () => enter(dispose));
      },
      notice: (line: string) => {
        const notice = oneLine(line);
        this.#notices.add(notice);
        return () => void this.#notices.delete(notice);
      },
      lead: (name: string, work: LeadWork) => {
        this.#checkOpen(`lead "${name}"`);
        this.#leads = true;
        const { enter, plugin } = owner;
        const { signal } = this.#abort;
        const inside: LeadWork = enter === undefined ? work : (ends) => enter(() => work(ends));
        const leading = leadAgain({ plugin, singletons: offers.singletons, log, signal }, name, inside);
        this.#disposers.push(() => leading);
      },
      shared: offers.shared,
      get storage() {
        return offers.storage(owner.plugin);
      },
      get store() {
        return offers.store(owner.plugin);
      },
      get childMark() {
        return offers.childMark(owner.plugin);
      },
      get sessions() {
        return offers.sessions;
      },
      get ledger() {
        return offers.ledger;
      },
      ...Object.fromEntries(
        needs.map((need) => [need, need === "quota" ? offers.quota(owner.plugin) : offers[need]]),
      ),
    });
  }

  get taps(): readonly RecordedTap[] {
    return this.#taps;
  }

  get mounts(): readonly Omit<Mount, "running">[] {
    return this.#mounts;
  }

  get page(): PluginPage | undefined {
    return this.#page;
  }

  get requestField(): RequestField | undefined {
    return this.#requestField;
  }

  get notices(): readonly string[] {
    return [...this.#notices];
  }

  /** Whether the plugin called `lead`. */
  get leads(): boolean {
    return this.#leads;
  }

  /** Ends registration: `apply` has ended, with or without success. */
  seal(): void {
    this.#sealed = true;
  }

  /** Aborts the signal, then runs the disposers, last in first out, each within `deadlineMs`. Never rejects. */
  async dispose(deadlineMs: number): Promise<void> {
    this.seal();
    this.#abort.abort(new Error(`plugin ${this.#plugin} is disabled`));
    for (let next = this.#disposers.pop(); next !== undefined; next = this.#disposers.pop()) {
      await this.#runDisposer(next, deadlineMs);
    }
  }

  async #runDisposer(dispose: () => void | Promise<void>, deadlineMs: number): Promise<void> {
    const late = () => new Error(`a disposer did not finish within ${inWords(deadlineMs)}`);
    try {
      await within(Promise.resolve(dispose()), deadlineMs, late);
    } catch (error) {
      const code: PluginFaultCode = "CW_PLUGIN_DISPOSE_FAILED";
      this.#log.error(
        { err: error, code },
        `plugin ${this.#plugin}: a disposer failed; its resources may leak`,
      );
    }
  }

  #checkOpen(what: string): void {
    if (this.#sealed) {
      throw new PluginError(
        this.#plugin,
        "CW_PLUGIN_LATE_REGISTRATION",
        `plugin ${this.#plugin}: ${what} must be registered while apply runs; apply has ended`,
      );
    }
  }

  #checkOwnPrefixes(prefix: string): void {
    if (this.#mounts.some((mount) => mount.prefix === prefix)) {
      throw new Error(`prefix ${prefix} must be mounted once; put all its routes into one router`);
    }
  }
}

const AUTHS: readonly unknown[] = ["key", "admin", "none", undefined];

// Types do not protect plugins in plain JavaScript. In particular, an invalid `auth` must not open a route.
function checkMount(prefix: string, router: Mount["router"], options: MountOptions): void {
  if (typeof router !== "object" || router === null || typeof router.routes !== "function") {
    throw new TypeError(`mount ${prefix}: router must be a router of @koa/router`);
  }
  if (!AUTHS.includes(options.auth)) {
    throw new TypeError(
      `mount ${prefix}: auth must be "key", "admin" or "none", got ${JSON.stringify(options.auth)}`,
    );
  }
  const { bodyBytes, isKnown, errors, challenge, cors } = options;
  if (bodyBytes !== undefined && !(Number.isSafeInteger(bodyBytes) && bodyBytes >= 1)) {
    const got = JSON.stringify(bodyBytes);
    throw new TypeError(`mount ${prefix}: bodyBytes must be an integer of at least 1, got ${got}`);
  }
  for (const [name, given] of Object.entries({ isKnown, errors, challenge })) {
    if (given !== undefined && typeof given !== "function")
      throw new TypeError(`mount ${prefix}: ${name} must be a function, got ${typeof given}`);
  }
  if (cors !== undefined) checkCors(prefix, cors);
}

function checkCors(prefix: string, { origins, credentials }: CorsOptions): void {
  const isList = Array.isArray(origins) && origins.every((one) => typeof one === "string");
  if (origins !== "*" && !isList)
    throw new TypeError(`mount ${prefix}: cors.origins must be "*" or a list of origins`);
  if (origins === "*" && credentials === true)
    throw new TypeError(
      `mount ${prefix}: cors.credentials must not be true with origins "*": list the origins`,
    );
}
