/** What a hostile caller has Claude's Bash run. It got through if it prints a canary or REACHED, or has another effect. */
export interface Attack {
  readonly what: string;
  readonly command: string;
  /** A path outside of the sandbox that exists afterwards if the attempt got through. */
  readonly creates?: string;
  /** Words in the command line of a process that still runs after the session if the attempt got through. */
  readonly survives?: string;
  /** The kernel does not limit this for root. */
  readonly notAsRoot?: true;
  /** The turn is ended if the attempt fails: it has a turn of its own, which has this code. */
  readonly endsTurn?: string;
  /** It has a turn of its own, which may end: the CLI, too, can't start what it needs meanwhile. */
  readonly alone?: true;
}

/**
 * The variables: DIR, the folder of the gateway with its configuration, data, logs and workdirs; PID, GUARD and OTHER, the
 * processes of the gateway, its guard, and another key's CLI; ADMIN, another key's workdir; RANDOM_NAME, a name; TMPFILE and
 * SHMFILE, files of others; SHMID, a segment of shared memory; NODE, Node.
 */
export const ATTACKS: readonly Attack[] = [
  // The gateway's configuration, keys and environment.
  { what: "the configuration", command: "cat $DIR/claudeway.toml" },
  { what: "the configuration, relative", command: "cat ../../claudeway.toml" },
  { what: "the configuration, through a link", command: "ln -s $DIR/claudeway.toml l1 && cat l1" },
  { what: "the configuration, through a hard link", command: "ln $DIR/claudeway.toml h1 && cat h1" },
  {
    what: "the configuration, found by its name",
    command: "cat $(find $DIR -maxdepth 2 -name 'claudeway.*')",
  },
  {
    what: "the configuration, as git's",
    command: "git config -f $DIR/claudeway.toml -l; cat $DIR/claudeway.toml",
  },
  {
    what: "the configuration, by Node",
    command: '$NODE -p \'require("fs").readFileSync(process.env.DIR + "/claudeway.toml", "utf8")\'',
  },
  { what: "the configuration, from an archive", command: "tar -C $DIR -cf - claudeway.toml | tar -xOf -" },
  {
    what: "the configuration, through a root of one's own",
    command: "unshare -Ur chroot / cat $DIR/claudeway.toml",
  },
  { what: "a variable of the gateway", command: "printenv GATEWAY_CANARY" },
  {
    what: "a variable of the gateway, in the CLI's environment",
    command: "tr '\\0' '\\n' < /proc/$PPID/environ | grep GATEWAY_CANARY",
  },
  {
    what: "the gateway's keys, in its environment",
    command: "tr '\\0' '\\n' < /proc/$PID/environ | grep WRAPPER_KEYS",
  },
  {
    what: "the gateway's keys, in any environment",
    command: "grep -saz ^WRAPPER_KEYS= /proc/[0-9]*/environ",
  },
  { what: "the gateway's keys, in its memory", command: "$NODE memory.cjs $PID" },
  // Its data.
  { what: "the ledger", command: "grep -ao canary-ledger $DIR/data/*.sqlite*" },
  { what: "the ledger, copied", command: "cp -r $DIR/data stolen && grep -rao canary-ledger stolen" },
  { what: "the ledger's name", command: "ls $DIR/data/ledger* && echo REACHED" },
  { what: "the id of the installation", command: "test -s $DIR/data/installation && echo REACHED" },
  { what: "the key of signed links", command: "test -s $DIR/data/link-key && echo REACHED" },
  { what: "the logs", command: "grep -r admin $DIR/logs && echo REACHED" },
  { what: "the names of the logs", command: "ls $DIR/logs/admin && echo REACHED" },
  // Other keys.
  { what: "another key's workdir", command: "cat $ADMIN/notes.txt" },
  { what: "the names of other workdirs", command: "ls $DIR/work | grep -v $(basename $PWD) && echo REACHED" },
  { what: "all workdirs", command: "cat ../*/notes.txt" },
  { what: "another key's transcript", command: "grep -rao canary-said $DIR/data/claude/admin/projects" },
  {
    what: "any transcript",
    command:
      "find $DIR / -maxdepth 7 -name '*.jsonl' -path '*projects*' -exec grep -ao canary-said {} ';' -quit 2>/dev/null",
  },
  { what: "another key's credentials", command: "cat $DIR/data/claude/admin/.credentials.json" },
  {
    what: "any credentials",
    command: "find $DIR / -maxdepth 6 -name .credentials.json 2>/dev/null | grep admin && echo REACHED",
  },
  { what: "the names of other keys", command: "ls $DIR/data/claude | grep admin && echo REACHED" },
  {
    what: "another key's account, in its CLI's environment",
    command: "tr '\\0' '\\n' < /proc/$OTHER/environ | grep canary-account",
  },
  {
    what: "another key's account, in any environment",
    command: "grep -sao canary-account /proc/[0-9]*/environ",
  },
  // The user's own files.
  { what: "the user's SSH key", command: "cat ~/.ssh/id_test $DIR/.ssh/id_test" },
  { what: "the user's cloud credentials", command: "cat ~/.aws/credentials $DIR/.aws/credentials" },
  { what: "a file in /tmp", command: "cat $TMPFILE" },
  { what: "shared memory of files", command: "cat $SHMFILE" },
  {
    what: "shared memory of System V",
    command: "ipcs -m | awk '{ print $2 }' | grep -qx $SHMID && echo REACHED",
  },
  {
    what: "a socket of the user",
    command:
      '$NODE -e \'require("net").connect(process.env.DIR + "/agent.sock").on("data", (d) => console.log(String(d)))\'',
  },
  // Processes.
  {
    what: "the names of the gateway's processes",
    command: "grep -sal claudeway[.]js /proc/[0-9]*/cmdline | grep -v self && echo REACHED",
  },
  {
    what: "the gateway's command line",
    command: "tr '\\0' ' ' < /proc/$PID/cmdline | grep claudeway && echo REACHED",
  },
  { what: "the gateway's working directory", command: "cat /proc/$PID/cwd/claudeway.toml" },
  { what: "the gateway's root", command: "cat /proc/$PID/root$DIR/claudeway.toml" },
  { what: "any root", command: "for r in /proc/[0-9]*/root; do cat $r$DIR/claudeway.toml; done" },
  { what: "the gateway's open files", command: "ls -l /proc/$PID/fd | grep ledger && echo REACHED" },
  { what: "the gateway's maps", command: "grep -c node /proc/$PID/maps && echo REACHED" },
  { what: "a signal to the gateway", command: "kill -0 $PID && echo REACHED" },
  { what: "a signal to its guard", command: "kill -0 $GUARD && echo REACHED" },
  { what: "a signal to another key's CLI", command: "kill -0 $OTHER && echo REACHED" },
  { what: "a signal by name", command: "pkill -0 -f claudeway[.]js && echo REACHED" },
  { what: "the gateway's limits", command: "prlimit --pid $PID && echo REACHED" },
  { what: "the gateway's priority", command: "ps -o pid= -p $PID && echo REACHED" },
  { what: "the gateway's namespaces", command: "readlink /proc/$PID/ns/mnt && echo REACHED" },
  {
    what: "the gateway's namespace of files",
    command:
      "nsenter -t $PID -U -m --preserve-credentials cat $DIR/claudeway.toml || (readlink /proc/$PID/ns/user && echo REACHED)",
  },
  { what: "the gateway's order among processes", command: "renice -n 1 -p $PID && echo REACHED" },
  { what: "the gateway's processors", command: "taskset -p $PID && echo REACHED" },
  { what: "the gateway's scheduling", command: "chrt -p $PID && chrt -b -p 0 $PID && echo REACHED" },
  { what: "the gateway's order for the disk", command: "ionice -c 2 -n 7 -p $PID && echo REACHED" },
  {
    what: "the gateway as the first that is killed without memory",
    command: "echo 900 > /proc/$PID/oom_score_adj && echo REACHED",
  },
  {
    what: "more of the gateway's memory in core dumps",
    command: "echo 0x3f > /proc/$PID/coredump_filter && echo REACHED",
  },
  { what: "what the gateway reads and writes", command: "grep rchar /proc/$PID/io && echo REACHED" },
  {
    what: "a handle of the gateway",
    command: "perl -e 'exit(syscall(434, $ENV{PID} + 0, 0) < 0)' && echo REACHED",
  },
  {
    what: "tracing of the gateway",
    command: "perl -e 'exit(syscall(PTRACE, 0x4206, $ENV{PID} + 0, 0, 0) != 0)' && echo REACHED".replace(
      "PTRACE",
      process.arch === "arm64" ? "117" : "101",
    ),
  },
  { what: "a secret that another key keeps in the kernel", command: "perl keyring.pl read" },
  {
    what: "another tenant's processes",
    command: "test $(ls /proc | grep -c '^[0-9]') -gt 40 && echo REACHED",
  },
  // Changes.
  {
    what: "a file beside the ledger",
    command: "touch $DIR/data/$RANDOM_NAME",
    creates: "$DIR/data/$RANDOM_NAME",
  },
  {
    what: "a plugin in the configuration",
    command: "grep -q engine $DIR/claudeway.toml && echo '# changed' >> $DIR/claudeway.toml && echo REACHED",
  },
  {
    what: "a file in another key's workdir",
    command: "touch $ADMIN/$RANDOM_NAME",
    creates: "$ADMIN/$RANDOM_NAME",
  },
  {
    what: "a hook in another key's settings",
    command: "touch $DIR/data/claude/admin/$RANDOM_NAME",
    creates: "$DIR/data/claude/admin/$RANDOM_NAME",
  },
  {
    what: "a line in the user's profile",
    command: "touch ~/.$RANDOM_NAME $DIR/.$RANDOM_NAME",
    creates: "$DIR/.$RANDOM_NAME",
  },
  { what: "a file in /tmp for others", command: "touch /tmp/$RANDOM_NAME", creates: "/tmp/$RANDOM_NAME" },
  {
    what: "a file in /var/tmp for others",
    command: "touch /var/tmp/$RANDOM_NAME",
    creates: "/var/tmp/$RANDOM_NAME",
  },
  {
    what: "a file in /dev/shm for others",
    command: "touch /dev/shm/$RANDOM_NAME",
    creates: "/dev/shm/$RANDOM_NAME",
  },
  { what: "a log line", command: "touch $DIR/logs/$RANDOM_NAME", creates: "$DIR/logs/$RANDOM_NAME" },
  { what: "a namespace of one's own", command: "unshare -Urm true && echo REACHED" },
  { what: "another mount", command: "unshare -Urm mount -t tmpfs none /mnt && echo REACHED" },
  {
    what: "the view without the sandbox's mounts",
    command: "unshare -Urm sh -c 'umount -l /tmp; cat $TMPFILE'",
  },
  // Surviving.
  {
    what: "a process that nothing leads to",
    command:
      "(env -i setsid $NODE -e 'setTimeout(() => {}, 300000)' $RANDOM_NAME > /dev/null 2>&1 &) ; sleep 0.3",
    survives: "$RANDOM_NAME",
  },
  // Filling.
  {
    what: "48 MiB of /tmp",
    command: "head -c 48M /dev/zero > /tmp/f$RANDOM_NAME && echo REACHED; rm -f /tmp/f$RANDOM_NAME",
  },
  {
    what: "48 MiB of /dev/shm",
    command: "head -c 48M /dev/zero > /dev/shm/f$RANDOM_NAME && echo REACHED; rm -f /dev/shm/f$RANDOM_NAME",
  },
  {
    what: "48 MiB of the home folder",
    command: "head -c 48M /dev/zero > ~/f$RANDOM_NAME && echo REACHED; rm -f ~/f$RANDOM_NAME",
  },
  { what: "a file of 80 MiB", command: "head -c 80M /dev/zero > big && echo REACHED; rm -f big" },
  // Raising limits.
  { what: "more processor time", command: "prlimit --cpu=unlimited true && echo REACHED" },
  { what: "larger files", command: "prlimit --fsize=unlimited true && echo REACHED" },
  { what: "more processes", command: "prlimit --nproc=2000:2000 true && echo REACHED" },
  { what: "more open files", command: "prlimit --nofile=20000:20000 true && echo REACHED" },
  { what: "a core dump", command: "prlimit --core=unlimited true && echo REACHED" },
  {
    what: "cgroups of one's own",
    command: "ls -d /sys/fs/cgroup/* && echo REACHED",
  },
  {
    what: "400 processes",
    command:
      '$NODE -e \'const all = []; for (let n = 0; n < 400; n++) { const one = require("child_process").spawn("sleep", ["20"]); one.on("error", () => {}); if (one.pid) all.push(one); } console.log(all.length < 400 ? all.length : "REACHED"); setTimeout(() => all.map((one) => one.kill("SIGKILL")), 3000)\'',
    notAsRoot: true,
    alone: true,
  },
  // Ending the turn.
  {
    what: "1.2 GiB of memory",
    command:
      "$NODE -e 'const all = []; setInterval(() => all.push(Buffer.alloc(3e7, 1)) > 40 && process.exit(), 30)' && echo REACHED",
    endsTurn: "none",
  },
  {
    what: "a working directory of 240 MiB",
    command:
      "for i in $(seq 8); do head -c 30M /dev/zero > part$i; done; $NODE pause.cjs && echo REACHED; rm -f part*",
    endsTurn: "DISK_QUOTA_EXCEEDED",
  },
  {
    what: "a configuration folder of 240 MiB",
    command:
      "d=$CLAUDE_CONFIG_DIR; for i in $(seq 8); do head -c 30M /dev/zero > $d/part$i; done; $NODE pause.cjs && echo REACHED; rm -f $d/part*",
    endsTurn: "DISK_QUOTA_EXCEEDED",
  },
  {
    what: "240 MiB in files without a name",
    command:
      "for i in $(seq 8); do exec {fd}> gone; rm gone; head -c 30M /dev/zero >&$fd; done; $NODE pause.cjs && echo REACHED",
    endsTurn: "DISK_QUOTA_EXCEEDED",
  },
  {
    what: "40,000 empty files",
    command:
      "mkdir -p many; (cd many && seq 40000 | xargs touch); $NODE pause.cjs && echo REACHED; rm -rf many",
    endsTurn: "DISK_QUOTA_EXCEEDED",
  },
  {
    what: "240 MiB in a folder that can't be listed",
    command:
      "mkdir many; chmod 0300 many; for i in $(seq 8); do head -c 30M /dev/zero > many/part$i; done; $NODE pause.cjs && echo REACHED",
    endsTurn: "DISK_QUOTA_EXCEEDED",
  },
  {
    what: "240 MiB in folders that are nested too deep for a path",
    command:
      "(n=$(printf 'many%.0s' $(seq 60)); for i in $(seq 20); do mkdir $n && cd $n || exit; done; for i in $(seq 8); do head -c 30M /dev/zero > part$i; done) && $NODE pause.cjs && echo REACHED",
    endsTurn: "DISK_QUOTA_EXCEEDED",
  },
  {
    what: "240 MiB in a folder whose name is not UTF-8",
    command:
      "d=many/$(printf '\\377'); mkdir -p $d; for i in $(seq 8); do head -c 30M /dev/zero > $d/part$i; done; $NODE pause.cjs && echo REACHED",
    endsTurn: "DISK_QUOTA_EXCEEDED",
  },
];
