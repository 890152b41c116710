import type {
  Caller,
  Refusal,
  SpawnPlan,
  ToolCall,
  TurnInfo,
  TurnPlan,
  Verdict,
  WorkdirRequest,
} from "@claudeway/ports";
import type { TapSite } from "../faults.js";
import {
  createHooks,
  type HookName,
  type Hooks,
  type KeyDescription,
  type RequestHead,
  type RequestInfo,
} from "../hooks.js";
import type { Answer, ScopedHook, ScopedHooks } from "../plugin.js";
import {
  type AnswerCheck,
  checkDescription,
  checkFolder,
  checkRefusal,
  checkSender,
  checkSpawnPlan,
  checkTurnPlan,
  checkVerdict,
  type PlanCheck,
} from "./answers.js";
import type { CallsInFlight } from "./calls.js";
import { deepFreeze } from "./freeze.js";
import { askTap, awaitTap, type Done, type TapOwner, tellTap, unavailable } from "./guard.js";

/** A tap as registered by its plugin. It is part of every set of hooks composed while the plugin is on. */
export interface RecordedTap {
  readonly hook: HookName;
  readonly name: string;
  /** Whether the answer of the hook depends on it. */
  readonly decides: boolean;
  /** Adds the tap, guarded, to a set. */
  install(hooks: Hooks): void;
  /** Adds a replacement for the tap while its plugin is not running: it refuses what the tap had to decide on. */
  hold(hooks: Hooks): void;
}

/** The taps of one plugin. */
export interface TapGroup {
  readonly taps: readonly RecordedTap[];
  readonly calls: CallsInFlight;
  /** True while the plugin is not running but its taps must still refuse. */
  readonly held: boolean;
}

/** A fresh set of hooks with the taps of these plugins, in their order. Calls in flight keep the set they began on. */
export function composeHooks(groups: readonly TapGroup[]): Hooks {
  const hooks = createHooks();
  for (const group of groups) {
    for (const tap of group.taps) {
      if (group.held) tap.hold(hooks);
      else tap.install(hooks);
    }
  }
  freezeArguments(hooks);
  countInterceptorCalls(hooks, groups);
  return hooks;
}

/** The hooks as a plugin sees them. Each tap is passed to `record`, which may throw. */
export function createScopedHooks(owner: TapOwner, record: (tap: RecordedTap) => void): ScopedHooks {
  const recorder = new TapRecorder(owner, record);
  return Object.freeze({
    authenticate: recorder.bail<[RequestHead], Caller | Refusal>(
      "authenticate",
      checkSender,
      (hooks, name, ask) => hooks.authenticate.tapAsync(name, (request, done) => ask([request], done)),
    ),
    request: recorder.bail<[RequestInfo], Refusal>("request", checkRefusal, (hooks, name, ask) =>
      hooks.request.tapAsync(name, (request, done) => ask([request], done)),
    ),
    describeKey: recorder.waterfall<KeyDescription, [string]>(
      "describeKey",
      checkDescription,
      (hooks, name, ask) =>
        hooks.describeKey.tapAsync(name, (description, keyId, done) => ask([description, keyId], done)),
    ),
    workdir: recorder.bail<[WorkdirRequest], string>("workdir", checkFolder, (hooks, name, ask) =>
      hooks.workdir.tapAsync(name, (request, done) => ask([request], done)),
    ),
    beforeExecute: recorder.waterfall<TurnPlan, [TurnInfo]>(
      "beforeExecute",
      checkTurnPlan,
      (hooks, name, ask) => hooks.beforeExecute.tapAsync(name, (plan, turn, done) => ask([plan, turn], done)),
    ),
    backgroundTurn: recorder.bail<[TurnInfo], Refusal>("backgroundTurn", checkRefusal, (hooks, name, ask) =>
      hooks.backgroundTurn.tapAsync(name, (turn, done) => ask([turn], done)),
    ),
    spawn: recorder.waterfall<SpawnPlan, [TurnInfo | undefined]>(
      "spawn",
      checkSpawnPlan,
      (hooks, name, ask) => hooks.spawn.tapAsync(name, (plan, turn, done) => ask([plan, turn], done)),
    ),
    approve: recorder.bail<[ToolCall, TurnInfo], Verdict>("approve", checkVerdict, (hooks, name, ask) =>
      hooks.approve.tapAsync(name, (call, turn, done) => ask([call, turn], done)),
    ),
    approvalRequested: recorder.observer("approvalRequested", (hooks) => hooks.approvalRequested),
    approvalDecided: recorder.observer("approvalDecided", (hooks) => hooks.approvalDecided),
    event: recorder.observer("event", (hooks) => hooks.event),
    afterExecute: recorder.observer("afterExecute", (hooks) => hooks.afterExecute),
    usagePriced: recorder.observer("usagePriced", (hooks) => hooks.usagePriced),
    budgetWarning: recorder.observer("budgetWarning", (hooks) => hooks.budgetWarning),
    requestCompleted: recorder.observer("requestCompleted", (hooks) => hooks.requestCompleted),
    listening: recorder.observer("listening", (hooks) => hooks.listening),
    publicUrl: recorder.observer("publicUrl", (hooks) => hooks.publicUrl),
    sessionStart: recorder.observer("sessionStart", (hooks) => hooks.sessionStart),
    sessionEnd: recorder.observer("sessionEnd", (hooks) => hooks.sessionEnd),
    closing: recorder.awaited("closing", (hooks) => hooks.closing),
  });
}

/** The part of a tapable hook that the kernel uses, with plain types. */
interface SyncTappable<Args extends readonly unknown[]> {
  tap(name: string, fn: (...args: Args) => void): void;
}
interface AsyncTappable<Args extends readonly unknown[]> {
  tapPromise(name: string, fn: (...args: Args) => Promise<void>): void;
}
type TapFunction<Args extends readonly unknown[], R> = (...args: Args) => Answer<R> | Promise<Answer<R>>;

/** Calls an interceptor tap; `done` gets the outcome. */
type Ask<Args extends readonly unknown[], R> = (args: Args, done: Done<R>) => void;
/** Adds an interceptor tap to a set of hooks. */
type AddInterceptor<Args extends readonly unknown[], R> = (
  hooks: Hooks,
  name: string,
  ask: Ask<Args, R>,
) => void;

class TapRecorder {
  constructor(
    readonly owner: TapOwner,
    readonly record: (tap: RecordedTap) => void,
  ) {}

  bail<Args extends readonly unknown[], R>(
    hook: HookName,
    check: AnswerCheck<R>,
    add: AddInterceptor<Args, R>,
  ): ScopedHook<Args, R> {
    return this.#scoped<Args, R>(hook, (site, fn) =>
      interceptor(site, add, (args, done) => askTap(this.owner, site, () => fn(...args), check, done)),
    );
  }

  /** If a tap returns nothing, its input is passed on unchanged. */
  waterfall<T extends object, Rest extends readonly unknown[]>(
    hook: HookName,
    check: PlanCheck<T>,
    add: AddInterceptor<readonly [T, ...Rest], T>,
  ): ScopedHook<readonly [T, ...Rest], T> {
    return this.#scoped<readonly [T, ...Rest], T>(hook, (site, fn) =>
      interceptor(site, add, (args, done) =>
        askTap(
          this.owner,
          site,
          () => fn(...args),
          (answer) => check(answer, args[0]),
          done,
        ),
      ),
    );
  }

  observer<Args extends readonly unknown[]>(
    hook: HookName,
    select: (hooks: Hooks) => SyncTappable<Args>,
  ): ScopedHook<Args, void> {
    return this.#scoped<Args, void>(hook, (site, fn) => ({
      decides: false,
      install: (hooks) =>
        select(hooks).tap(nameInSet(site), (...args) => tellTap(this.owner, site, () => fn(...args))),
      hold: () => {},
    }));
  }

  awaited<Args extends readonly unknown[]>(
    hook: HookName,
    select: (hooks: Hooks) => AsyncTappable<Args>,
  ): ScopedHook<Args, void> {
    return this.#scoped<Args, void>(hook, (site, fn) => ({
      decides: false,
      install: (hooks) =>
        select(hooks).tapPromise(nameInSet(site), (...args) => awaitTap(this.owner, site, () => fn(...args))),
      hold: () => {},
    }));
  }

  #scoped<Args extends readonly unknown[], R>(
    hook: HookName,
    guard: (site: TapSite, fn: TapFunction<Args, R>) => Pick<RecordedTap, "decides" | "install" | "hold">,
  ): ScopedHook<Args, R> {
    const add = (name: string, fn: TapFunction<Args, R>): void => {
      if (typeof name !== "string" || name === "")
        throw new TypeError(`the first argument of a tap on ${hook} must be a name`);
      if (typeof fn !== "function") throw new TypeError(`tap "${name}" on ${hook} must have a function`);
      const { enter, plugin } = this.owner;
      const own: TapFunction<Args, R> = enter === undefined ? fn : (...args) => enter(() => fn(...args));
      this.record({ hook, name, ...guard({ plugin, hook, tap: name }, own) });
    };
    return Object.freeze({ tap: add, tapPromise: add });
  }
}

function interceptor<Args extends readonly unknown[], R>(
  site: TapSite,
  add: AddInterceptor<Args, R>,
  ask: Ask<Args, R>,
): Pick<RecordedTap, "decides" | "install" | "hold"> {
  return {
    decides: true,
    install: (hooks) => add(hooks, nameInSet(site), ask),
    hold: (hooks) => add(hooks, nameInSet(site), (_args, done) => done(unavailable())),
  };
}

/** Freezes the arguments of hooks, since others read them after a plugin: the next plugin, the ledger, the client. */
function freezeArguments(hooks: Hooks): void {
  const call = (...args: readonly unknown[]): void => {
    for (const arg of args) deepFreeze(arg);
  };
  for (const hook of Object.values(hooks)) if (hook.isUsed()) hook.intercept({ call });
}

/** Counts the interceptor calls in flight for each plugin. */
function countInterceptorCalls(hooks: Hooks, groups: readonly TapGroup[]): void {
  const running = groups.filter((group) => !group.held);
  const decided = new Set(
    running.flatMap((group) => group.taps.filter((tap) => tap.decides).map((tap) => tap.hook)),
  );
  for (const hook of decided) {
    const parties = running
      .filter((group) => group.taps.some((tap) => tap.decides && tap.hook === hook))
      .map((group) => group.calls);
    const begin = (): void => {
      for (const calls of parties) calls.begin();
    };
    const end = (): void => {
      for (const calls of parties) calls.end();
    };
    hooks[hook].intercept({ call: begin, done: end, result: end, error: end });
  }
}

function nameInSet(site: TapSite): string {
  return `${site.plugin}:${site.tap}`;
}
