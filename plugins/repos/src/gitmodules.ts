import { Refusal } from "@claudeway/core";
import type { ReposConfig } from "./config.js";
import { parseRemote, type Remote, shown } from "./remote.js";

/** A submodule as a commit names it. */
export interface Submodule {
  /** Below the repository that names it. */
  readonly path: string;
  /** Its section of `.gitmodules`. */
  readonly name: string;
  readonly remote: Remote;
  readonly commit: string;
}

/** An entry of a tree that stands for a commit of another repository. */
export interface Gitlink {
  readonly path: string;
  readonly commit: string;
}

const MAX_NAME = 200;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.+ -]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.+ -]*)*$/;
const SEGMENT = /^[A-Za-z0-9_.][A-Za-z0-9_.+@ -]{0,99}$/;
/** Names that are git's own folder, in the short form of Windows too. */
const GITS_OWN = /^\.{1,2}$|^\.git|^git~\d|[. ]$/i;

/**
 * Pairs the gitlinks of a commit with the sections of its `.gitmodules`, as `git config --null --list` prints it. Whoever
 * writes the repository writes both: nothing of them is used that is not checked here. Throws a Refusal.
 */
export function submodulesOf(
  links: readonly Gitlink[],
  listed: string,
  parent: Remote,
  config: Pick<ReposConfig, "hosts" | "schemes">,
): Submodule[] {
  const sections = sectionsOf(listed);
  return links.map(({ path, commit }) => {
    const fitting = [...sections].filter(([, section]) => section.path === path);
    const [[name, section] = ["", {}], other] = fitting;
    if (section.url === undefined) throw refusal(path, "must have a path and a url in .gitmodules");
    if (other !== undefined) throw refusal(path, "must be named by one section of .gitmodules");
    if (!isPlainPath(path)) throw refusal(path, "must have a path of plain names, outside of .git");
    if (name.length > MAX_NAME || !NAME.test(name))
      throw refusal(path, `must have a plain name, got ${shown(name)}`);
    return { path, name, commit, remote: remoteOf(path, section.url, parent, config) };
  });
}

interface Section {
  path?: string;
  url?: string;
}

function sectionsOf(listed: string): Map<string, Section> {
  const sections = new Map<string, Section>();
  for (const entry of listed.split("\0")) {
    const [, name, field, value] = /^submodule\.([^\n]*)\.(path|url)\n([\s\S]*)$/.exec(entry) ?? [];
    if (name === undefined || value === undefined) continue;
    const section = sections.get(name) ?? {};
    sections.set(name, { ...section, [field === "path" ? "path" : "url"]: value });
  }
  return sections;
}

function isPlainPath(path: string): boolean {
  const segments = path.split("/");
  return path.length <= 500 && segments.every((one) => SEGMENT.test(one) && !GITS_OWN.test(one));
}

function remoteOf(
  path: string,
  url: string,
  parent: Remote,
  config: Pick<ReposConfig, "hosts" | "schemes">,
): Remote {
  try {
    return parseRemote(/^\.{1,2}\//.test(url) ? resolved(url, parent) : url, config);
  } catch (error) {
    if (error instanceof Refusal) throw refusal(path, `has a wrong url: ${error.message}`);
    throw error;
  }
}

/** A URL that begins with `./` or `../`, as git resolves it: against the repository's own. It stays on its host. */
function resolved(url: string, { scheme, user, host, url: parentUrl }: Remote): string {
  const origin = `${scheme}://${user === undefined ? "" : `${user}@`}${host}/`;
  const segments = parentUrl.slice(origin.length).split("/");
  let rest = url;
  for (let step = stepOf(rest); step !== undefined; step = stepOf(rest)) {
    if (step === "../" && segments.pop() === undefined) throw new Refusal(400, "url must stay on the host");
    rest = rest.slice(step.length);
  }
  return origin + [...segments, rest].join("/");
}

function stepOf(url: string): "./" | "../" | undefined {
  return (["./", "../"] as const).find((step) => url.startsWith(step));
}

function refusal(path: string, what: string): Refusal {
  return new Refusal(400, `the submodule ${shown(path)} ${what}`);
}
