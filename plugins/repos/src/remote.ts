import { Refusal } from "@claudeway/core";
import type { ReposConfig, Scheme } from "./config.js";

/** A repository on a host that the configuration allows. */
export interface Remote {
  readonly scheme: Scheme;
  /** With the port, unless it is the scheme's own. */
  readonly host: string;
  /** The user of an ssh URL. */
  readonly user: string | undefined;
  /** The path on the host without `.git`: `owner/name`, or more. */
  readonly path: string;
  /** `host/owner/name`: the name of the repository here, and its folder below the key's. */
  readonly name: string;
  /** What git is given. Never contains a password. */
  readonly url: string;
}

const MAX_URL = 1000;
const MAX_SEGMENTS = 10;
/** No leading dot or hyphen: neither `..`, `.git` and hidden folders nor options. */
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;
const SSH_USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
/** `user@host:path`, as git accepts it for ssh. */
const SCP = /^([^@:/\s]+)@([^@:/\s[\]]+):([^:\s][^\s]*)$/;
const SCHEME_PORTS: Readonly<Record<string, string>> = { https: "443", http: "80", ssh: "22" };

/** Parses the URL of a request. Throws a Refusal, which never repeats the URL: it may contain a password. */
export function parseRemote(
  given: unknown,
  { hosts, schemes }: Pick<ReposConfig, "hosts" | "schemes">,
): Remote {
  if (typeof given !== "string" || given === "" || given.length > MAX_URL || !isPrintable(given)) {
    throw refusal(`must be the URL of a repository, of 1 to ${MAX_URL} printable ASCII characters`);
  }
  const { scheme, host, user, path } = partsOf(given);
  if (scheme === undefined || !schemes.includes(scheme)) {
    throw refusal(`must begin with ${schemes.map((one) => `${one}://`).join(" or ")}`);
  }
  if (!hosts.includes(host)) throw refusal(`must be on one of the allowed hosts (${hosts.join(", ")})`);
  const segments = path.replace(/\.git$/, "").split("/");
  const areGood = segments.every((one) => SEGMENT.test(one) && !/\.(git|lock)$/i.test(one));
  if (!areGood || segments.length > MAX_SEGMENTS) {
    throw refusal(`must have a path of up to ${MAX_SEGMENTS} names of letters, digits and . _ -`);
  }
  const at = user === undefined ? "" : `${user}@`;
  return {
    scheme,
    host,
    user,
    path: segments.join("/"),
    name: [host.replace(":", "+"), ...segments].join("/"),
    url: `${scheme}://${at}${host}/${path}`,
  };
}

interface UrlParts {
  readonly scheme: Scheme | undefined;
  readonly host: string;
  readonly user: string | undefined;
  readonly path: string;
}

function partsOf(given: string): UrlParts {
  const [, scpUser, scpHost, scpPath] = given.includes("://") ? [] : (SCP.exec(given) ?? []);
  if (scpUser !== undefined && scpHost !== undefined && scpPath !== undefined) {
    return { scheme: "ssh", host: scpHost.toLowerCase(), user: sshUser(scpUser), path: trimmed(scpPath) };
  }
  if (!URL.canParse(given)) throw refusal("must be a valid URL");
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(given);
  const scheme = schemeOf(protocol);
  if (password !== "" || (username !== "" && scheme !== "ssh")) {
    throw refusal("must not contain a user or password; configure them in [[plugins.repos.credentials]]");
  }
  if (search !== "" || hash !== "" || /[?#\\]/.test(given))
    throw refusal("must not have a query or fragment");
  // The parser has resolved `..` by now, and git would not have.
  if (pathOf(given) !== pathname) throw refusal("must have its path in plain form, without dots or escapes");
  const ownPort = port === "" || port === SCHEME_PORTS[scheme ?? ""];
  const host = (ownPort ? hostname : `${hostname}:${port}`).toLowerCase();
  return { scheme, host, user: username === "" ? undefined : sshUser(username), path: trimmed(pathname) };
}

/** The path as it was written. */
function pathOf(url: string): string | undefined {
  return /^[^/]*\/\/[^/]*(\/.*)$/.exec(url)?.[1];
}

function schemeOf(protocol: string): Scheme | undefined {
  const name = protocol.slice(0, -1);
  return name === "https" || name === "ssh" || name === "http" ? name : undefined;
}

function sshUser(user: string): string {
  if (SSH_USER.test(user)) return user;
  throw refusal("must have a user of letters, digits and . _ -");
}

function trimmed(path: string): string {
  return path.replace(/^\//, "").replace(/\/$/, "");
}

function isPrintable(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

function refusal(must: string): Refusal {
  return new Refusal(400, `url ${must}`);
}

const MAX_BRANCH = 200;
/** What `git check-ref-format` refuses, and what git could read as an option or as more than a branch. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const NOT_A_BRANCH = /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^[-/.@]|[/.]$|\/\.|\.lock(?:\/|$)/;

/** The branch of a request. Throws a Refusal. */
export function parseBranch(given: unknown): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "string" && isBranch(given)) return given;
  throw new Refusal(400, `branch must be the name of a branch, got ${shown(given)}`);
}

/** Whether git could have a branch of this name, and nothing else. */
export function isBranch(name: string): boolean {
  const isShort = name.length > 0 && name.length <= MAX_BRANCH && Buffer.byteLength(name) <= MAX_BRANCH;
  return isShort && name !== "HEAD" && !NOT_A_BRANCH.test(name) && !/[\u0080-\u009f\u2028-\u202e]/.test(name);
}

/** A value for a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
