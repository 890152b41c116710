import workerUrl from "../event-worker.js?sharedworker&url";
import { EventHub } from "./event-hub.js";

/**
 * A tab's line to the event hub: the one that all tabs share, in a shared worker; where there are none (Chrome on Android)
 * or this one does not load, one of the tab's own. `lost` is called when the shared one turns out not to load.
 */
export function openEventPort(lost: (port: MessagePort) => void): MessagePort {
  if (typeof SharedWorker === "undefined") return ownPort();
  const worker = new SharedWorker(trusted(workerUrl), { type: "module", name: "claudeway-events" });
  worker.addEventListener("error", () => lost(ownPort()));
  return worker.port;
}

function ownPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  new EventHub().connect(port2);
  return port1;
}

/** What the browser knows of trusted types; the language's own types know nothing. */
interface WithTrustedTypes {
  readonly trustedTypes?: {
    createPolicy(
      name: string,
      rules: { createScriptURL: (url: string) => string },
    ): { createScriptURL(url: string): string };
  };
}

/** The content policy lets only the policies make scripts' addresses that it names; this address is of the build. */
function trusted(url: string): string {
  const page: WithTrustedTypes & typeof globalThis = globalThis;
  const policy = page.trustedTypes?.createPolicy("claudeway-worker", { createScriptURL: (made) => made });
  return policy?.createScriptURL(url) ?? url;
}
