import { GatewayError, isRefusal, type Refusal } from "../errors.js";
import type { Offers } from "./capabilities.js";
import { inWords, isThenable, within } from "./deadline.js";
import { describeSite, PluginFault, type TapSite } from "./faults.js";
import type { Meter } from "./meter.js";
import type { Answer } from "./plugin.js";

/** Whose tap it is, and whether it may still run. */
export interface TapOwner {
  readonly plugin: string;
  readonly meter: Meter;
  /** How long a tap may take, in ms. */
  readonly deadlineMs: number;
  /** False from the moment that the plugin is taken down. */
  readonly active: boolean;
  /** Calls the plugin's own code (a tap, a route, a disposer) where somebody wants to hear of it. */
  readonly enter: (<T>(call: () => T) => T) | undefined;
}

/** Hears when plugins' code runs: a test gateway notes by it whose is what is left behind. */
export interface CallWatch {
  /** Calls code of the owner's and gives what it returns or throws. */
  inside<T>(owner: TapOwner, call: () => T): T;
  /** The same offers; what they do for a plugin they do on the gateway's own account. */
  outside(offers: Offers): Offers;
}

/**
 * Calls a deciding tap. `check` throws where the answer is none that the hook takes.
 * Rejects with the tap's `Refusal`, with a `PluginFault` for everything else that goes wrong in the tap, and with
 * `UNAVAILABLE` when the plugin has been taken down: a request that it had to decide on never slips past it.
 */
export async function askTap<R>(
  owner: TapOwner,
  site: TapSite,
  call: () => Answer<R> | Promise<Answer<R>>,
  check: (answer: R) => void,
): Promise<R | undefined> {
  if (!owner.active) throw unavailable();
  const started = performance.now();
  try {
    const given = callTimed(owner, site, call);
    const answer = isThenable<Answer<R>>(given)
      ? await within<Answer<R>>(given, owner.deadlineMs, () => lateError("no answer", owner.deadlineMs))
      : given;
    if (answer === undefined) return undefined;
    check(answer);
    return answer;
  } catch (error) {
    if (isSoundRefusal(error)) throw error;
    const fault = new PluginFault(site, error);
    owner.meter.countFault(fault.message);
    throw fault;
  } finally {
    owner.meter.tapMs += performance.now() - started;
  }
}

/** Calls a telling tap. Never throws and never waits; what goes wrong is logged and counted. */
export function tellTap(owner: TapOwner, site: TapSite, call: () => unknown): void {
  const { meter } = owner;
  if (!owner.active || !meter.takePlace(site)) return;
  const started = performance.now();
  try {
    const given = call();
    if (isThenable(given)) followTelling(owner, site, given);
    else meter.freePlace();
  } catch (error) {
    meter.freePlace();
    meter.reportFault(site, error);
  } finally {
    meter.tapMs += noteHeld(owner, site, started);
  }
}

/** Calls a tap that is awaited but can't fail anything, within its deadline. Never rejects. */
export async function awaitTap(owner: TapOwner, site: TapSite, call: () => unknown): Promise<void> {
  if (!owner.active) return;
  try {
    const given = callTimed(owner, site, call);
    if (isThenable(given)) {
      await within(given, owner.deadlineMs, () => lateError("not done", owner.deadlineMs));
    }
  } catch (error) {
    owner.meter.reportFault(site, error);
  }
}

/** What a client meets while a plugin that has to decide is away. */
export function unavailable(): GatewayError {
  return new GatewayError("UNAVAILABLE", "a plugin that decides on this is not running; try again", {
    headers: { "retry-after": "1" },
  });
}

/** A refusal with all that the gateway reads of it; another copy of the package may have made it. */
export function isSoundRefusal(value: unknown): value is Refusal {
  return (
    isRefusal(value) &&
    Number.isInteger(value.status) &&
    value.status >= 400 &&
    value.status <= 499 &&
    typeof value.reason === "string" &&
    typeof value.options === "object" &&
    value.options !== null
  );
}

function followTelling(owner: TapOwner, site: TapSite, given: PromiseLike<unknown>): void {
  const { meter } = owner;
  let open = true;
  const close = (): void => {
    clearTimeout(timer);
    if (open) meter.freePlace();
    open = false;
  };
  const timer = setTimeout(() => {
    close();
    meter.reportFault(site, lateError("not done", owner.deadlineMs));
  }, owner.deadlineMs);
  // A tap that hangs must not keep a process alive that is otherwise done.
  timer.unref();
  Promise.resolve(given).then(close, (error: unknown) => {
    close();
    meter.reportFault(site, error);
  });
}

function callTimed<T>(owner: TapOwner, site: TapSite, call: () => T): T {
  const started = performance.now();
  try {
    return call();
  } finally {
    noteHeld(owner, site, started);
  }
}

/** Milliseconds since `started`, during which nothing but the tap ran. */
function noteHeld({ meter }: TapOwner, site: TapSite, started: number): number {
  const heldMs = performance.now() - started;
  if (heldMs > meter.limits.blockedMs) meter.noteHeld(describeSite(site), heldMs);
  return heldMs;
}

function lateError(what: string, deadlineMs: number): Error {
  return new Error(`${what} after ${inWords(deadlineMs)}`);
}
