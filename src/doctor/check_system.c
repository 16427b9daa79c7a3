/* The machine itself: its clock, its journal, and how much the gateway's user may do as root. */
#include <string.h>
#include <sys/timex.h>

#include "doctor/look.h"
#include "lib/clock.h"
#include "lib/program.h"
#include "lib/text.h"

/* Above this estimated error, in microseconds, the kernel calls its clock unsynchronised (NTP_PHASE_LIMIT in
 * linux/timex.h). STA_UNSYNC alone is no evidence: it also keeps the kernel off the hardware clock. */
#define MAXERROR_SYNCHRONISED 16000000

void look_clock(const struct checkup *c _unused_, struct finding *f) {
        struct timex t = { .modes = 0 };

        if (adjtimex(&t) >= 0 && t.maxerror < MAXERROR_SYNCHRONISED)
                finding_ok(f, "synchronised, to within %ld ms", t.maxerror / 1000);
        else if (access("/run/systemd/container", F_OK) >= 0)
                finding_off(f, "not synchronised, but in a container that is up to its host");
        else {
                finding_fail(f,
                        "not synchronised: certificates, keys and times in the journal cannot be trusted");
                finding_fix(f, "sudo apt-get install systemd-timesyncd && sudo timedatectl set-ntp true");
        }
}

/* The last Storage= in journald.conf and its drop-ins counts (journald.conf(5)). */
static bool journal_is_volatile(void) {
        const char *const argv[] = { "sh", "-c",
                "systemd-analyze cat-config systemd/journald.conf | sed -n 's/^ *Storage *= *//p' | tail -n1",
                NULL };
        _cleanup_free_ char *value = NULL;

        return program_run(argv, USEC_INFINITY, &value, NULL) == 0 &&
                (begins_with(value, "volatile") || begins_with(value, "none"));
}

void look_journal(const struct checkup *c _unused_, struct finding *f) {
        if (access("/var/log/journal", F_OK) >= 0 && !journal_is_volatile()) {
                finding_ok(f, "kept on disk");
                return;
        }
        finding_warn(f, "not kept on disk: after a reboot `history` is empty");
        finding_fix_file(
                f, "/etc/systemd/journald.conf.d/zz-persistent.conf", "[Journal]\nStorage=persistent");
        finding_fix(f, "sudo systemctl restart systemd-journald && sudo journalctl --flush");
}

/* A user in one of these groups is as good as root. */
static const char *powerful_group(const char *user) {
        static const char *const powerful[] = { "sudo", "wheel", "admin", "root", "docker", "lxd",
                "incus-admin", "libvirt", "disk", "shadow" };
        const char *const argv[] = { "id", "-Gn", "--", user, NULL };
        _cleanup_free_ char *groups = NULL;
        int n = ELEMENTSOF(powerful), i;
        char *save = NULL;

        (void) program_run(argv, USEC_INFINITY, &groups, NULL);
        for (char *group = groups ? strtok_r(groups, " \n", &save) : NULL; group;
                group = strtok_r(NULL, " \n", &save))
                if ((i = find_name(group, powerful, n)) < n)
                        return powerful[i];
        return NULL;
}

/* sudo's rules may be on a server (sudoers.ldap(5)). sudo is setuid, so PR_SET_PDEATHSIG does not end it. */
#define SUDO_DEADLINE (10 * USEC_PER_SEC)

void look_powers(const struct checkup *c, struct finding *f) {
        const char *user = checkup_gateway_user(c), *group;
        const char *const argv[] = { "sudo", "-n", "-l", "-U", user, NULL };
        _cleanup_free_ char *output = NULL;
        const struct passwd *pw = getpwnam(user);
        int r;

        if (!pw) {
                finding_fail(f, "user %s of %s does not exist", user, c->gateway.name);
                finding_fix(f, "sudo useradd --create-home --shell /bin/bash %s", user);
                return;
        }
        if (pw->pw_uid == 0) {
                finding_fail(f, "%s runs as root: an agent with a shell could stop whoever watches it",
                        c->gateway.name);
                finding_fix_drop_in(f, c->gateway.name, "user", "User=openclaw");
                return;
        }
        group = powerful_group(user);
        if (group) {
                finding_fail(f,
                        "user %s is in group %s, which is as good as root: an agent with a shell must not be",
                        user, group);
                finding_fix(f, "sudo gpasswd -d %s %s", user, group);
                return;
        }
        r = program_run(argv, now_usec(CLOCK_BOOTTIME) + SUDO_DEADLINE, &output, NULL);
        if (r < 0)
                finding_skip(f, "sudo does not say what it lets user %s do: %s", user, strerror(-r));
        else if (strstr(output, "NOPASSWD:")) {
                finding_fail(f, "sudo asks user %s for no password", user);
                finding_fix(f,
                        "sudo -l -U %s && sudo visudo # or the file below /etc/sudoers.d that says so",
                        user);
        } else
                finding_ok(f, "user %s is neither root nor in sudo, docker or the like", user);
}
