"""What `doctor` finds and has fixed (tests/lab/doctor.py): the daemon, the gateway, the alerts; and what else it promises."""

import json
import subprocess

import pytest
from doctor import DOCTOR, SCENARIOS, Report, await_report, doctor, drop_in, find_and_fix, finds, in_words, is_well, fix, stand_in, well
from lab import HOME, USER, Pair

# The daemon starts.

@finds("configuration", ".ini:3: port:")
def config_wrong(pair, later):
    good = pair.standby.get("/etc/openclaw-failover.ini")
    pair.standby.put("/etc/openclaw-failover.ini", "[primary]\nhost = 100.64.0.1\nport = 0\n")
    pair.standby.put("/root/good.ini", good)
    pair.standby.put("/root/editor", "#!/bin/sh\ncp /root/good.ini $1\n", mode=0o755)


@finds("configuration", "no such file")
def config_missing(pair, later):
    pair.standby.run("mv /etc/openclaw-failover.ini /root/good.ini")
    pair.standby.put("/root/editor", "#!/bin/sh\ncp /root/good.ini $1\n", mode=0o755)


@finds("its reader", "Permission denied")
def config_closed(pair, later):
    pair.standby.run("chmod 600 /etc/openclaw-failover.ini")


@finds("its reader", "others than root may change")
def config_open(pair, later):
    """The daemon's user owns it, and keeps others from reading it. Afterwards the daemon can still read it."""
    pair.standby.run("cd /etc; chown openclaw-failover: openclaw-failover.ini; chmod 600 openclaw-failover.ini; "
                     "systemctl reload openclaw-failover")


@finds("in force", "has changed since the daemon read it")
def config_not_reloaded(pair, later):
    pair.configure(primary={"fail_threshold": 4})


@finds("units", "have changed")
def units_changed(pair, later):
    pair.standby.put("/etc/systemd/system/openclaw-failover.service.d/aa-test.conf", "[Service]\nNice=1\n")


@finds("daemon", "not enabled")
def daemon_disabled(pair, later):
    pair.standby.systemctl("disable", Pair.UNIT)


@finds("daemon", "not running")
def daemon_stopped(pair, later):
    pair.standby.systemctl("stop", Pair.UNIT)


@finds("daemon", "masked", rounds=2)
def daemon_masked(pair, later):
    pair.standby.run("systemctl mask --now --runtime openclaw-failover.service")


@finds("mode", "paused")
def paused(pair, later):
    pair.standby.run("openclaw-failover pause")


@finds("mode", "pinned", rounds=2)
def pinned(pair, later):
    pair.standby.run("openclaw-failover promote")


@finds("old monitor", "shell script")
def old_monitor(pair, later):
    pair.standby.put("/etc/systemd/system/openclaw-health-monitor.service",
                     "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n")
    pair.standby.systemctl("daemon-reload")
    pair.standby.systemctl("enable", "--now", "openclaw-health-monitor.service")


@finds("journal", "not kept on disk")
def journal_volatile(pair, later):
    pair.standby.put("/etc/systemd/journald.conf.d/lab.conf", "[Journal]\n Storage = volatile\n")
    pair.standby.run("systemctl restart systemd-journald && rm -r /var/log/journal/*")
    later.callback(pair.standby.mark)
    later.callback(pair.standby.run, "systemctl restart systemd-journald")


# It starts the gateway.

WEB = ("[primary]\nhost = 100.64.0.1\n[gateway]\nunit = openclaw@web.service\nurl = http://127.0.0.1:18809/health\n"
       "[workspace]\npath = /home/openclaw/.openclaw/workspace-web\n")


def web_shares(later, pair, line, instead):
    """Another standby on this machine has LINE of its ini in common with the plain one."""
    assert line in WEB
    pair.standby.put("/etc/openclaw-failover/web.ini", WEB.replace(line, instead))
    later.callback(pair.standby.remove, "/etc/openclaw-failover/web.ini")
    pair.standby.put("/root/web.ini", WEB)
    pair.standby.put("/root/editor", "#!/bin/sh\ncp /root/web.ini $1\n", mode=0o755)


@finds("other instances", "openclaw-failover@web.service starts and stops openclaw.service")
def shared_gateway(pair, later):
    web_shares(later, pair, "unit = openclaw@web.service\n", "")


@finds("other instances", "openclaw-failover@web.service has its gateway answer at port 18789")
def shared_port(pair, later):
    web_shares(later, pair, "url = http://127.0.0.1:18809/health\n", "")


@finds("other instances", "keeps its workspace in /home/openclaw/.openclaw/workspace,")
def shared_workspace(pair, later):
    web_shares(later, pair, "path = /home/openclaw/.openclaw/workspace-web\n", "")


@finds("gateway unit", "there is no assistant.service")
def gateway_unit_missing(pair, later):
    pair.configure(gateway={"unit": "assistant.service"})


@finds("gateway unit", "masked")
def gateway_masked(pair, later):
    pair.standby.systemctl("mask", "openclaw.service")


@finds("gateway unit", "enabled")
def gateway_enabled(pair, later):
    drop_in(pair.standby, "openclaw.service", "[Install]\nWantedBy=multi-user.target\n")
    pair.standby.run("cp /usr/lib/systemd/system/openclaw.service /etc/systemd/system/ &&"
                     "printf '[Install]\nWantedBy=multi-user.target\n' >> /etc/systemd/system/openclaw.service")
    pair.standby.systemctl("enable", "openclaw.service")


@finds("gateway program", "/opt/openclaw/bin/openclaw cannot be run by user openclaw: No such file", rounds=2)
def program_is_nvms(pair, later):
    """Then its interpreter is not on the PATH either, and the gateway of the fixed unit really starts."""
    hide_node(pair, later)
    drop_in(pair.standby, "openclaw.service", "[Service]\nExecStart=\nExecStart=/opt/openclaw/bin/openclaw gateway\n",
            name="zy-test")
    nvm = f"{HOME}/.nvm/versions/node/v22.1.0/bin"
    pair.standby.put(f"{nvm}/openclaw", "#!/usr/bin/env node\n", mode=0o755, user=USER)
    pair.standby.put(f"{nvm}/node", "#!/bin/sh\nexec /usr/local/bin/openclaw gateway\n", mode=0o755, user=USER)
    later.callback(starts_and_stops, pair)


def hide_node(pair, later):
    """A Node.js that this machine itself may have."""
    for path in ("/usr/bin/node", "/usr/local/bin/node"):
        if pair.standby.exists(path):
            pair.standby.run(["mv", path, path + ".away"])
            later.callback(pair.standby.run, ["mv", path + ".away", path])


def starts_and_stops(pair):
    pair.standby.systemctl("stop", Pair.UNIT)
    pair.standby.gateway.start()
    pair.standby.gateway.stop()


@finds("gateway program", "cannot be run by user openclaw: Permission denied")
def program_not_executable(pair, later):
    pair.standby.run("chmod 700 /usr/local/bin/openclaw")
    later.callback(pair.standby.run, "chmod 755 /usr/local/bin/openclaw")


@finds("gateway program", "needs node, which is not on the PATH of openclaw.service")
def interpreter_not_on_path(pair, later):
    hide_node(pair, later)
    drop_in(pair.standby, "openclaw.service", f"[Service]\nExecStart=\nExecStart={HOME}/app/openclaw gateway\n",
            name="zy-test")
    pair.standby.put(f"{HOME}/app/openclaw", "#!/usr/bin/env node\n", mode=0o755, user=USER)
    pair.standby.put(f"{HOME}/.local/bin/node", "#!/bin/sh\nexec /usr/local/bin/openclaw gateway\n", mode=0o755, user=USER)
    later.callback(starts_and_stops, pair)


@in_words
def with_node(pair, line):
    """As its makers say, for all users."""
    pair.standby.put("/usr/local/bin/node", "#!/bin/sh\nexec /usr/local/bin/openclaw gateway\n", mode=0o755)


@finds("gateway program", "install it for all users, Node.js as https://nodejs.org says", fix=with_node)
def interpreter_missing(pair, later):
    hide_node(pair, later)
    later.callback(pair.standby.remove, "/usr/local/bin/node")
    drop_in(pair.standby, "openclaw.service", f"[Service]\nExecStart=\nExecStart={HOME}/app/openclaw gateway\n",
            name="zy-test")
    pair.standby.put(f"{HOME}/app/openclaw", "#!/usr/bin/env node\n", mode=0o755, user=USER)
    later.callback(starts_and_stops, pair)


def with_its_end(pair, line):
    """What the command shows, a person ends."""
    fix(pair, line)
    pair.standby.run("pkill -u alice")


@finds("gateway's port", "listens at port 18789", fix=with_its_end)
def port_taken(pair, later):
    pair.standby.popen(["/usr/local/bin/openclaw", "gateway"], user="alice")
    pair.standby.wait_for(pair.standby.gateway.answers)


@finds("second gateway", "fight for the port")
def user_service(pair, later):
    units = f"{HOME}/.config/systemd/user"
    pair.standby.put(f"{units}/openclaw-gateway.service", "[Service]\nExecStart=/bin/sleep infinity\n", user=USER)
    pair.standby.run(f"mkdir -p {units}/default.target.wants && ln -s ../openclaw-gateway.service {units}/default.target.wants",
                     user=USER)


@finds("second gateway", "fight for the port")
def user_service_running(pair, later):
    """The same with the user's own systemd running, as it does on a server with lingering."""
    user_service(pair, later)
    units = f"{HOME}/.config/systemd/user"
    pair.standby.put(f"{units}/openclaw-gateway.service",
                     "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=default.target\n", user=USER)
    pair.standby.systemctl("start", f"user@{pair.standby._ids(USER)[0]}.service")
    later.callback(pair.standby.systemctl, "stop", f"user@{pair.standby._ids(USER)[0]}.service")


@finds("gateway's powers", "in group docker")
def in_docker_group(pair, later):
    pair.standby.run(f"groupadd docker; gpasswd -a {USER} docker")


@finds("gateway's powers", "asks user openclaw for no password",
       fix=lambda pair, line: pair.standby.remove("/etc/sudoers.d/openclaw"))
def sudo_without_password(pair, later):
    pair.standby.put("/etc/sudoers.d/openclaw", f"{USER} ALL=(root) NOPASSWD: /usr/bin/systemctl\n", mode=0o440)


@finds("gateway's powers", "runs as root", rounds=2)
def gateway_is_root(pair, later):
    drop_in(pair.standby, "openclaw.service", "[Service]\nUser=\n", name="zy-test")


@finds("gateway's stop", "Restart of openclaw.service is on-failure: ")
def end_taken_for_a_stop(pair, later):
    drop_in(pair.standby, "openclaw.service", "[Service]\nRestart=on-failure\n", name="zy-test")


@finds("gateway's stop", "TimeoutStopSec of openclaw.service is 1 min 30 s")
def stop_too_short(pair, later):
    drop_in(pair.standby, "openclaw.service", "[Service]\nTimeoutStopSec=90\n", name="zy-test")


# It sends alerts.

RECEIVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(int(sys.argv[1]))
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""


def receiver(pair, status):
    pair.standby.put("/home/alice/receiver.py", RECEIVER)
    pair.standby.popen(["/usr/bin/python3", "receiver.py", str(status)], user="alice", stderr=subprocess.DEVNULL)
    pair.standby.wait_for(lambda: pair.standby.run("curl -sI http://127.0.0.1:8080/", check=False).returncode == 0)


ADDRESS_FILE = "/etc/openclaw-failover/alert-url"
ADDRESS = "http://127.0.0.1:8080/services/SECRET"


def configure_alert(pair, text):
    """With the file in place before the daemon starts."""
    pair.standby.put(ADDRESS_FILE, text + "\n", mode=0o600)
    pair.configure(alert={"url_file": ADDRESS_FILE})
    pair.standby.systemctl("restart", Pair.UNIT)


@finds("alert", "others than root may read or change it", rounds=2)
def alert_file_readable(pair, later):
    receiver(pair, 200)
    pair.standby.put(ADDRESS_FILE, ADDRESS + "\n", mode=0o640)
    pair.configure(alert={"url_file": ADDRESS_FILE})


@finds("alert", "is not handed to openclaw-failover.service")
def alert_file_elsewhere(pair, later):
    receiver(pair, 200)
    pair.standby.put("/root/webhook", ADDRESS + "\n", mode=0o600)
    pair.configure(alert={"url_file": "/root/webhook"})


@finds("alert", "is not handed to openclaw-failover-alert.service")
def alert_file_elsewhere_for_the_daemon_only(pair, later):
    """Then nobody would learn that the daemon has failed."""
    receiver(pair, 200)
    pair.standby.put("/root/webhook", ADDRESS + "\n", mode=0o600)
    pair.configure(alert={"url_file": "/root/webhook"})
    drop_in(pair.standby, Pair.UNIT, "[Service]\nLoadCredential=alert-url:/root/webhook\n")
    pair.standby.systemctl("restart", Pair.UNIT)


@finds("alert", "has changed since systemd handed it to the daemon")
def alert_file_changed(pair, later):
    """A reload is enough for some versions of systemd, and not for others."""
    receiver(pair, 200)
    configure_alert(pair, "http://127.0.0.1:9/of-last-year")
    pair.standby.put(ADDRESS_FILE, ADDRESS + "\n", mode=0o600)


def with_pasted_address(pair, line):
    for command in line.commands:
        pair.standby.run(command.partition(" # ")[0], input=ADDRESS + "\n")


@finds("alert", "No such file", rounds=2, fix=with_pasted_address)
def alert_file_missing(pair, later):
    receiver(pair, 200)
    pair.configure(alert={"url_file": ADDRESS_FILE})


@finds("alert", "/root/webhook cannot be read: No such file", rounds=2, fix=with_pasted_address)
def alert_file_missing_elsewhere(pair, later):
    """Handed over before it is there, it would keep the daemon from starting."""
    receiver(pair, 200)
    pair.configure(alert={"url_file": "/root/webhook"})


@finds("alert", "http://127.0.0.1:8080 refuses the address: HTTP 403")
def alert_refused(pair, later):
    """Whoever runs the service lets it in again while the test alert is being sent, let us say."""
    receiver(pair, 403)
    configure_alert(pair, ADDRESS)
    stand_in(pair, later, "openclaw-failover",
             'test "$1" = alert-test || exec /usr/bin/openclaw-failover "$@"\n'
             "pkill -u alice; sed -i s/sys.argv.1./200/ /home/alice/receiver.py\n"
             "systemd-run -q -p User=alice /usr/bin/python3 /home/alice/receiver.py\n")


@finds("alert", "cannot be reached: connection refused", fix=lambda pair, line: receiver(pair, 200))
def alert_unreachable(pair, later):
    configure_alert(pair, ADDRESS)


@finds("heartbeat", "cannot be reached", fix=lambda pair, line: receiver(pair, 200))
def heartbeat_unreachable(pair, later):
    pair.configure(heartbeat={"url": "http://127.0.0.1:8080/ping"})


@pytest.mark.parametrize("provoke, title, words, rounds, fix", SCENARIOS[__name__])
def test_found_and_fixed(well, provoke, title, words, rounds, fix):
    find_and_fix(well, provoke, title, words, rounds, fix)


def test_secret_addresses_are_not_printed(well):
    """Whether it works or not."""
    configure_alert(well, ADDRESS)
    assert "SECRET" not in doctor(well.standby).text
    receiver(well, 200)
    assert "SECRET" not in doctor(well.standby).text
    assert doctor(well.standby, user=USER).lines["alert"].kind == "skip"


# And what else it promises.

def test_all_is_well(well):
    report = await_report(well, is_well, "all is well")
    assert report.status == 0, str(report)
    assert {"configuration", "primary", "permission", "gateway program"} <= set(report.of("ok"))


def test_an_ordinary_user_sees_what_is_left_out(well):
    """As much as alice may see, a status of its own for the rest, and a red cross for what she sees, with sudo."""
    well.standby.run("chmod o-rx /usr/local/bin/openclaw")
    try:
        report = doctor(well.standby, user="alice")
    finally:
        well.standby.run("chmod o+rx /usr/local/bin/openclaw")
    assert report.status == 2 and not report.of("FAIL"), str(report)
    assert {"primary", "daemon", "sync unit", "gateway unit", "gateway's stop"} <= set(report.of("ok")), str(report)
    for title in ("its reader", "permission", "gateway program", "gateway's powers"):
        assert report.lines[title].kind == "skip"
        assert "sudo openclaw-failover doctor" in report.lines[title].text
    assert "without sudo" in well.standby.run("openclaw-failover doctor -q", user="alice", check=False).stdout

    well.standby.systemctl("stop", Pair.UNIT)
    report = doctor(well.standby, user="alice")
    assert report.status == 1 and report.of("FAIL") == ["daemon"], str(report)
    assert report.lines["daemon"].commands == [f"sudo systemctl restart {Pair.UNIT}"]


def test_quiet_and_json(well):
    """-q leaves out what is well, --json has the same rows and commands; the exit status is the same."""
    well.standby.systemctl("stop", Pair.UNIT)
    whole, quiet = doctor(well.standby), Report(well.standby.run([*DOCTOR, "-q"], check=False))
    assert quiet.status == 1 and quiet.of("FAIL") == ["daemon"] and quiet.of("warn") == whole.of("warn")
    assert quiet.of("ok", "off", "skip") == [] != whole.of("ok")
    for words, report in ([], whole), (["-q"], quiet):
        done = well.standby.run([*DOCTOR, *words, "--json"], check=False)
        found = json.loads(done.stdout)
        assert done.returncode == 1 and (found["version"], found["instance"]) == (1, "")
        assert {(row["title"], row["kind"].lower(), *row["fix"]) for row in found["findings"]} == {
            (line.title, line.kind.lower(), *line.commands) for line in report.lines.values()}


def test_a_gateway_unit_that_is_not_there_needs_no_rule(well):
    well.configure(gateway={"unit": "opneclaw.service"})
    well.standby.systemctl("reload", Pair.UNIT)
    report = doctor(well.standby)
    assert "there is no opneclaw.service" in report.lines["gateway unit"].text
    assert report.lines["permission"].kind == "skip" and "polkit" not in report.text, str(report)


def test_the_gateways_user_sees_its_own_things(well):
    report = doctor(well.standby, user=USER)
    assert {"gateway program", "second gateway"} <= set(report.of("ok")), str(report)
    assert report.lines["its reader"].kind == "skip"


def test_a_bad_configuration_hides_only_what_needs_it(well):
    well.standby.put("/etc/openclaw-failover.ini", "[primary]\n")
    report = doctor(well.standby)
    assert report.of("FAIL") == ["configuration"], str(report)
    assert "daemon" in report.of("ok") and "primary" not in report.lines


def test_without_d_bus(well):
    """It says so once, and still looks at what needs no systemd."""
    well.standby.run("systemctl stop dbus.socket dbus.service", check=False)
    try:
        report = doctor(well.standby)
        assert "units" in report.of("FAIL") and report.lines["primary"].kind == "ok", str(report)
        fix(well, report.lines["units"])
        await_report(well, lambda report: report.status == 0, "all is well again")
    finally:
        well.standby.run("systemctl start dbus.socket dbus.service", check=False)


def test_sudo_that_hangs_is_ended(well):
    """It is setuid: nothing but doctor itself ends it."""
    well.standby.put("/root/sudo.c", "#include <unistd.h>\nint main(void) { return sleep(300); }\n")
    well.standby.run("cc -o /usr/local/sbin/sudo /root/sudo.c && chmod 4755 /usr/local/sbin/sudo")
    try:
        line = doctor(well.standby).lines["gateway's powers"]
        assert line.kind == "skip" and "Connection timed out" in line.text
        assert well.standby.run(["pgrep", "-x", "sudo"], check=False).returncode == 1
    finally:
        well.standby.remove("/usr/local/sbin/sudo")


def test_a_look_that_hangs_is_ended(well):
    """A name server that is silent: the resolver would wait for longer than anybody."""
    well.configure(primary={"host": "primary.silent.example"})
    well.standby.put("/etc/resolv.conf", "nameserver 192.0.2.254\noptions timeout:30 attempts:5\n")
    well.standby.drop_outgoing(port=53)
    with pytest.raises(subprocess.TimeoutExpired):
        well.standby.run(["getent", "hosts", "primary.silent.example"], timeout=8)
    report = Report(well.standby.run(DOCTOR, check=False, timeout=200))
    assert "no result within" in report.lines["primary"].text, str(report)
    assert report.lines["gateway's stop"].kind == "ok"


CLOCK = """
#include <sys/timex.h>
#include <stdlib.h>
int adjtimex(struct timex *t) { t->maxerror = atol(getenv("MAXERROR")); t->status = STA_UNSYNC; return TIME_OK; }
"""


@pytest.mark.as_shipped
def test_clock(well, tmp_path):
    """All hosts have this machine's clock, so the call that asks for its state is answered by a library here."""
    (tmp_path / "clock.c").write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "clock.so", tmp_path / "clock.c"], check=True)
    well.standby.put("/root/clock.so", (tmp_path / "clock.so").read_bytes(), mode=0o755)
    well.standby.run("mv /run/systemd/container /run/systemd/container.away")  # or it is not this host's business
    try:
        report = doctor(well.standby, LD_PRELOAD="/root/clock.so", MAXERROR="16000000")
        assert report.lines["clock"].kind == "FAIL" and "timedatectl set-ntp true" in report.lines["clock"].commands[0]
        report = doctor(well.standby, LD_PRELOAD="/root/clock.so", MAXERROR="250000")
        assert report.lines["clock"].text == "synchronised, to within 250 ms"
    finally:
        well.standby.run("mv /run/systemd/container.away /run/systemd/container")
    report = doctor(well.standby, LD_PRELOAD="/root/clock.so", MAXERROR="16000000")
    assert report.lines["clock"].kind == "off"


def terminal(host, **env):
    """What doctor writes to a terminal: script(1) makes one."""
    return host.run(["script", "-qec", "openclaw-failover doctor", "/dev/null"], env=env).stdout


def test_colour(well):
    assert "\033[" in terminal(well.standby)
    assert "\033[" not in terminal(well.standby, NO_COLOR="1")
    assert "\033[" in terminal(well.standby, NO_COLOR="")
    assert "\033[" not in doctor(well.standby).text


def test_it_leaves_nothing_behind(well):
    before = well.standby.out("ps -eo user,args --no-headers | grep -c '[o]penclaw-failover doctor'", check=False)
    doctor(well.standby)
    assert well.standby.out("ps -eo user,args --no-headers | grep -c '[o]penclaw-failover doctor'", check=False) == before == "0"
