/* A warm standby: are the channels off while it idles, and does the included file match the unit's state? */
#include <jansson.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "doctor/look.h"
#include "lib/file.h"
#include "lib/json.h"

#define FOLDER ".openclaw/failover/"
#define FILE_MAX (64 * 1024)
#define MEMORY_NEEDED (UINT64_C(1500) << 20)

/* Loads NAME from the folder in the gateway user's home; NULL with a finding if that fails. */
static json_t *load(struct finding *f, const char *name) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        const char *home = getenv("HOME");
        json_t *j = NULL;
        int r;

        if (asprintf(&path, "%s/" FOLDER "%s", home ? home : "", name) < 0)
                return NULL;
        r = read_file(path, FILE_MAX, &text);
        if (r >= 0)
                j = json_loads(text, 0, NULL);
        if (!json_is_object(j)) {
                finding_fail(f, "%s: %s. openclaw-failover-guide(7) has its content", path,
                        r < 0 ? strerror(-r) : "it is no JSON object");
                json_decref(j);
                return NULL;
        }
        return j;
}

/* The first channel that PROMOTED turns on and IDLE does not turn off; NULL: there is none. */
static const char *open_channel(json_t *promoted, json_t *idle) {
        const char *name;
        json_t *channel;

        json_object_foreach (json_object_get(promoted, "channels"), name, channel) {
                json_t *off =
                        json_object_get(json_object_get(json_object_get(idle, "channels"), name), "enabled");

                if (!json_is_false(json_object_get(channel, "enabled")) && !json_is_false(off))
                        return name;
        }
        return NULL;
}

static bool is_quiet(json_t *idle) {
        const char *every = NULL;

        (void) json_unpack(idle, "{s:{s:{s:{s:s}}}}", "agents", "defaults", "heartbeat", "every", &every);
        return json_is_false(json_object_get(json_object_get(idle, "cron"), "enabled")) && every &&
                strspn(every, "0") == strcspn(every, "smh");
}

/* Whether the unit that the daemon switches can write, as the gateway's user, what the gateway reads. */
static bool is_switch_well(const struct checkup *c, struct finding *f) {
        _cleanup_(unit_facts_clear) struct unit_facts u = { 0 };
        _cleanup_free_ char *error = NULL;
        const char *user = checkup_gateway_user(c), *its;

        (void) unit_facts_ask(c->config->gateway.unit, &u, &error);
        if (unit_is_missing(&u, f))
                return false;
        its = unit_text(&u, "User") ?: "root";
        if (strcmp(its, user) == 0)
                return true;
        finding_fail(f, "%s runs as user %s, but %s as %s", u.name, its, c->gateway.name, user);
        finding_fix_drop_in(f, u.name, "gateway", "User=%s", user);
        return false;
}

void look_warm(const struct checkup *c, struct finding *f) {
        json_auto_t *idle = NULL, *promoted = NULL, *role = NULL;
        const char *unit = c->config->gateway.unit, *channel;
        bool active = checkup_gateway_runs(c);
        struct sysinfo memory;

        if (!c->config->gateway.warm) {
                finding_off(f, "the gateway is started when it is needed");
                return;
        }
        idle = load(f, "idle.json");
        promoted = idle ? load(f, "promoted.json") : NULL;
        role = promoted ? load(f, "role.json") : NULL;
        if (!role || !is_switch_well(c, f))
                return;
        channel = open_channel(promoted, idle);
        if (strcmp(unit, c->gateway.name) == 0)
                finding_fail(f,
                        "[gateway] warm = yes, and %s is the gateway itself; unit = openclaw-active.service only switches it",
                        unit);
        else if (channel)
                finding_fail(f,
                        "idle.json does not turn the channel %s off: it would answer on both machines",
                        channel);
        else if (!is_quiet(idle))
                finding_fail(
                        f, "idle.json leaves cron or heartbeat on: the agent would work on both machines");
        else if (!json_equal(role, active ? promoted : idle))
                finding_fail(f, "%s is %s, and role.json is not %s.json", unit,
                        active ? "active" : "inactive", active ? "promoted" : "idle");
        else if (sysinfo(&memory) == 0 && (uint64_t) memory.totalram * memory.mem_unit < MEMORY_NEEDED)
                finding_fail(
                        f, "this machine has less than 1.5 GB of memory for a gateway that always runs");
        else
                finding_ok(f, "idle.json turns its channels, cron and heartbeat off");
}
