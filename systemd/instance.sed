# Makes the units of one of several standbys on this machine from those of a single one: openclaw-failover@.service from
# openclaw-failover.service.in, and so on. What an instance has for its own is said in openclaw-failover(8); the names are those
# of src/names.c.

# Other units that it names are those of the same instance.
s/openclaw\(-failover[a-z-]*\)\{0,1\}\.service/openclaw\1@%i.service/g
s/\(systemctl edit [a-z-]*[a-z]\)\(\.timer\)\{0,1\}/\1@NAME\2/
s/\(systemctl enable --now openclaw-failover-drill\)\.timer/\1@NAME.timer/

s/^Description=.*/& (%i)/
s|@BINDIR@/openclaw-failover |&-i %i |
s/^\(RuntimeDirectory\|StateDirectory\)=.*/&@%i/
s|\(@SYSCONFDIR@/openclaw-failover/\)\([a-z]*-url\)|\1%i.\2|

# OpenClaw keeps instances apart as profiles, whose port is in their own configuration, and whose workspaces are named so.
s/openclaw gateway --port 18789/openclaw --profile %i gateway/
s|\.openclaw/workspace|&-%i|g
s|/\.secrets|&-%i|g
