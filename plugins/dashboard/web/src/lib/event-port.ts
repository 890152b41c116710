import workerUrl from "../event-worker.js?sharedworker&url";
import { EventHub } from "./event-hub.js";

/**
 * A tab's port to the event hub, which all tabs share in a shared worker. Without shared workers (Chrome on Android), or
 * when the worker fails to load, the tab has a hub of its own. `lost` is called when the shared worker fails to load.
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

/** Trusted types, which TypeScript's DOM types lack. */
interface WithTrustedTypes {
  readonly trustedTypes?: {
    createPolicy(
      name: string,
      rules: { createScriptURL: (url: string) => string },
    ): { createScriptURL(url: string): string };
  };
}

/** The content security policy names the policies that may create script URLs; this URL comes from the build. */
function trusted(url: string): string {
  const page: WithTrustedTypes & typeof globalThis = globalThis;
  const policy = page.trustedTypes?.createPolicy("claudeway-worker", { createScriptURL: (made) => made });
  return policy?.createScriptURL(url) ?? url;
}
