#!/bin/sh
# Run by root: executes a claudeway command like the service: as its user, in its folder, with its environment.
set -eu
property() { systemctl show --value --property="$1" claudeway.service; }
files=$(property EnvironmentFiles)
settings=$(systemctl cat claudeway.service | sed -n 's/^Environment=/--setenv=/p')
# shellcheck disable=SC2086 # one word for each setting
exec systemd-run --quiet --pty --pipe --wait --collect \
  --uid="$(property User)" --working-directory="$(property WorkingDirectory)" --property=UMask=0077 \
  $settings --property=EnvironmentFile="${files%% *}" \
  /usr/bin/node /opt/claudeway/core/cli/bin/claudeway.js "$@"
