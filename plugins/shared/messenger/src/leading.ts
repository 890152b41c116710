import { setTimeout as sleep } from "node:timers/promises";
import type { Scope } from "@claudeway/core";
import type { ChatScope } from "./chat-scope.js";
import type { ChatService } from "./chat-service.js";

/** The chat of one messenger, for as long as this gateway leads. */
export interface ChatTerm {
  readonly service: ChatService;
  /** Receives what people write, until the scope's signal is aborted. Never rejects. */
  run(): Promise<void>;
}

/** How often to look for what other gateways did, in ms. */
const LOOK_MS = 1000;

/**
 * Runs the chat at the one gateway that leads, with the state that the last one left in the store. Call it during `apply`:
 * its taps pass on what happens here while it leads.
 */
export function leadChat(
  kernel: Scope<"turns" | "approvals" | "keys">,
  open: (scope: ChatScope) => Promise<ChatTerm>,
): void {
  let service: ChatService | undefined;
  const { hooks } = kernel;
  hooks.approvalRequested.tap("ask", (approval) => service?.asked(approval));
  hooks.approvalDecided.tap("settle", (approval) => service?.decided(approval));
  hooks.afterExecute.tap("show", (turn, outcome) => service?.ended(turn, outcome));
  kernel.lead("chat", async (signal) => {
    const notices = new Set<() => void>();
    const scope = scopeOf(kernel, signal, notices);
    const term = await open(scope);
    service = term.service;
    try {
      await Promise.all([term.run(), kernel.shared ? lookElsewhere(term.service, scope) : undefined]);
    } finally {
      service = undefined;
      await term.service.close();
      for (const withdraw of notices) withdraw();
    }
  });
}

function scopeOf(
  {
    approvals,
    keys,
    ledger,
    log,
    notice,
    sessions,
    shared,
    store,
    turns,
  }: Scope<"turns" | "approvals" | "keys">,
  signal: AbortSignal,
  notices: Set<() => void>,
): ChatScope {
  const noticed = (line: string) => {
    const withdraw = notice(line);
    notices.add(withdraw);
    return () => {
      notices.delete(withdraw);
      withdraw();
    };
  };
  return { approvals, keys, ledger, log, notice: noticed, sessions, shared, signal, store, turns };
}

async function lookElsewhere(service: ChatService, { log, signal }: ChatScope): Promise<void> {
  while (!signal.aborted) {
    await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    await service.lookElsewhere().catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error }, "could not show what other gateways did; trying again");
    });
  }
}
