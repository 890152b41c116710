#!/bin/bash
# Runs each file of $1 (commands, *.cmd) in bash and in zsh, and prints "<file> <shell> ran" where `rm` was called or the
# file x is gone. In mount, pid, net, ipc, uts and user namespaces of its own, without a capability, in a root of its own
# in which nothing of the machine can be written, $2 (an empty folder): nothing that is run here reaches anything else.
set -euo pipefail
commands=$1 root=$2
if [ "${IN_NAMESPACE:-}" = "" ]; then
  export IN_NAMESPACE=1
  enter=(unshare --map-root-user --mount --pid --net --ipc --uts --fork /bin/bash "$0" "$commands" "$root")
  # Never as root of the machine: a command once set its clock back.
  [ "$(id -u)" != 0 ] || enter=(setpriv --reuid 65534 --regid 65534 --clear-groups "${enter[@]}")
  exec "${enter[@]}"
fi
mount -t tmpfs tmpfs "$root"
mkdir -p "$root"/{usr,proc,dev,tmp,etc,commands,stub,out}
mount --rbind /usr "$root/usr"
mount -o remount,bind,ro "$root/usr"
for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
mount -t proc proc "$root/proc"
for name in null zero urandom; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"; done
cp -r "$commands"/. "$root/commands/"
printf '#!/bin/sh\necho rm >> "$RAN"\n' > "$root/stub/rm"
chmod 755 "$root/stub/rm"
mount --bind "$root/stub/rm" "$root/usr/bin/rm"
cat > "$root/run.sh" <<'RUN'
ulimit -t 10 -f 20000 -n 256
cd /commands
for file in *.cmd; do
  for shell in bash zsh; do
    find /tmp -mindepth 1 -delete
    mkdir -p /tmp/w/home && cd /tmp/w
    for name in x f a.txt b y; do echo line > $name; done
    git init -q repo
    : > /out/ran
    env -i PATH=/usr/bin:/bin HOME=/tmp/w/home RAN=/out/ran SHELL=/bin/bash \
      timeout -k 1 4 $shell -c "$(cat "/commands/$file")" < /dev/null > /out/log 2>&1
    if [ -s /out/ran ] || [ ! -e /tmp/w/x ]; then echo "$file $shell ran"; fi
  done
done
RUN
exec chroot "$root" /usr/bin/setpriv --bounding-set=-all --inh-caps=-all --no-new-privs /bin/bash /run.sh
