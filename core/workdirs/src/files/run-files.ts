/**
 * Files and folders that tools execute by themselves, whatever their task: a rule with a wildcard does not allow writing them.
 * Files that a tool is asked to run (sources, tests, `Makefile`, `package.json`) are not listed: a rule that allows `make` or
 * `npm run` together with `Edit(./**)` allows anything, as the README explains.
 *
 * Each line: names in a path, consecutive if joined by a slash, case-insensitive; and the documentation that they are run.
 */
const TABLE: readonly (readonly [names: string, source: string])[] = [
  // Files that make a folder a repository, and its settings, hooks and helpers.
  [".git", "https://git-scm.com/docs/gitrepository-layout"],
  ["HEAD", "https://git-scm.com/docs/gitrepository-layout (a bare repository)"],
  [".gitconfig", "https://git-scm.com/docs/git-config#FILES"],
  [".config/git", "https://git-scm.com/docs/git-config#FILES"],
  [".gitmodules", "https://git-scm.com/docs/gitmodules"],
  [".hg .hgrc", "https://www.mercurial-scm.org/doc/hgrc.5.html"],
  [".sl", "https://sapling-scm.com/docs/introduction/getting-started"],
  [".jj", "https://jj-vcs.github.io/jj/latest/config/"],
  [".bzr", "https://www.breezy-vcs.org/doc/en/user-guide/hooks.html"],
  ["_darcs", "https://darcs.net/Using/Configuration"],
  [".pijul", "https://pijul.org/manual/configuration.html"],
  [".fslckout _FOSSIL_", "https://fossil-scm.org/home/doc/trunk/www/hooks.md"],
  // Hooks of a repository that are stored next to it.
  [".husky", "https://typicode.github.io/husky/how-to.html"],
  [".pre-commit-config.yaml .pre-commit-config.yml", "https://pre-commit.com/#intro"],
  [
    "lefthook.yml lefthook.yaml .lefthook.yml .lefthook.yaml lefthook-local.yml lefthook.toml lefthook.json .lefthook",
    "https://lefthook.dev/configuration/",
  ],
  [".overcommit.yml .git-hooks", "https://github.com/sds/overcommit#configuration"],
  [
    ".lintstagedrc .lintstagedrc.json .lintstagedrc.yml .lintstagedrc.yaml .lintstagedrc.js .lintstagedrc.mjs .lintstagedrc.cjs",
    "https://github.com/lint-staged/lint-staged#configuration",
  ],
  // Assistants: servers, hooks and permissions.
  [".claude .claude.json .mcp.json", "https://docs.anthropic.com/en/docs/claude-code/settings"],
  [".cursor", "https://docs.cursor.com/context/model-context-protocol"],
  [".gemini", "https://github.com/google-gemini/gemini-cli/blob/main/docs/cli/configuration.md"],
  [".codex", "https://github.com/openai/codex/blob/main/docs/config.md"],
  [".opencode opencode.json opencode.jsonc", "https://opencode.ai/docs/config/"],
  [".aider.conf.yml", "https://aider.chat/docs/config/aider_conf.html"],
  // Editors and debuggers.
  [".vscode", "https://code.visualstudio.com/docs/editor/tasks"],
  [".idea", "https://www.jetbrains.com/help/idea/run-debug-configuration.html"],
  [
    ".devcontainer .devcontainer.json",
    "https://containers.dev/implementors/json_reference/#lifecycle-scripts",
  ],
  [".zed", "https://zed.dev/docs/configuring-zed"],
  [".helix", "https://docs.helix-editor.com/configuration.html"],
  [".exrc .nvimrc .nvim.lua .vimrc _vimrc", "https://vimhelp.org/starting.txt.html#.exrc"],
  [
    ".dir-locals.el .dir-locals-2.el .emacs .emacs.d",
    "https://www.gnu.org/software/emacs/manual/html_node/emacs/Directory-Variables.html",
  ],
  [
    ".gdbinit",
    "https://sourceware.org/gdb/current/onlinedocs/gdb.html/Init-File-in-the-Current-Directory.html",
  ],
  [".lldbinit", "https://lldb.llvm.org/man/lldb.html#configuration-files"],
  // Shells, terminals and sessions; relevant if the workdir is a home folder.
  [
    ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .inputrc",
    "https://www.gnu.org/software/bash/manual/html_node/Bash-Startup-Files.html",
  ],
  [".zshrc .zshenv .zprofile .zlogin .zlogout", "https://zsh.sourceforge.io/Doc/Release/Files.html"],
  [
    ".kshrc .mkshrc .cshrc .tcshrc .login .logout",
    "https://www.tcsh.org/tcsh.html/Startup_and_shutdown.html",
  ],
  [".config/fish", "https://fishshell.com/docs/current/language.html#configuration-files"],
  [".tmux.conf .config/tmux .screenrc", "https://man7.org/linux/man-pages/man1/tmux.1.html"],
  [
    ".xinitrc .xsession .xprofile .xsessionrc .config/autostart",
    "https://specifications.freedesktop.org/autostart-spec/latest/",
  ],
  [
    ".config/systemd .config/environment.d",
    "https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html",
  ],
  [".pam_environment", "https://man7.org/linux/man-pages/man8/pam_env.8.html"],
  [".ssh", "https://man.openbsd.org/ssh_config"],
  [".gnupg", "https://www.gnupg.org/documentation/manuals/gnupg/GPG-Configuration.html"],
  [".local/bin", "https://specifications.freedesktop.org/basedir-spec/latest/"],
  [".ripgreprc", "https://github.com/BurntSushi/ripgrep/blob/master/GUIDE.md#configuration-file"],
  [".lesskey .lessfilter", "https://man7.org/linux/man-pages/man1/lesskey.1.html"],
  [".psqlrc .sqliterc .my.cnf", "https://www.postgresql.org/docs/current/app-psql.html"],
  // Environments that are activated by entering a folder.
  [".envrc", "https://direnv.net/man/direnv.1.html"],
  [
    "mise.toml .mise.toml mise.local.toml .mise.local.toml .mise .config/mise.toml .config/mise .tool-versions",
    "https://mise.jdx.dev/configuration.html",
  ],
  ["devbox.json", "https://www.jetify.com/docs/devbox/configuration/"],
  // JavaScript.
  [".npmrc", "https://docs.npmjs.com/cli/v11/configuring-npm/npmrc"],
  [".yarnrc .yarnrc.yml .yarn", "https://yarnpkg.com/configuration/yarnrc#yarnPath"],
  [".pnp.cjs .pnp.js .pnp.loader.mjs", "https://yarnpkg.com/advanced/pnp-spec"],
  [".pnpmfile.cjs .pnpmfile.mjs pnpmfile.js pnpm-workspace.yaml", "https://pnpm.io/pnpmfile"],
  ["bunfig.toml .bunfig.toml", "https://bun.sh/docs/runtime/bunfig#preload"],
  // Rust, Go, the JVM.
  [".cargo", "https://doc.rust-lang.org/cargo/reference/config.html"],
  [
    "rust-toolchain rust-toolchain.toml",
    "https://rust-lang.github.io/rustup/overrides.html#the-toolchain-file",
  ],
  ["go.work", "https://go.dev/ref/mod#workspaces"],
  [".mvn", "https://maven.apache.org/configure.html"],
  [
    "gradle.properties gradle/wrapper init.gradle .gradle",
    "https://docs.gradle.org/current/userguide/build_environment.html",
  ],
  [".sbtopts .jvmopts", "https://www.scala-sbt.org/1.x/docs/Command-Line-Reference.html"],
  // Ruby, Python, R, Haskell, OCaml, Elixir, Julia.
  [".bundle", "https://bundler.io/man/bundle-config.1.html"],
  [
    ".irbrc .pryrc .rdbgrc .byebugrc .rspec .rubocop.yml .simplecov",
    "https://docs.ruby-lang.org/en/master/IRB.html",
  ],
  [".pdbrc .pylintrc pylintrc .pythonrc", "https://docs.python.org/3/library/pdb.html"],
  ["sitecustomize.py usercustomize.py pyvenv.cfg", "https://docs.python.org/3/library/site.html"],
  [".Rprofile .Renviron", "https://stat.ethz.ch/R-manual/R-devel/library/base/html/Startup.html"],
  [
    ".ghci",
    "https://downloads.haskell.org/ghc/latest/docs/users_guide/ghci.html#the-ghci-and-haskeline-files",
  ],
  [".ocamlinit", "https://ocaml.org/manual/toplevel.html"],
  [".iex.exs", "https://hexdocs.pm/iex/IEx.html#module-the-iex-exs-file"],
  [
    ".julia/config .JuliaConfig",
    "https://docs.julialang.org/en/v1/manual/command-line-interface/#Startup-file",
  ],
  // Builds and deployments.
  [
    ".bazelrc .bazelversion tools/bazel",
    "https://github.com/bazelbuild/bazelisk#ensuring-that-your-developers-use-bazelisk-rather-than-bazel",
  ],
  [".buckconfig .buckconfig.local", "https://buck2.build/docs/concepts/buckconfig/"],
  [".terraform .terraformrc .tflint.hcl", "https://developer.hashicorp.com/terraform/cli/config/config-file"],
];

const SEQUENCES: readonly (readonly string[])[] = TABLE.flatMap(([names]) =>
  names.split(" ").map((name) => name.toLowerCase().split("/")),
);

/** Every name, or names joined by slashes, and the documentation that they are run. */
export const RUN_FILES: readonly (readonly [name: string, source: string])[] = TABLE.flatMap(
  ([names, source]) => names.split(" ").map((name): [string, string] => [name, source]),
);

/** The names in a path that tools run, as written there. */
export function runNamesIn(segments: readonly string[]): readonly string[] {
  const lower = segments.map((segment) => segment.toLowerCase());
  return SEQUENCES.flatMap((names) => {
    const at = lower.findIndex((_, start) => names.every((name, index) => lower[start + index] === name));
    return at === -1 ? [] : segments.slice(at, at + names.length);
  });
}
