import { AsyncLocalStorage, createHook } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallWatch, Kernel, PluginServices, TapOwner } from "@claudeway/kernel";

/** A resource that a plugin opened and that was still open after the plugin was disabled. */
export interface Leftover {
  readonly plugin: string;
  /** `timer`, `socket`, `child process` … */
  readonly kind: string;
  /** Where it was created, in the form of a stack frame; undefined if unknown. */
  readonly madeAt: string | undefined;
}

/** The watched resources, by their async_hooks types. */
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

/** How long closed resources may take to disappear, such as a child process that was signalled. */
const GONE_MS = 500;
const LOOK_EVERY_MS = 5;

interface Opened {
  readonly owner: TapOwner;
  readonly type: string;
  readonly resource: WeakRef<object>;
  /** The stack is formatted only if the resource leaks. */
  readonly made: Error;
}

/**
 * Tracks which plugin opens which resources: timers, sockets, child processes and others that are created by the
 * plugin's code, directly or indirectly. Resources that the gateway's services open for a plugin belong to the
 * gateway.
 */
export class Leftovers implements CallWatch {
  readonly #owner = new AsyncLocalStorage<TapOwner>();
  readonly #open = new Map<number, Opened>();
  readonly #hook = createHook({
    init: (id, type, _trigger, resource) => this.#note(id, type, resource),
    destroy: (id) => this.#open.delete(id),
  });

  inside<T>(owner: TapOwner, call: () => T): T {
    // With the first plugin: the hook costs something for every promise of the process.
    this.#hook.enable();
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

  /** The open resources of disabled plugins, after closed ones have had time to disappear. */
  async list(): Promise<Leftover[]> {
    const deadline = performance.now() + GONE_MS;
    while (this.#left().length > 0 && performance.now() < deadline) await sleep(LOOK_EVERY_MS);
    return this.#left().map(({ owner, type, made }) => ({
      plugin: owner.plugin,
      kind: KINDS[type] ?? type,
      madeAt: callerIn(made),
    }));
  }

  /** Stops tracking: every promise of the process costs what it did before. */
  close(): void {
    this.#hook.disable();
    this.#owner.disable();
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

/** The remaining taps and routes of disabled plugins. */
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

/** Reports leaked resources and their plugins. */
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

/** Wraps an object so that its methods are called by `call`. */
function calledBy<T extends object>(target: T, call: (work: () => unknown) => unknown): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => call(() => Reflect.apply(value, target, args));
    },
  });
}

/** A keep-alive connection of Node's HTTP agent is not a leak; it closes by itself. */
function isIdleConnection({ type, resource }: Opened): boolean {
  if (type !== "TCPWRAP" && type !== "TLSWRAP") return false;
  const handle = resource.deref();
  const hasRef: unknown = handle === undefined ? undefined : Reflect.get(handle, "hasRef");
  return typeof hasRef === "function" && Reflect.apply(hasRef, handle, []) === false;
}

/** A timer that Node created for its own purposes, for instance on a socket, is removed with that resource. */
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

/** The stack frames above the function that created the resource. */
function frames({ stack = "" }: Error): string[] {
  return stack
    .split("\n")
    .slice(1)
    .filter((line) => !MAKING.test(line));
}

/** The first frame outside Node itself. */
function callerIn(made: Error): string | undefined {
  const frame = frames(made).find((line) => !/node:|<anonymous>/.test(line));
  return frame?.replace(/^\s*at /, "");
}
