import { AsyncLocalStorage, createHook } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallWatch, Kernel, PluginServices, TapOwner } from "@claudeway/core/host";

/** Something that a plugin opened, and that was open when the plugin was off. */
export interface Leftover {
  readonly plugin: string;
  /** `timer`, `socket`, `child process` … */
  readonly kind: string;
  /** Where it was made, as a stack trace says it; undefined where that is not known. */
  readonly madeAt: string | undefined;
}

/** What is watched, by the names that async_hooks has for it. */
const KINDS: Readonly<Record<string, string>> = {
  Timeout: "timer",
  TCPWRAP: "socket",
  TCPSERVERWRAP: "listening socket",
  TLSWRAP: "TLS socket",
  UDPWRAP: "UDP socket",
  PIPEWRAP: "pipe",
  PIPESERVERWRAP: "listening pipe",
  PROCESSWRAP: "child process",
  FSEVENTWRAP: "file watcher",
  STATWATCHER: "file watcher",
  FILEHANDLE: "open file",
  SIGNALWRAP: "signal handler",
  WORKER: "worker",
};

/** How long what was closed may take to be gone: a child, say, that has been told to end. */
const GONE_MS = 500;
const LOOK_EVERY_MS = 5;

interface Opened {
  readonly owner: TapOwner;
  readonly type: string;
  readonly resource: WeakRef<object>;
  /** Its stack is read only if it is left behind. */
  readonly made: Error;
}

/**
 * Notes whose is what is opened: timers, sockets, children and the like that come into being while a plugin's code runs,
 * or what that code has set going. What the gateway does for a plugin that asked for it is the gateway's own.
 */
export class Leftovers implements CallWatch {
  readonly #owner = new AsyncLocalStorage<TapOwner>();
  readonly #open = new Map<number, Opened>();
  readonly #hook = createHook({
    init: (id, type, _trigger, resource) => this.#note(id, type, resource),
    destroy: (id) => this.#open.delete(id),
  }).enable();

  inside<T>(owner: TapOwner, call: () => T): T {
    return this.#owner.run(owner, call);
  }

  outside(offers: PluginServices): PluginServices {
    const own = (call: () => unknown) => this.#owner.exit(call);
    return {
      ...offers,
      turns: calledBy(offers.turns, own),
      approvals: calledBy(offers.approvals, own),
      control: calledBy(offers.control, own),
      sessions: calledBy(offers.sessions, own),
      ledger: calledBy(offers.ledger, own),
    };
  }

  /** What is open of plugins that are off, after what has been closed has had the time to be gone. */
  async list(): Promise<Leftover[]> {
    const deadline = performance.now() + GONE_MS;
    while (this.#left().length > 0 && performance.now() < deadline) await sleep(LOOK_EVERY_MS);
    return this.#left().map(({ owner, type, made }) => ({
      plugin: owner.plugin,
      kind: KINDS[type] ?? type,
      madeAt: callerIn(made),
    }));
  }

  /** Watches no more. */
  close(): void {
    this.#hook.disable();
    this.#open.clear();
  }

  #note(id: number, type: string, resource: object): void {
    if (KINDS[type] === undefined) return;
    const owner = this.#owner.getStore();
    if (owner === undefined) return;
    this.#open.set(id, { owner, type, resource: new WeakRef(resource), made: traced() });
  }

  #left(): Opened[] {
    return [...this.#open.values()].filter(
      (opened) => !opened.owner.active && !isIdleConnection(opened) && !isNodesOwn(opened),
    );
  }
}

/** Taps and routes of plugins that are off. */
export function registeredBy(kernel: Pick<Kernel, "hooks" | "routes" | "status">): Leftover[] {
  const off = new Set(kernel.status().flatMap(({ name, state }) => (state === "off" ? [name] : [])));
  const tapped = Object.entries(kernel.hooks).flatMap(([hook, { taps }]) =>
    taps.map(({ name }) => ({ plugin: name.split(":")[0] ?? "", kind: `tap on ${hook}`, madeAt: undefined })),
  );
  const routes = kernel.routes
    .list()
    .map(({ plugin, prefix }) => ({ plugin, kind: `route ${prefix}`, madeAt: undefined }));
  return [...tapped, ...routes].filter(({ plugin }) => off.has(plugin));
}

/** Says what plugins left behind, and whose it is. */
export class LeakError extends Error {
  override readonly name = "LeakError";

  constructor(readonly leaks: readonly Leftover[]) {
    super(leaks.map(describe).join("\n"));
  }
}

/** `plugin x: left a timer behind, made at apply (/x/index.js:3:7)`. */
function describe({ plugin, kind, madeAt }: Leftover): string {
  const article = /^[aeiou]/.test(kind) ? "an" : "a";
  return `plugin ${plugin}: left ${article} ${kind} behind${madeAt === undefined ? "" : `, made at ${madeAt}`}`;
}

/** The object, each method of which is called by `call`. */
function calledBy<T extends object>(target: T, call: (work: () => unknown) => unknown): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => call(() => Reflect.apply(value, target, args));
    },
  });
}

/** A connection that Node's own pools keep for the next request holds up nothing, and goes by itself. */
function isIdleConnection({ type, resource }: Opened): boolean {
  if (type !== "TCPWRAP" && type !== "TLSWRAP") return false;
  const handle = resource.deref();
  const hasRef: unknown = handle === undefined ? undefined : Reflect.get(handle, "hasRef");
  return typeof hasRef === "function" && Reflect.apply(hasRef, handle, []) === false;
}

/** A timer that Node set for a purpose of its own, on a socket say, goes with that. */
function isNodesOwn({ type, made }: Opened): boolean {
  return type === "Timeout" && frames(made)[0]?.includes("node:") === true;
}

const TRACE_DEPTH = 30;

function traced(): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = TRACE_DEPTH;
  const made = new Error("made here");
  Error.stackTraceLimit = stackTraceLimit;
  return made;
}

const MAKING = /node:(internal\/)?(timers|async_hooks)|\/testing\/(?:dist|src)\/(leftovers|clock)\.[jt]s/;

/** Who called what makes timers, and so on up. */
function frames({ stack = "" }: Error): string[] {
  return stack
    .split("\n")
    .slice(1)
    .filter((line) => !MAKING.test(line));
}

/** The first place outside Node itself. */
function callerIn(made: Error): string | undefined {
  const frame = frames(made).find((line) => !/node:|<anonymous>/.test(line));
  return frame?.replace(/^\s*at /, "");
}
