import { hasHidden } from "./characters.js";

/** A host name, or with a leading `*.` all of its subdomains. */
export interface DomainPattern {
  readonly host: string;
  readonly below: boolean;
}

const HOST = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Parses `domain:example.org` or `domain:*.example.org`. Throws an Error that explains what is wrong. */
export function parseDomainPattern(text: string): DomainPattern {
  const name = /^domain:(.*)$/s.exec(text)?.[1]?.toLowerCase();
  if (name === undefined)
    throw new Error("the pattern must name a domain, as in WebFetch(domain:example.org)");
  const below = name.startsWith("*.");
  const host = below ? name.slice(2) : name;
  if (!HOST.test(host)) throw new Error(`the domain must be a host name, got ${JSON.stringify(host)}`);
  return { host, below };
}

export function domainMatches({ host, below }: DomainPattern, asked: string): boolean {
  return below ? asked.endsWith(`.${host}`) : asked === host;
}

/** The host of a URL; undefined if two parsers could disagree. */
export function hostOf(url: string): string | undefined {
  if (hasHidden(url) || /[\s\\]/.test(url) || !/^https?:\/\//i.test(url) || !URL.canParse(url))
    return undefined;
  const { hostname, username, password } = new URL(url);
  if (username !== "" || password !== "") return undefined;
  let end = hostname.length;
  while (hostname[end - 1] === ".") end--;
  return hostname.slice(0, end);
}
