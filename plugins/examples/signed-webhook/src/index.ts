import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { definePlugin, type TurnInfo, type TurnOutcome } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };

/** The `[plugins.signed_webhook]` section, validated, with defaults. */
export interface SignedWebhookConfig {
  readonly url: string;
  readonly secret: string;
  readonly attempts: number;
}

/** Timeout of one attempt, in ms. All attempts together stay below a tap's deadline of 10 s. */
const ANSWER_MS = 2000;
/** Pause before the second attempt, in ms; doubled for each further one. */
const PAUSE_MS = 100;

/** An observer: no answer waits for it. A failed delivery is logged with the plugin's name, and counted. */
export default definePlugin<SignedWebhookConfig>({
  name: "signed_webhook",
  apiVersion: 1,
  configSchema,
  apply(kernel, { url, secret, attempts }) {
    kernel.hooks.afterExecute.tapPromise("deliver", async (turn, outcome) => {
      const body = JSON.stringify(newsOf(turn, outcome));
      const headers = { "content-type": "application/json", "x-claudeway-signature": sign(body, secret) };
      for (let attempt = 1; ; attempt++) {
        const problem = await post(url, { body, headers, signal: kernel.signal });
        // Disabled meanwhile: stop.
        if (problem === undefined || kernel.signal.aborted) return;
        if (attempt === attempts) throw new Error(`not delivered after ${attempts} attempts: ${problem}`);
        await sleep(PAUSE_MS * 2 ** (attempt - 1));
      }
    });
  },
});

/** Without prompt and answer: receivers that need them call `GET /turns/:id` with a key. */
function newsOf(turn: TurnInfo, { end, model, durationMs, usage }: TurnOutcome) {
  const { id: turn_id, sessionId: session_id, keyId: key_id } = turn;
  return { turn_id, session_id, key_id, end, model, duration_ms: durationMs, cost_usd: usage.costUsd };
}

/** `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>" in hex>`: replays can be detected. */
function sign(body: string, secret: string): string {
  const seconds = Math.floor(Date.now() / 1000);
  const hmac = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return `t=${seconds},v1=${hmac}`;
}

/** The problem; undefined on success. */
async function post(url: string, { signal, ...request }: RequestInit & { signal: AbortSignal }) {
  // Not AbortSignal.any: each one would leave a listener on the plugin's signal, which lives for months.
  const call = new AbortController();
  const disabled = () => call.abort();
  signal.addEventListener("abort", disabled);
  const timer = setTimeout(() => call.abort(new Error(`no response within ${ANSWER_MS} ms`)), ANSWER_MS);
  try {
    signal.throwIfAborted();
    const response = await fetch(url, { ...request, method: "POST", signal: call.signal });
    await response.body?.cancel();
    return response.ok ? undefined : `the response was ${response.status}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", disabled);
  }
}
