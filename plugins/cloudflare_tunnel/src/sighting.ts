/** Information from one line of cloudflared's output. */
export type Sighting =
  /** The URL of a quick tunnel. */
  | { readonly kind: "address"; readonly url: string }
  /** The rules of a named tunnel, from Cloudflare's dashboard. */
  | { readonly kind: "rules"; readonly rules: readonly Rule[] }
  /** Connected to Cloudflare. */
  | { readonly kind: "connected" }
  /** The address of cloudflared's metrics server. */
  | { readonly kind: "metrics"; readonly url: string };

/** One routing rule of a named tunnel. */
export interface Rule {
  readonly hostname: string;
  readonly service: string;
}

// Inside the box only: an error may name a trycloudflare.com address too.
const ADDRESS = /\|\s+(https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)+)\s+\|/;
const METRICS = /Starting metrics server on (127\.0\.0\.1:\d+)\/metrics/;
const CONNECTED = /Registered tunnel connection|Connection \S+ registered/;
const RULES = /Updated to new configuration.* config="((?:[^"\\]|\\.)*)"/;

/** Parses a line of cloudflared, versions 2022 to 2026. */
export function sightingIn(line: string): Sighting | undefined {
  const address = ADDRESS.exec(line)?.[1];
  if (address !== undefined) return { kind: "address", url: address };
  const metrics = METRICS.exec(line)?.[1];
  if (metrics !== undefined) return { kind: "metrics", url: `http://${metrics}` };
  if (CONNECTED.test(line)) return { kind: "connected" };
  const rules = RULES.exec(line)?.[1];
  return rules === undefined ? undefined : { kind: "rules", rules: readRules(rules) };
}

/** The hostname that leads to this port, if there is exactly one. */
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
    // Go quotes some characters differently from JSON; then `public_url` must be set.
    return undefined;
  }
}

function portOf(service: string): number | undefined {
  const { port = "", protocol = "" } = URL.canParse(service) ? new URL(service) : {};
  if (protocol !== "http:") return undefined;
  return port === "" ? 80 : Number(port);
}
