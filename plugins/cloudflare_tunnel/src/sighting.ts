/** What one line of cloudflared's output tells. */
export type Sighting =
  /** The address of a quick tunnel. */
  | { readonly kind: "address"; readonly url: string }
  /** The rules of a named tunnel, as they are kept in Cloudflare's dashboard. */
  | { readonly kind: "rules"; readonly rules: readonly Rule[] }
  /** A connection to Cloudflare stands. */
  | { readonly kind: "connected" }
  /** Where cloudflared tells how it is. */
  | { readonly kind: "metrics"; readonly url: string };

/** One rule of a named tunnel: which requests go where. */
export interface Rule {
  readonly hostname: string;
  readonly service: string;
}

// In a box of its own: an error may name an address of trycloudflare.com too.
const ADDRESS = /\|\s+(https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)+)\s+\|/;
const METRICS = /Starting metrics server on (127\.0\.0\.1:\d+)\/metrics/;
const CONNECTED = /Registered tunnel connection|Connection \S+ registered/;
const RULES = /Updated to new configuration.* config="((?:[^"\\]|\\.)*)"/;

/** Reads a line, as cloudflared 2022 to 2026 write them. */
export function sightingIn(line: string): Sighting | undefined {
  const address = ADDRESS.exec(line)?.[1];
  if (address !== undefined) return { kind: "address", url: address };
  const metrics = METRICS.exec(line)?.[1];
  if (metrics !== undefined) return { kind: "metrics", url: `http://${metrics}` };
  if (CONNECTED.test(line)) return { kind: "connected" };
  const rules = RULES.exec(line)?.[1];
  return rules === undefined ? undefined : { kind: "rules", rules: readRules(rules) };
}

/** The hostname that leads to this port, where exactly one does. */
export function addressAmong(rules: readonly Rule[], port: number): string | undefined {
  const ours = rules.filter(({ service }) => portOf(service) === port);
  return ours.length === 1 && ours[0] !== undefined ? `https://${ours[0].hostname}` : undefined;
}

function readRules(quoted: string): Rule[] {
  const tree = parse(parse(`"${quoted}"`));
  const ingress = typeof tree === "object" && tree !== null && "ingress" in tree ? tree.ingress : [];
  return Array.isArray(ingress) ? ingress.filter(isRule) : [];
}

function isRule(value: unknown): value is Rule {
  return (
    typeof value === "object" &&
    value !== null &&
    "hostname" in value &&
    "service" in value &&
    typeof value.hostname === "string" &&
    /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(value.hostname) &&
    typeof value.service === "string"
  );
}

function parse(text: unknown): unknown {
  try {
    return typeof text === "string" ? JSON.parse(text) : undefined;
  } catch {
    // Go quotes a few characters in a way of its own; then `public_url` has to say.
    return undefined;
  }
}

function portOf(service: string): number | undefined {
  const { port = "", protocol = "" } = URL.canParse(service) ? new URL(service) : {};
  if (protocol !== "http:") return undefined;
  return port === "" ? 80 : Number(port);
}
