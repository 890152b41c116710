import { type GatewayError, retryLater } from "@claudeway/ports";
import type { PluginServices } from "../capabilities.js";
import type { PluginFaultCode } from "../fault-codes.js";
import { describeSite, PluginFault, type TapSite } from "../faults.js";
import type { Answer } from "../plugin.js";
import { type AnswerCheck, AnswerError, isSoundRefusal } from "./answers.js";
import { DeadlineError, inWords, isThenable, within } from "./deadline.js";
import type { Meter } from "./meter.js";

/** The owner of a tap, and whether the tap may still run. */
export interface TapOwner {
  readonly plugin: string;
  readonly meter: Meter;
  /** The deadline of one tap call, in ms. */
  readonly deadlineMs: number;
  /** False once the plugin is being stopped. */
  readonly active: boolean;
  /** Wraps calls of the plugin's own code (a tap, a route, a disposer), if a `CallWatch` is set. */
  readonly enter: (<T>(call: () => T) => T) | undefined;
}

/** Observes when plugins' code runs, so that a test gateway can attribute leaked resources. */
export interface CallWatch {
  /** Calls code of the owner; returns and throws as that code does. */
  inside<T>(owner: TapOwner, call: () => T): T;
  /** Wraps the services, so that resources they open are attributed to the gateway. */
  outside(offers: PluginServices): PluginServices;
}

/** How a tap passes its answer to tapable, which calls the next tap. An error ends the call. */
export type Done<R> = (error: Error | null, answer?: R) => void;

/**
 * Calls an interceptor tap. `check` throws if the answer is not valid for the hook, and returns the answer to pass on.
 * `done` gets the tap's `Refusal`, a `PluginFault` for any other failure of the tap, or `UNAVAILABLE` if the plugin was
 * stopped, so that a request that it decides is never admitted.
 *
 * A synchronous answer completes synchronously. Most taps do not wait for anything, and a promise and a timer for each call
 * would be most of the cost of plugins.
 */
export function askTap<R>(
  owner: TapOwner,
  site: TapSite,
  call: () => Answer<R> | Promise<Answer<R>>,
  check: AnswerCheck<R>,
  done: Done<R>,
): void {
  if (!owner.active) {
    done(unavailable());
    return;
  }
  const started = performance.now();
  let answer: R | undefined;
  let failure: Error | null = null;
  try {
    const given = call();
    if (isThenable<Answer<R>>(given)) {
      noteHeld(owner, site, started);
      void settleTap(owner, site, given, check, started).then((late) => done(null, late), done);
      return;
    }
    if (given !== undefined) answer = check(given);
  } catch (error) {
    failure = failureOf(owner, site, error);
  }
  owner.meter.tapMs += noteHeld(owner, site, started);
  done(failure, answer);
}

/** The answer of an asynchronous tap; rejects with the errors that `askTap` describes. */
async function settleTap<R>(
  owner: TapOwner,
  site: TapSite,
  given: PromiseLike<Answer<R>>,
  check: AnswerCheck<R>,
  started: number,
): Promise<R | undefined> {
  const { deadlineMs, meter } = owner;
  try {
    const answer = await within<Answer<R>>(given, deadlineMs, () => lateError("did not answer", deadlineMs));
    return answer === undefined ? undefined : check(answer);
  } catch (error) {
    throw failureOf(owner, site, error);
  } finally {
    meter.tapMs += performance.now() - started;
  }
}

function failureOf({ meter }: TapOwner, site: TapSite, error: unknown): Error {
  if (isSoundRefusal(error)) return error;
  const fault = new PluginFault(site, codeOf(error), error);
  meter.countFault(fault.message, fault.code);
  return fault;
}

/** Calls an observer tap. Never throws and never waits; failures are logged and counted. */
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
    meter.reportFault(site, codeOf(error), error);
  }
  meter.tapMs += noteHeld(owner, site, started);
}

/** Calls a tap that is awaited but cannot fail the caller, within its deadline. Never rejects. */
export async function awaitTap(owner: TapOwner, site: TapSite, call: () => unknown): Promise<void> {
  if (!owner.active) return;
  try {
    const given = callTimed(owner, site, call);
    if (isThenable(given)) {
      await within(given, owner.deadlineMs, () => lateError("did not finish", owner.deadlineMs));
    }
  } catch (error) {
    owner.meter.reportFault(site, codeOf(error), error);
  }
}

/** 503 while a deciding plugin is not running. */
export function unavailable(): GatewayError {
  return retryLater("a plugin that decides on this is not running; try again", 1);
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
    meter.reportFault(site, "CW_PLUGIN_TAP_TIMEOUT", lateError("did not finish", owner.deadlineMs));
  }, owner.deadlineMs);
  // A hanging tap must not keep the process alive.
  timer.unref();
  Promise.resolve(given).then(close, (error: unknown) => {
    close();
    meter.reportFault(site, codeOf(error), error);
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

/** Milliseconds since `started`, during which only the tap ran. */
function noteHeld({ meter }: TapOwner, site: TapSite, started: number): number {
  const heldMs = performance.now() - started;
  if (heldMs > meter.limits.blockedMs) meter.noteHeld(describeSite(site), heldMs);
  return heldMs;
}

function codeOf(error: unknown): PluginFaultCode {
  if (error instanceof DeadlineError) return "CW_PLUGIN_TAP_TIMEOUT";
  return error instanceof AnswerError ? "CW_PLUGIN_ANSWER_INVALID" : "CW_PLUGIN_TAP_FAILED";
}

function lateError(what: string, deadlineMs: number): Error {
  return new DeadlineError(`${what} within ${inWords(deadlineMs)}`);
}
