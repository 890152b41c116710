import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { Folders } from "./config.js";

/** What the CLI of a turn can see and change. */
export interface Walls extends Pick<Folders, "read_only" | "read_write"> {
  /** Absolute path of the CLI, as it is called. */
  readonly claude: string;
  readonly workdir: string;
  /** The working directory is an empty one in memory, and nothing of what is there is visible. */
  readonly emptyWorkdir: boolean;
  /** The CLI's configuration folder. */
  readonly configDir: string;
  readonly home: string;
  /** The size of each file system in memory, in bytes. */
  readonly tmpBytes: number;
  /** Arguments of bubblewrap for the network. */
  readonly network: readonly string[];
}

/** Programs and libraries. Those that are links on this machine are links inside. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];

/** Files of /etc that programs need. The rest may hold secrets, which a gateway that runs as root could read. */
const ETC = [
  ...["alternatives", "bash.bashrc", "ca-certificates", "debian_version", "fonts", "gai.conf", "gitconfig"],
  ...["group", "host.conf", "hostname", "hosts", "inputrc", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"],
  ...["locale.alias", "localtime", "magic", "mime.types", "nsswitch.conf", "os-release", "passwd"],
  ...[
    "pki/ca-trust",
    "pki/tls/certs",
    "pki/tls/cert.pem",
    "profile",
    "profile.d",
    "protocols",
    "resolv.conf",
  ],
  ...["services", "shells", "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone"],
].map((name) => join("/etc", name));

/** The user inside where the gateway is root: the CLI refuses the permission bypass to root. */
export const INSIDE_UID = 1000;

/**
 * Arguments of bubblewrap for these walls, without the program to run. They are visible in the process list and hold
 * paths only: variables go by the environment.
 */
export function wallArguments(walls: Walls): string[] {
  const { claude, workdir, emptyWorkdir, configDir, home, tmpBytes } = walls;
  const tmpfs = (path: string) => ["--size", String(tmpBytes), "--tmpfs", path];
  return [
    ...["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...["--disable-userns", "--die-with-parent", "--new-session", "--cap-drop", "ALL"],
    ...(process.getuid?.() === 0 ? ["--uid", String(INSIDE_UID), "--gid", String(INSIDE_UID)] : []),
    ...SYSTEM.flatMap(systemFolder),
    ...ETC.flatMap((path) => ["--ro-bind-try", path, path]),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...["/tmp", "/var/tmp", "/dev/shm"].flatMap(tmpfs),
    ...(home === "/" ? [] : tmpfs(home)),
    ...programOf(claude),
    ...walls.read_only.flatMap((path) => ["--ro-bind-try", path, path]),
    ...walls.read_write.flatMap((path) => ["--bind-try", path, path]),
    ...["--bind", configDir, configDir],
    ...(emptyWorkdir ? tmpfs(workdir) : ["--bind", workdir, workdir]),
    ...walls.network,
    // Without this, the root and /dev could be filled: they are in memory, and have no limit of their own.
    ...["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", workdir],
  ];
}

function systemFolder(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return found.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
}

/** The CLI, with its package if it has one: some are scripts. */
function programOf(claude: string): string[] {
  // Where it has been taken away, bubblewrap says so: the turn fails by that, as it does without walls.
  if (!isAbsolute(claude) || !existsSync(claude)) return [];
  const real = realpathSync(claude);
  if ([claude, real].every((path) => SYSTEM.some((folder) => path.startsWith(`${folder}/`)))) return [];
  const folder = packageOf(real);
  return [
    ...(folder === undefined ? [] : ["--ro-bind", folder, folder]),
    ...(claude === real && folder !== undefined ? [] : ["--ro-bind", real, claude]),
  ];
}

const MAX_PARENTS = 3;

function packageOf(file: string): string | undefined {
  let folder = dirname(file);
  for (let n = 0; n < MAX_PARENTS && folder !== dirname(folder); n++, folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
  }
  return undefined;
}
