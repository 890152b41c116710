/**
 * Settings that make git run nothing, section by section; `*` is any name. Whatever is not here may: filters, drivers,
 * hooks, helpers, included files, programs for signatures, and what a later git adds.
 */
const HARMLESS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    core:
      "repositoryformatversion filemode bare logallrefupdates ignorecase precomposeunicode symlinks autocrlf eol safecrlf " +
      "quotepath abbrev compression sharedrepository trustctime checkstat commentchar untrackedcache preloadindex whitespace " +
      "protecthfs protectntfs longpaths fscache multipackindex commitgraph worktree",
    remote: "url pushurl fetch push tagopt mirror skipdefaultupdate skipfetchall prune prunetags gh-resolved",
    branch:
      "remote merge rebase description pushremote autosetupmerge autosetuprebase sort vscode-merge-base github-pr-owner-number",
    user: "name email useconfigonly",
    author: "name email",
    committer: "name email",
    pull: "rebase ff",
    push: "default autosetupremote followtags",
    fetch: "prune prunetags parallel",
    init: "defaultbranch",
    merge: "ff conflictstyle renames log stat",
    rebase: "autosquash autostash updaterefs",
    commit: "verbose status cleanup",
    tag: "sort",
    status: "showuntrackedfiles relativepaths short branch aheadbehind",
    diff: "renames renamelimit algorithm context interhunkcontext mnemonicprefix noprefix colormoved wserrorhighlight indentheuristic",
    log: "date decorate abbrevcommit follow",
    color: "*",
    column: "*",
    advice: "*",
    gc: "auto autodetach pruneexpire reflogexpire",
    pack: "*",
    index: "version threads",
    submodule: "url active branch ignore path fetchrecursesubmodules",
    lfs: "repositoryformatversion access",
  }).map(([section, keys]) => [section, new Set(keys.split(" "))]),
);

const SECTION = /^\s*\[\s*([A-Za-z0-9-]+)(?:\.[^\]"\s]*|\s+"((?:[^"\\]|\\.)*)")?\s*\]/;
const SETTING = /^\s*([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(.*))?$/;

/** Characters of a line; matching takes the square of that at worst. */
const MAX_LINE = 4096;

/** Whether a configuration of git holds nothing but harmless settings. What can't be read is not harmless. */
export function isHarmlessConfig(text: string): boolean {
  let section: string | undefined;
  let isDriver = false;
  for (const line of text.replace(/^\ufeff/, "").split(/\r?\n/)) {
    if (line.length > MAX_LINE) return false;
    const [header = "", name, subsection] = SECTION.exec(line) ?? [];
    if (name !== undefined) {
      section = name.toLowerCase();
      isDriver = subsection !== undefined && ["diff", "merge"].includes(section);
    }
    const rest = line.slice(header.length);
    if (/^\s*(?:[#;].*)?$/.test(rest)) continue;
    const [, key, value = ""] = SETTING.exec(rest) ?? [];
    if (section === undefined || key === undefined || isDriver || /\\\s*$/.test(rest)) return false;
    if (!isHarmless(section, key.toLowerCase(), value)) return false;
  }
  return true;
}

function isHarmless(section: string, key: string, value: string): boolean {
  const keys = HARMLESS.get(section);
  if (keys === undefined || !(keys.has("*") || keys.has(key))) return false;
  // `ext::sh -c …` is a command for an address.
  return !/url$/.test(key) || !value.includes("::");
}
