import type { Caller, TurnInfo } from "@claudeway/ports";
import type { ErrorResponse, PluginPage } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { Request } from "koa";
import type { Logger } from "pino";
import type { Hook } from "tapable";
import type { Capabilities } from "./capabilities.js";
import type { GatewayPaths } from "./gateway-control.js";
import type { Hooks, RequestInfo } from "./hooks.js";
import type { LedgerView } from "./ledger-view.js";
import type { PluginStore } from "./plugin-store.js";
import type { SessionsView } from "./sessions-view.js";

/** A JSON Schema (2020-12) of an object. */
export interface JSONSchema {
  readonly [keyword: string]: unknown;
}

/** Paths of an OpenAPI 3.1 document, keyed by the path below the mount's prefix. */
export type PathsObject = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The return value of a tap; nothing means unchanged. */
// biome-ignore lint/suspicious/noConfusingVoidType: a tap without a return statement answers void
export type Answer<Returns> = Returns | undefined | void;

/** One hook as a plugin sees it: it can be tapped, never called or intercepted. */
export interface ScopedHook<Args extends readonly unknown[], Returns> {
  /** Adds a synchronous tap. `name` identifies the tap in logs. */
  tap(name: string, fn: (...args: Args) => Answer<Returns>): void;
  /** Adds an asynchronous tap. */
  tapPromise(name: string, fn: (...args: Args) => Promise<Answer<Returns>>): void;
}

/** Every hook of the table, as a plugin sees it. */
export type ScopedHooks = {
  readonly [K in keyof Hooks]: Hooks[K] extends Hook<infer Args, infer Returns>
    ? ScopedHook<Extract<Args, readonly unknown[]>, Returns>
    : never;
};

/** Who may call routes from a page of another origin. */
export interface CorsOptions {
  /** Such as `https://app.example.com`; `"*"` for all. */
  readonly origins: "*" | readonly string[];
  /** The request headers that a page may send. Default: those that it asks for. */
  readonly allowHeaders?: readonly string[];
  /** The response headers that a page may read. */
  readonly exposeHeaders?: readonly string[];
  /** True: the browser may send cookies. Not with `origins: "*"`. */
  readonly credentials?: boolean;
  /** How long a browser may remember the answer, in seconds. */
  readonly maxAgeSecs?: number;
}

/** An error as a client would get it, with its status. */
export interface MountError extends ErrorResponse {
  readonly status: number;
}

export interface MountOptions {
  /** Who is admitted: any key (the default), only the admin's, or anyone. */
  readonly auth?: "key" | "admin" | "none";
  /**
   * The maximum body size of these routes, in bytes, however they read it. Default: 8 KiB for routes without
   * authentication, else `limits.body_bytes`.
   */
  readonly bodyBytes?: number;
  /** Lets pages of other origins call these routes. By default, browsers refuse that. */
  readonly cors?: CorsOptions;
  /**
   * The body of every error below the prefix, core's own included, for APIs with an error format of their own. Must be
   * synchronous, and return an object. Errors of malformed HTTP keep core's format.
   */
  errors?(error: MountError): object;
  /**
   * The `WWW-Authenticate` header of every 401 below the prefix, for clients that read more from it than `Bearer` (RFC 6750,
   * RFC 9728). Must be synchronous, and return a valid header.
   */
  challenge?(headers: RequestInfo["headers"]): string;
  /**
   * For routes without authentication: whether a request is authenticated by other means than a key, such as a login
   * cookie. Other clients that are refused repeatedly must wait before their body is read. Must be synchronous.
   */
  isKnown?(headers: RequestInfo["headers"]): boolean;
  /**
   * The OpenAPI description of these routes; the gateway adds authentication and its own errors. `x-components` may
   * contain `schemas` and `securitySchemes`. Without a description, the document lists only the paths.
   */
  readonly openapi?: PathsObject;
}

/** The type of `ctx.state` in routes: `new Router<RouteState, RouteContext>()`. */
export interface RouteState {
  /** The caller; undefined only if `auth` is `"none"`, and the route has not called `admit`. */
  readonly caller?: Caller;
  /**
   * For routes with `auth: "none"`: admits a sender that the route authenticated by itself. Sets `caller`, so that the
   * request is in the audit log of its key, and runs the `request` hook; rejects with the refusal of a plugin.
   */
  readonly admit?: (caller: Caller) => Promise<void>;
  /** The client's address, behind the proxies of `trusted_proxies`. */
  readonly clientAddress?: string;
}

/** The properties of `ctx` in routes, besides Koa's own. */
export interface RouteContext {
  /**
   * `body` is the parsed JSON, not validated; undefined if something other than JSON was sent, or nothing. A route that
   * does not read something else by itself, and fails, is answered with 415.
   */
  readonly request?: Request & { readonly body?: unknown };
}

/** The scope of a plugin. Everything that it registers here is removed when the plugin is disabled. */
export interface PluginScope {
  readonly name: string;
  readonly hooks: ScopedHooks;
  /** A logger that names the plugin on every line. */
  readonly log: Logger;
  /** Aborted when the plugin is disabled, before its disposers run. */
  readonly signal: AbortSignal;
  /** Adds routes below a prefix such as `/reports`. Throws if the prefix is in use. */
  mount(prefix: `/${string}`, router: Router, options?: MountOptions): void;
  /**
   * Adds a page to the dashboard: tables, figures, charts and forms whose data come from routes that the plugin has mounted
   * below `/admin`. Call it once, after `mount`. Throws if the description is not valid.
   */
  page(page: PluginPage): void;
  /**
   * Lets prompts, tasks and sessions have a field with the plugin's name: an object, checked by the schema, with defaults
   * filled in. The returned function reads it from a turn; undefined if neither its request nor its session has it. The
   * type is the author's: it must be what the schema allows.
   */
  requestFields<T extends object>(schema: JSONSchema): (turn: TurnInfo) => Readonly<T> | undefined;
  /** Registers a disposer. Disposers run when the plugin is disabled or the gateway closes, last in first out. */
  onDispose(dispose: () => void | Promise<void>): void;
  /**
   * Adds one line to the banner and the plugin list: what an operator must know while the plugin is enabled. The
   * returned function removes it.
   */
  notice(line: string): () => void;
  /**
   * Work that must happen once, however many gateways share the ledger: polling a messenger, for example. It begins when
   * this gateway leads, on a single machine at once. Its signal is aborted when the plugin is disabled, and when another
   * gateway may lead: end it at once then. It begins again when this gateway leads again, or after it failed. Call `lead`
   * while `apply` runs.
   */
  lead(name: string, work: (signal: AbortSignal) => Promise<void>): void;
  /**
   * True if other gateways work on the same ledger: what happens there calls no hook here, and their instances of the plugin
   * write to the same `store`.
   */
  readonly shared: boolean;
  /** A persistent folder of the plugin below the data folder. Created with mode 0700 on the first call. */
  readonly storage: string;
  /** Small state of the plugin in the ledger, for what must follow the ledger to any database and into its backups. */
  readonly store: PluginStore;
  /**
   * Environment variables for a program that the plugin starts. If the gateway crashes, its next start ends every
   * process with these variables, and their children (on Linux). Otherwise the plugin must end the program itself.
   */
  readonly childMark: Readonly<Record<string, string>>;
  /** Read access to the sessions of every key. */
  readonly sessions: SessionsView;
  /** Read access to turns and costs. */
  readonly ledger: LedgerView;
}

/** Every need that a plugin can declare: see `Capabilities`. */
export const NEEDS = ["turns", "approvals", "control", "keys", "quota"] as const satisfies readonly Need[];

/** A service that a plugin may request beyond the plain scope. */
export type Need = keyof Capabilities;

/** The scope with the requested services; others are absent, in the types and at run time. */
export type Scope<Needs extends Need = never> = PluginScope & Pick<Capabilities, Needs>;

/** The output of a plugin during setup on a terminal. */
export interface SetupTerminal {
  /** Prints one line. */
  say(line: string): void;
  /** Aborted when the setup is cancelled. */
  readonly signal: AbortSignal;
}

/** How a plugin supports `claudeway init`, which always asks for the required settings. */
export interface PluginSetup<Config> {
  /** Optional settings to ask for; an empty answer omits them. */
  readonly ask?: readonly (keyof Config & string)[];
  /**
   * Finds a setting that users rarely know, from the answers so far and the defaults. If it resolves to undefined, or
   * rejects (the message is shown), the setting is asked for like the others.
   */
  find?(
    setting: keyof Config & string,
    given: Readonly<Partial<Config>>,
    terminal: SetupTerminal,
  ): Promise<unknown>;
  /**
   * Tests a validated section. Resolves to one line about the result, or rejects with the reason why it does not work.
   */
  test?(config: Readonly<Config>, terminal: SetupTerminal): Promise<string>;
}

/** What `claudeway check` gives to a plugin. */
export interface CheckContext {
  /** The gateway's own folders. They may not exist yet, and a running gateway may use them. */
  readonly paths: GatewayPaths;
  /** Aborted after the deadline, or when the check is cancelled. */
  readonly signal: AbortSignal;
}

/** One finding of a check. */
export interface CheckFinding {
  /** What was checked, in a word or two. */
  readonly name: string;
  readonly ok: boolean;
  /** True: the plugin works, but the operator should read this. */
  readonly warning?: boolean;
  /** One line: what was found, or why the plugin would not work. */
  readonly text: string;
}

/** A plugin: a name, the schema of its configuration, and `apply`, which registers its taps and routes. */
export interface Plugin<Config, Needs extends Need = never> {
  /** Lower-case letters, digits and underscores; the key of its section in the configuration. */
  readonly name: string;
  readonly apiVersion: 1;
  /** The schema of the plugin's section; `enabled` belongs to the kernel and is removed before validation. */
  readonly configSchema: JSONSchema;
  readonly needs?: readonly Needs[];
  /**
   * Stop the running instance before a new one starts (a bot's long poll). `true`: there must be one in all gateways that
   * share a ledger, and what must exist once is in `kernel.lead`; a plugin that does not call it is refused there.
   * `"node"`: one in each gateway.
   */
  readonly exclusive?: true | "node";
  readonly setup?: PluginSetup<Config>;
  /**
   * Adds the plugin's findings to `claudeway check`, which starts nothing: whether what the plugin needs is there. Resolves
   * to one line or to several findings; rejects with the reason why the plugin would not work. Must leave nothing behind.
   */
  check?(config: Readonly<Config>, context: CheckContext): Promise<string | readonly CheckFinding[]>;
  /** False if, while the plugin is enabled, something other than Claude answers and the CLI needs no login. */
  readonly needsLogin?: false;
  /** True if, while the plugin is enabled, what the CLI's tool calls can do is less than what the gateway can do. */
  readonly confinesCli?: true;
  /**
   * Registers taps, routes and disposers. If it throws or exceeds its deadline, everything it registered is removed.
   */
  apply(kernel: Scope<Needs>, config: Readonly<Config>): void | Promise<void>;
}

/** A plugin with any configuration and needs, as the kernel handles it. */
export interface AnyPlugin extends Omit<Plugin<object, Need>, "apply" | "setup" | "check"> {
  readonly setup?: AnySetup;
  check?(config: object, context: CheckContext): Promise<string | readonly CheckFinding[]>;
  apply(kernel: PluginScope & Partial<Capabilities>, config: Readonly<object>): void | Promise<void>;
}

/** A setup for any configuration. */
export interface AnySetup {
  readonly ask?: readonly string[];
  find?(setting: string, given: object, terminal: SetupTerminal): Promise<unknown>;
  test?(config: object, terminal: SetupTerminal): Promise<string>;
}

/** Declares a plugin. Only infers types; returns its argument. */
export function definePlugin<Config, Needs extends Need = never>(
  plugin: Plugin<Config, Needs>,
): Plugin<Config, Needs> {
  return plugin;
}
