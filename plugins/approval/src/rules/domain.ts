import { hasHidden } from "./characters.js";

/** A host name, or with `*.` in front all below one. */
export interface DomainPattern {
  readonly host: string;
  readonly below: boolean;
}

const HOST = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Reads `domain:example.org` or `domain:*.example.org`; throws an Error that says what is wrong with it. */
export function parseDomainPattern(text: string): DomainPattern {
  const name = /^domain:(.*)$/s.exec(text)?.[1]?.toLowerCase();
  if (name === undefined) throw new Error("it takes a domain, as in WebFetch(domain:example.org)");
  const below = name.startsWith("*.");
  const host = below ? name.slice(2) : name;
  if (!HOST.test(host)) throw new Error(`${JSON.stringify(host)} is no domain name`);
  return { host, below };
}

export function domainMatches({ host, below }: DomainPattern, asked: string): boolean {
  return below ? asked.endsWith(`.${host}`) : asked === host;
}

/** The host that a URL leads to; undefined where two readers of it could differ. */
export function hostOf(url: string): string | undefined {
  if (hasHidden(url) || /[\s\\]/.test(url) || !/^https?:\/\//i.test(url) || !URL.canParse(url))
    return undefined;
  const { hostname, username, password } = new URL(url);
  return username === "" && password === "" ? hostname.replace(/\.+$/, "") : undefined;
}
