/** `rm` in disguises beyond those of evasion.test.ts. Each of them runs it, passes it on, or is uncertain. */
export const DISGUISES: readonly string[] = [
  ..."GIT_PAGER='rm x' git log|GIT_SSH_COMMAND='rm x' git fetch|PAGER=rm man ls|EDITOR='rm x' git commit".split(
    "|",
  ),
  ..."PROMPT_COMMAND='rm x'|A='rm x'; eval $A|A='rm x' bash -c '$A'|a='x[$(rm x)]'; ((a))|PS4='$(rm x)' bash -xc :".split(
    "|",
  ),
  ..."env '-Srm x'|env -S'rm x'|env -Srm\\ x|env --split-string='rm x'|env -i PATH=/bin rm x|env - rm x".split(
    "|",
  ),
  ..."env -u A rm x|env -- rm x|su '-crm x'|su root -c 'rm x'|flock f '-crm x'|sudo -- rm x|sudo -E A=b rm x|doas rm x".split(
    "|",
  ),
  ..."tar cf x --checkpoint-action=exec=rm|tar xf x --to-command=rm|tar xf x --to-command='rm x'|rsync -e rm a b:".split(
    "|",
  ),
  ..."[[ -v a[$(rm x)] ]]|echo $((a[$(rm x)]))|let 'a[$(rm x)]'|printf -v 'a[$(rm x)]' 1|test -v 'a[$(rm x)]'".split(
    "|",
  ),
  ..."read 'a[$(rm x)]' <<< 1|declare 'a[$(rm x)]=1'|mapfile -C 'rm x' -c 1 < f|compgen -C 'rm x'|compgen -W '$(rm x)'".split(
    "|",
  ),
  ..."jobs -x rm x|fc -e rm|history -p '$(rm x)'|trap rm\\ x EXIT|exec -a ls rm x|exec {fd}> >(rm x)".split(
    "|",
  ),
  ..."select a in x; do rm x; done|until rm x; do :; done|rm() { :; }; rm x|function rm { command rm x; }".split(
    "|",
  ),
  ..."sh <<< 'rm x'|bash <(echo rm x)|ed <<< '!rm x'|make -f - <<< 'a:;rm x'".split("|"),
  ..."rm\tx|rm$'\\t'x|$(echo rm) x|`echo rm` x|$\u007b0/bash/rm} x|$\u007bx:-rm} x|r$\u007bx}m x|r$@m x|r$()m x|r``m x".split(
    "|",
  ),
  ..."r''m x|$'rm' x|$\"rm\" x|$'r\\155' x|$'\\u0072m' x|/usr/bin/../bin/rm x|./rm x|bin/rm x|rm\\\n x|rm # x".split(
    "|",
  ),
  ..."command -p rm x|builtin command rm x|\\command \\rm x|'command' rm x|c'o'mmand rm x|nice -n19 rm x".split(
    "|",
  ),
  ..."timeout -s9 5 rm x|stdbuf -oL rm x|setsid -w rm x|chroot / rm x|unshare -r rm x|busybox rm x|toybox rm x".split(
    "|",
  ),
  ..."perl -e 'system(\"rm x\")'|perl -e 'exec rm=>x'|ruby -e '`rm x`'|php -r 'system(\"rm x\");'".split("|"),
  ..."lua -e 'os.execute(\"rm x\")'|awk 'BEGIN{system(\"rm x\")}'|sed '1e rm x' f|vim -c '!rm x'|vim '+!rm x'".split(
    "|",
  ),
  ..."ssh localhost rm x|find . -exec sh -c 'rm \"$1\"' _ {} ';'|find . -ok rm {} ';'|find . -exec env rm {} +".split(
    "|",
  ),
  ..."fd -x rm|parallel rm ::: x|parallel ::: 'rm x'|xargs -I{} sh -c 'rm {}'|xargs -a f rm".split("|"),
  ..."git config alias.z '!rm x'|git -c core.pager=rm log|git bisect run rm x|git submodule foreach rm x".split(
    "|",
  ),
  ..."git rebase --exec 'rm x' HEAD|git filter-branch --tree-filter 'rm x'|git difftool -x 'rm x'".split("|"),
  ..."docker run -v /:/h alpine rm /h/x|npx rm x|npm exec -- rm x|npm exec -c 'rm x'|uv run rm x|poetry run rm x".split(
    "|",
  ),
  ..."direnv exec . rm x|watch -n1 rm x|tmux new -d 'rm x'|screen -dm rm x|systemd-run rm x|gdb -ex 'shell rm x'".split(
    "|",
  ),
  ..."time -p rm x|! ! rm x|if ! rm x; then :; fi|case $(rm x) in esac|for ((i=0;i<$(rm x);i++)); do :; done".split(
    "|",
  ),
  ..."((x=$(rm x)))|{ rm x; } 2>&1|( (rm x) )|coproc C { rm x; }|a=1 b=2 rm x|2>&1 rm x|</dev/null rm x".split(
    "|",
  ),
  ..."rm<x|rm>x|rm&|rm;|true&rm x|true;;rm x|true\rrm x|true\vrm x|true\frm x|true\u2028rm x".split("|"),
  ...'echo "$\u007bx:-$(rm x)}"|echo $\u007bx[$(rm x)]}|echo $\u007bx//a/$(rm x)}|echo $[ $(rm x) ]|echo ~$(rm x)|echo {a,$(rm x)}'.split(
    "|",
  ),
  ..."cat <<-E\n\t$(rm x)\n\tE|cat <<E\\\nF\n`rm x`\nEF|cat <<'E' <<F\na\nE\n$(rm x)\nF".split("|"),
  ..."alias a=rm; a x|alias a='r''m'; a x|eval r\\m x|eval 'r'm x|eval \"r\"'m x'|eval `printf rm` x".split(
    "|",
  ),
  ..."source <(echo rm x)|. /dev/stdin <<< 'rm x'|bash -i <<< 'rm x'|bash -s < f|bash --rcfile f -i|bash -c -- 'rm x'".split(
    "|",
  ),
  ..."bash -O extglob -c 'rm x'|bash -ec 'rm x'|bash +x -c 'rm x'|dash -c 'rm x'|sh -c\nrm x|cp /bin/rm del|ln -s /bin/rm del".split(
    "|",
  ),
  ..."rm\u00a0x|\uff52\uff4d x|r\u200bm x|\u202erm x|r\u00adm x|\u0433m x".split("|"),
  ...["cat <<'E' | sh\nrm x\nE", "echo rm x | at now", "echo x | rm", "a || rm x"],
];

/** A rule with a wildcard, and a command that it seems to cover: it would run another one, or write, or change later words. */
export const OPENINGS: readonly (readonly [string, string])[] = [
  ...of("git *", [
    ..."git -c core.pager=id log|git --exec-path=/tmp status|git ls-remote --upload-pack=id .|git fetch --upload-pac id .".split(
      "|",
    ),
    ..."git clone -u id . x|git clone -uid . x|git clone -c core.fsmonitor=id . x|git clone --config=core.fsmonitor=id . x".split(
      "|",
    ),
    ..."git clone --template=/evil . x|git grep -Oid x|git grep --open-files=id x|git diff --output=x|git diff --outp=x".split(
      "|",
    ),
    ..."git diff --ext-d|git rebase -x id|git rebase -ix id|git rebase --exe id|git bisect run id|git submodule foreach id".split(
      "|",
    ),
    ..."git config alias.x '!id'|git -C sub config core.pager id|git difftool -y|git filter-branch --tree-filter id".split(
      "|",
    ),
    ..."git archive --remote=. --exec=id HEAD|git --git-dir=/tmp/evil status|git --git-d /tmp/evil status|git hook run x".split(
      "|",
    ),
    ..."git send-email --sendmail-cmd=id|git instaweb|git mergetool|git daemon|git shell|git remote-ext x".split(
      "|",
    ),
  ]),
  ...of(
    "find *",
    "find . -delete|find . -fprintf x y|find . -fprint x|find . -fls x|find . -ok id ';'".split("|"),
  ),
  ...of(
    "sort *",
    "sort -o x y|sort -ox y|sort -rox y|sort --outp=x y|sort --compress-p id y|sort y -o x".split("|"),
  ),
  ...of("uniq *", ["uniq a b"]),
  ...of("tar *", [
    ..."tar --to-comm=id -xf x|tar --checkpoint-act=exec=id -cf x y|tar -I id -cf x y|tar -cIf id x|tar cIf id x y".split(
      "|",
    ),
    ..."tar --use-compress=id -cf x y|tar -F id -cMf x y|tar --info-script=id -cf x|tar --rmt-command=id -cf h:x y".split(
      "|",
    ),
  ]),
  ...of(
    "rsync *",
    "rsync -e id a h:b|rsync -ave id a h:b|rsync --rs=id a h:b|rsync --rsync-path=id a h:b".split("|"),
  ),
  ...of("fd *", "fd -x id|fd -Hx id|fd --exec-b id".split("|")),
  ...of("rg *", ["rg --pre=id x", "rg --pre id x"]),
  ...of("awk *", [
    ..."awk 'BEGIN{system(\"id\")}'#awk '{print > \"x\"}' f#awk '{print | \"id\"}' f#awk '\"id\" | getline' f#awk -f x".split(
      "#",
    ),
    ...'awk \'BEGIN{f="system";@f("id")}\'#awk -i inplace 1 f#awk --file=x f#awk -l x 1'.split("#"),
  ]),
  ...of("sed *", [
    ..."sed '1e id' f|sed e f|sed 's/x/id/e' f|sed 's/x/id/ge' f|sed 'w x' f|sed -n '1w x' f|sed 's/a/b/w x' f".split(
      "|",
    ),
    ..."sed -i s/a/b/ f|sed s/a/b/ -i f|sed -ni p f|sed --in-place s/a/b/ f|sed -f x f|sed -e e f|sed '$!{e id' f|sed 'p;e id' f".split(
      "|",
    ),
  ]),
  ...of("printf *", "printf -v PATH ./evil|printf -vPATH ./evil|printf -v 'a[$(id)]' x".split("|")),
  ...of("test *", "test -v 'a[$(id)]'|test 'a[$(id)]' -eq 0|test -R x".split("|")),
  ..."read PATH|let 'a[$(id)]'|mapfile -C id -c 1|getopts a PATH|wait -p PATH|compgen -C id|complete -C id x|jobs -x id"
    .split("|")
    .concat(
      "fc -e id|history -r x|print -v PATH x|emulate zsh -c id|zpty x id|functions -c id git|unhash x".split(
        "|",
      ),
    )
    .map((command): [string, string] => [`${command.split(" ")[0]} *`, command]),
];

/** The same rules, and what they are there for. */
export const PLAIN_USES: readonly (readonly [string, string])[] = [
  ...of(
    "git *",
    "git status|git -C sub log --oneline|git push -u origin main|git add -u|git diff --stat|git commit -m x".split(
      "|",
    ),
  ),
  ...of("find *", ["find . -name '*.ts' -newer x"]),
  ...of("sort *", "sort -u x|sort -k2 -n x|sort --reverse x".split("|")),
  ...of("uniq *", ["uniq -c x"]),
  ...of("tar *", "tar -xzf x.tgz|tar tf x.tar|tar -czf x.tgz src".split("|")),
  ...of("rsync *", ["rsync -a x y"]),
  ...of("rg *", ["rg --hidden -n x src"]),
  ...of("awk *", "awk '{print $1}' f#awk -F: -v n=2 'NR==n' f".split("#")),
  ...of("sed *", "sed -n 1,20p f#sed -n '5p' f#sed -E 's/a(b)/c/g' f#sed 's|/x|/y|' f".split("#")),
  ...of(
    "printf *",
    ["printf '%s\\n' a b"].map((command) => command.replace("\\n", "")),
  ),
  ...of("test *", "test -f x|test -n x".split("|")),
];

function of(pattern: string, commands: readonly string[]): [string, string][] {
  return commands.map((command) => [pattern, command]);
}
