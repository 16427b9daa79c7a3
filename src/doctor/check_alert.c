/* Would an alert get through? doctor asks the alert's service for the headers at the address (HEAD), which
 * posts nothing. It only connects to the heartbeat's service, where any request is a ping. No message
 * repeats an address that may be a secret. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "alert/alert_format.h"
#include "alert/endpoint.h"
#include "doctor/look.h"
#include "lib/file.h"
#include "lib/text.h"

static void fix_address(const char *file, struct finding *f) {
        if (is_roots_way(file))
                finding_fix_path(
                        f, "sudo install -m 0600 /dev/stdin", file, " # then paste the address, and Ctrl-D");
}

/* Only root may read or write FILE: the agent may read the ini, which names the file. */
static bool is_private(const char *file, struct finding *f) {
        _cleanup_free_ char *path = shell_quote(file);
        struct stat st;

        if (stat(file, &st) < 0 || (st.st_uid == 0 && !(st.st_mode & 077)))
                return true;
        finding_fail(f, "%s holds a secret, and others than root may read or change it", file);
        if (path && is_roots_way(file))
                finding_fix(f, "sudo chown -h root: %s && sudo chmod 0600 %s", path, path);
        return false;
}

static bool has_credential(const struct unit_facts *u, const char *credential, const char *file) {
        const char *name, *path;
        json_t *item;
        size_t i;

        json_array_foreach (unit_list(u, "LoadCredential"), i, item)
                if (json_unpack(item, "[s,s]", &name, &path) == 0 && strcmp(name, credential) == 0 &&
                        strcmp(path, file) == 0)
                        return true;
        return false;
}

/* Whether systemd passes FILE, which is root's, to the daemon (systemd.exec(5), LoadCredential=) and, for an
 * alert, to the unit that sends one when the daemon fails. */
static bool is_handed_over(
        const struct checkup *c, const char *credential, const char *file, struct finding *f) {
        const struct unit_facts *units[] = { &c->alert, &c->daemon };
        bool handed = true;

        for (size_t i = strcmp(credential, ADDRESS_ALERT) != 0; !c->bus_error && i < ELEMENTSOF(units);
                i++) {
                if (has_credential(units[i], credential, file))
                        continue;
                handed = false;
                finding_fail(f, "%s is not handed to %s, which may not read it", file, units[i]->name);
                finding_fix_drop_in(f, units[i]->name, credential, "LoadCredential=%s:%s", credential, file);
                if (units[i] == &c->daemon)
                        finding_fix(f, "sudo systemctl restart %s", c->instance->unit);
        }
        return handed;
}

/* Returns the address, for the caller to free, or NULL with a finding. */
static char *find_address(const struct checkup *c, const char *url, const char *file, const char *credential,
        struct finding *f) {
        char why[256] = "", *address = NULL;
        int r;

        if (!url && !file) {
                finding_off(f, "none is configured");
                return NULL;
        }
        if (!url && !is_private(file, f))
                return NULL;
        r = endpoint_load(url, file, credential, &address, why, sizeof why);
        if (r < 0) {
                finding_fail(f, "%s", *why ? why : strerror(-r));
                if (file)
                        fix_address(file, f);
        } else if (!url && !is_handed_over(c, credential, file, f)) {
                /* only now: a unit that is handed a missing file does not start */
                free(TAKE(address));
        } else if (!url && checkup_changed_since(c, "ActiveEnterTimestamp", file)) {
                /* systemd passes its content at a start; not every systemd does so at a reload. */
                finding_fail(f, "%s has changed since systemd handed it to the daemon", file);
                finding_fix(f, "sudo systemctl restart %s", c->instance->unit);
                free(TAKE(address));
        }
        return address;
}

/* Becomes the daemon's user for good: root must not parse what the network sends. */
static const char *ask(const struct checkup *c, const char *url, long *ret_status) {
        const struct passwd *user = getpwnam(checkup_daemon_user(c));

        if (!user || become(user) < 0)
                return "the daemon's user cannot be taken";
        return endpoint_ask(url, ret_status);
}

/* Whether STATUS says that the service does not know the address or forbids a post. Other answers to a HEAD
 * prove nothing: 404 and 405 are common for an address that takes posts. */
static bool is_refusal(enum alert_format format, long status) {
        return status == 401 || status == 403 || status == 410 ||
                (status == 404 && (format == ALERT_DISCORD || format == ALERT_TELEGRAM));
}

/* Discord also has addresses that take the formats of Slack and GitHub. */
static bool takes_format(const struct checkup *c, const char *address, struct finding *f) {
        static const struct {
                const char *part, *name;
                enum alert_format format;
        } services[] = {
                { "discord.com/api/webhooks/", "discord", ALERT_DISCORD }, /* also canary.… and ptb.… */
                { "discordapp.com/api/webhooks/", "discord", ALERT_DISCORD },
                { "hooks.slack.com/services/", "slack", ALERT_SLACK },
                { "api.telegram.org/", "telegram", ALERT_TELEGRAM },
        };

        for (size_t i = 0; i < ELEMENTSOF(services); i++) {
                if (!strstr(address, services[i].part) || services[i].format == c->config->alert.format ||
                        strstr(address, "/slack") || strstr(address, "/github"))
                        continue;
                finding_fail(f, "the service at the address takes format = %s only", services[i].name);
                checkup_fix_key(c, "alert", "format", services[i].name, f);
                return false;
        }
        return true;
}

void look_alert(const struct checkup *c, struct finding *f) {
        const struct alert_config *a = &c->config->alert;
        _cleanup_free_ char *address = find_address(c, a->url, a->url_file, ADDRESS_ALERT, f);
        char shown[ADDRESS_SHOWN_MAX];
        const char *why;
        long status = 0;

        if (!address && f->kind == FINDING_OFF && !c->config->heartbeat.url &&
                !c->config->heartbeat.url_file)
                finding_warn(
                        f, "neither an alert nor a heartbeat is configured: nobody learns of a failover");
        if (!address || !takes_format(c, address, f))
                return;
        why = alert_wrong_address(a->format, address);
        if (why) {
                finding_fail(f, "the address does not work: %s", why);
                return;
        }
        why = ask(c, address, &status);
        (void) endpoint_show(address, shown);
        if (why)
                finding_fail(f, "%s cannot be reached: %s", shown, why);
        else if (is_refusal(a->format, status))
                finding_fail(f, "%s refuses the address: HTTP %ld", shown, status);
        else {
                finding_ok(f, "%s can be reached (`%s alert-test` posts one)", shown, c->instance->program);
                return;
        }
        finding_fix(f, "sudo %s alert-test", c->instance->program);
}

void look_heartbeat(const struct checkup *c, struct finding *f) {
        const struct heartbeat_config *h = &c->config->heartbeat;
        _cleanup_free_ char *address = find_address(c, h->url, h->url_file, ADDRESS_HEARTBEAT, f);
        char shown[ADDRESS_SHOWN_MAX];
        const char *why;

        if (!address)
                return;
        why = ask(c, address, NULL);
        (void) endpoint_show(address, shown);
        if (!why)
                finding_ok(f, "%s can be reached", shown);
        else {
                finding_fail(f, "%s cannot be reached: %s", shown, why);
                finding_fix(f, "curl -sSI %s", shown);
        }
}
