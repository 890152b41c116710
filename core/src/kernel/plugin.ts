import type Router from "@koa/router";
import type { Request } from "koa";
import type { Logger } from "pino";
import type { Hook } from "tapable";
import type { Caller } from "../ports/turns.js";
import type { Capabilities, LedgerView, SessionsView } from "./capabilities.js";
import type { Hooks, RequestInfo } from "./hooks.js";

/** A JSON Schema (2020-12) of an object. */
export interface JSONSchema {
  readonly [keyword: string]: unknown;
}

/** Paths of an OpenAPI 3.1 document, keyed by the path below the mount's prefix. */
export type PathsObject = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What a tap may answer; nothing means "as it is". */
// biome-ignore lint/suspicious/noConfusingVoidType: a tap without a return statement answers void
export type Answer<Returns> = Returns | undefined | void;

/** One hook as a plugin sees it: it can be tapped, never called or intercepted. */
export interface ScopedHook<Args extends readonly unknown[], Returns> {
  /** Adds a synchronous tap. `name` says in logs which of the plugin's taps it is. */
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

export interface MountOptions {
  /** Who gets in: any key (the default), only the admin's, or everybody. */
  readonly auth?: "key" | "admin" | "none";
  /**
   * The largest body of these routes, in bytes, however they read it. Unless given: 8 KiB where they are for everybody,
   * else `limits.body_bytes`.
   */
  readonly bodyBytes?: number;
  /**
   * Where they are for everybody: whether a request has proved by something else than a key who it comes from, such as
   * the cookie of a login. Others that are refused again and again have to wait, before their body is read. Must answer
   * at once.
   */
  isKnown?(headers: RequestInfo["headers"]): boolean;
  /**
   * What the API document says of these routes; what the gateway knows of them (who gets in, its own errors) is added.
   * Under `x-components` it may bring `schemas` and `securitySchemes` along. Without it only the paths are told.
   */
  readonly openapi?: PathsObject;
}

/** What a route finds in `ctx.state`: `new Router<RouteState, RouteContext>()`. */
export interface RouteState {
  /** Who asks; undefined only where `auth` is `"none"`. */
  readonly caller?: Caller;
  /** The client's address, behind the proxies of `trusted_proxies`. */
  readonly clientAddress?: string;
}

/** What a route finds on `ctx` beside Koa's own. */
export interface RouteContext {
  /** `body` is the parsed JSON, not validated; undefined if something other than JSON was sent, or nothing. */
  readonly request?: Request & { readonly body?: unknown };
}

/** What a plugin is given. All that it registers here is its own and goes when it goes. */
export interface PluginScope {
  readonly name: string;
  readonly hooks: ScopedHooks;
  /** A logger that names the plugin on every line. */
  readonly log: Logger;
  /** Aborted when the plugin is switched off, before its disposers run. */
  readonly signal: AbortSignal;
  /** Adds routes below a prefix such as `/reports`. Throws if the prefix is taken. */
  mount(prefix: `/${string}`, router: Router, options?: MountOptions): void;
  /** Runs when the plugin is switched off or the gateway closes, last in first out. */
  onDispose(dispose: () => void | Promise<void>): void;
  /**
   * One plain line for the banner and the plugin list: what an operator must know while this is on. It may come and go
   * at any time: the answer takes it back.
   */
  notice(line: string): () => void;
  /**
   * A folder of the plugin's own, below the data folder, that outlives restarts. Made, with mode 0700, when asked for.
   */
  readonly storage: string;
  /**
   * Variables for the environment of a program that the plugin starts. Whatever bears them, and all that it starts, is
   * ended at the gateway's next start, should a crash leave it behind (on Linux). Ending it before that is the
   * plugin's.
   */
  readonly childMark: Readonly<Record<string, string>>;
  /** Every key's sessions, to be read. */
  readonly sessions: SessionsView;
  /** Turns and money, to be read. */
  readonly ledger: LedgerView;
}

/** Every need that a plugin can name: see `Capabilities`. */
export const NEEDS = ["turns", "approvals", "control"] as const satisfies readonly Need[];

/** What a plugin may ask for beyond the plain scope. */
export type Need = keyof Capabilities;

/** The scope with what the plugin asked for; the rest is not there, in the types and at run time. */
export type Scope<Needs extends Need = never> = PluginScope & Pick<Capabilities, Needs>;

/** What a plugin shows to whoever sets it up on a terminal. */
export interface SetupTerminal {
  /** One plain line. */
  say(line: string): void;
  /** Aborted when the setup is given up. */
  readonly signal: AbortSignal;
}

/**
 * How a plugin helps with its section when `claudeway init` asks for it. Its required settings are asked for anyway.
 */
export interface PluginSetup<Config> {
  /** Settings that are worth a question though they are not required; no answer leaves them out. */
  readonly ask?: readonly (keyof Config & string)[];
  /**
   * Finds a required setting that users don't know by heart, from the answers so far and the defaults. If it is
   * undefined, or rejects with an error, whose message is shown, the setting is asked for like the others.
   */
  find?(
    setting: keyof Config & string,
    given: Readonly<Partial<Config>>,
    terminal: SetupTerminal,
  ): Promise<unknown>;
  /** Tries a checked section out. Resolves to one line on what was found; rejects with why it does not work. */
  test?(config: Readonly<Config>, terminal: SetupTerminal): Promise<string>;
}

/** A plugin: a name, what its configuration looks like, and `apply`, which wires it up. */
export interface Plugin<Config, Needs extends Need = never> {
  /** Lower case letters, digits and underscores; the key of its section in the configuration. */
  readonly name: string;
  readonly apiVersion: 1;
  /** Checks the plugin's section of the configuration; `enabled` is the kernel's own and taken off before. */
  readonly configSchema: JSONSchema;
  readonly needs?: readonly Needs[];
  /** Stop the running instance before a new one starts (a bot's long poll). */
  readonly exclusive?: true;
  readonly setup?: PluginSetup<Config>;
  /** False: while the plugin is on, something else than Claude answers, and the CLI needs no login. */
  readonly needsLogin?: false;
  /** Wires the plugin up. When it throws, or takes too long, all that it registered is undone. */
  apply(kernel: Scope<Needs>, config: Readonly<Config>): void | Promise<void>;
}

/** A plugin of whatever configuration and needs, as the kernel handles it. */
export interface AnyPlugin extends Omit<Plugin<object, Need>, "apply" | "setup"> {
  readonly setup?: AnySetup;
  apply(kernel: PluginScope & Partial<Capabilities>, config: Readonly<object>): void | Promise<void>;
}

/** A setup of whatever configuration. */
export interface AnySetup {
  readonly ask?: readonly string[];
  find?(setting: string, given: object, terminal: SetupTerminal): Promise<unknown>;
  test?(config: object, terminal: SetupTerminal): Promise<string>;
}

/** Declares a plugin; gives its types, changes nothing. */
export function definePlugin<Config, Needs extends Need = never>(
  plugin: Plugin<Config, Needs>,
): Plugin<Config, Needs> {
  return plugin;
}
