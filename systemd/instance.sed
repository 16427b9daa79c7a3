# Makes the units of an instance from the plain ones: openclaw-failover@.service from openclaw-failover.service.in, and so on.
# openclaw-failover(8) lists what an instance has of its own; src/config/instance.c has the same names.

# The other units of the same instance.
s/openclaw\(-failover[a-z-]*\)\{0,1\}\.service/openclaw\1@%i.service/g
s/\(systemctl edit [a-z-]*[a-z]\)\(\.timer\)\{0,1\}/\1@NAME\2/
s/\(systemctl enable --now openclaw-failover-drill\)\.timer/\1@NAME.timer/

s/^Description=.*/& (%i)/
s|@BINDIR@/openclaw-failover |&-i %i |
s/^\(RuntimeDirectory\|StateDirectory\)=.*/&@%i/
s|\(@SYSCONFDIR@/openclaw-failover/\)\([a-z]*-url\)|\1%i.\2|

# An instance's gateway is an OpenClaw profile, which has its port in its own configuration and its own workspace.
s/openclaw gateway --port 18789/openclaw --profile %i gateway/
s|\.openclaw/workspace|&-%i|g
s|/\.secrets|&-%i|g
s|\.openclaw/failover|.openclaw-%i/failover|g
