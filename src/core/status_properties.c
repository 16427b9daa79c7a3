/* struct status as named values; see status_properties.h. */
#include "status_properties.h"

#include <errno.h>
#include <string.h>

#include "lib/json.h"
#include "lib/text.h"

/* The daemon converts times from CLOCK_BOOTTIME at each look. The results vary a little, and drift as the
 * clock is adjusted: times closer than this are the same time. */
#define SAME_TIME (100 * USEC_PER_MSEC)

/* clang-format off */
#define ROW(name, key, type, member) { name, key, PROPERTY_ ## type, offsetof(struct status, member), false }
#define TICK(name, key, type, member) { name, key, PROPERTY_ ## type, offsetof(struct status, member), true }
static const struct property table[] = {
        ROW("State",                    "state",                STATE,      state),
        ROW("StateTimestamp",           "state_since",          TIME,       since),
        ROW("Mode",                     "mode",                 MODE,       mode),
        ROW("PausedUntilTimestamp",     "paused_until",         TIME,       paused_until),

        ROW("Primary",                  "primary",              TEXT,       primary),
        ROW("Health",                   "health",               HEALTH,     health),
        ROW("HealthTimestamp",          "health_since",         TIME,       health_since),
        ROW("LastCheckVerdict",         "check_verdict",        TEXT,       verdict),
        ROW("LastCheckReason",          "check_reason",         TEXT,       reason),
        ROW("PrimaryChannelsFail",      "primary_channels_fail", FLAG,      channels_fail),
        ROW("PrimaryRestarts",          "primary_restarts",     FLAG,       restarts),
        TICK("LastCheckUSec",           "check_seconds",        SPAN,       took),
        TICK("LastCheckTimestamp",      "checked_at",           TIME,       checked),
        TICK("NextCheckTimestamp",      "next_check_at",        TIME,       next_check),
        ROW("CheckIntervalUSec",        "check_interval_seconds", SPAN,     interval),
        ROW("FailedChecks",             "failed_checks",        COUNT,      failures),
        ROW("FailedChecksNeeded",       "failed_checks_needed", COUNT,      fail_needed),
        ROW("GoodChecks",               "good_checks",          COUNT,      goods),
        ROW("GoodChecksNeeded",         "good_checks_needed",   COUNT,      recover_needed),
        ROW("Senior",                   "senior",               TEXT,       senior),
        ROW("WaitingFor",               "waiting_for",          TEXT,       waits_for),
        ROW("WaitingUntilTimestamp",    "waiting_until",        TIME,       waits_until),

        ROW("GatewayUnit",              "gateway_unit",         TEXT,       unit),
        ROW("GatewayState",             "gateway_state",        UNIT_STATE, unit_state),
        ROW("GatewayWarm",              "gateway_warm",         FLAG,       warm),
        ROW("GatewayAnswers",           "gateway_answers",      FLAG,       answers),
        ROW("GatewayRestarts",          "gateway_restarts",     FLAG,       gateway_restarts),
        ROW("GatewayStarts",            "gateway_starts",       COUNT,      starts),
        ROW("NextStartTimestamp",       "next_start_at",        TIME,       next_start),
        ROW("HangTimestamp",            "hang_at",              TIME,       hang_at),
        ROW("KillTimestamp",            "kill_at",              TIME,       kill_at),

        ROW("LastSyncTimestamp",        "synced_at",            TIME,       synced),
        ROW("LastSyncSucceeded",        "sync_ok",              FLAG,       sync_ok),
        ROW("LastSync",                 "sync",                 TEXT,       sync),
        ROW("LastSuccessfulSyncTimestamp", "sync_succeeded_at", TIME,       sync_succeeded),
        ROW("UnmergedBranches",         "unmerged_branches",    LINES,      unmerged),
        ROW("MergeCommands",            "merge_commands",       LINES,      merge),

        ROW("LastFailoverBeganTimestamp", "last_failover.began", TIME,      began_at),
        ROW("LastFailoverReason",       "last_failover.reason", TEXT,       cause),
        ROW("LastFailoverStartedTimestamp", "last_failover.started", TIME,  promoted_at),
        ROW("LastFailoverEndedTimestamp", "last_failover.ended", TIME,      demoted_at),
        ROW("LastFailoverOutageUSec",   "last_failover.outage_seconds", SPAN, outage),
        ROW("Failovers",                "failovers",            COUNT,      promotions),
        ROW("AutomaticFailback",        "automatic_failback",   FLAG,       failback),

        ROW("DetectDeadGatewayUSec",    "detection.dead_gateway_seconds", SPAN, detect_refused),
        ROW("DetectDeadMachineUSec",    "detection.dead_machine_seconds", SPAN, detect_unanswered),
        ROW("DetectHungGatewayUSec",    "detection.hung_gateway_seconds", SPAN, detect_silent),
        ROW("LastStartUSec",            "last_start_seconds",   SPAN,       start_took),

        ROW("KeyExpiryTimestamp",       "key_expires_at",       TIME,       key_expires),
        ROW("PrimaryKeyExpiryTimestamp", "primary_key_expires_at", TIME,    primary_key_expires),

        ROW("UndeliveredAlerts",        "undelivered_alerts",   COUNT,      undelivered),
        ROW("AlertError",               "alert_error",          TEXT,       alert_error),
        ROW("HeartbeatError",           "heartbeat_error",      TEXT,       heartbeat_error),
};
/* clang-format on */

_Static_assert(ELEMENTSOF(table) <= PROPERTIES_MAX, "PROPERTIES_MAX is too small");

_Static_assert(
        sizeof(enum role_state) == sizeof(int) && sizeof(enum unit_state) == sizeof(int), "enum is int");

/* A type's D-Bus signature and its size in struct status; for an enum, its words too. */
static const struct {
        const char *signature;
        size_t size;
        const char *const *words;
        int n_words;
} types[_PROPERTY_TYPE_MAX] = {
        [PROPERTY_STATE] = { "s", sizeof(int), role_state_names, _ROLE_MAX },
        [PROPERTY_MODE] = { "s", sizeof(int), role_mode_names, _MODE_MAX },
        [PROPERTY_HEALTH] = { "s", sizeof(int), health_level_names, _HEALTH_MAX },
        [PROPERTY_UNIT_STATE] = { "s", sizeof(int), unit_state_names, _UNIT_STATE_MAX },
        [PROPERTY_TEXT] = { "s", sizeof(char *) },
        [PROPERTY_LINES] = { "s", sizeof(char *) },
        [PROPERTY_FLAG] = { "b", sizeof(bool) },
        [PROPERTY_COUNT] = { "u", sizeof(unsigned) },
        [PROPERTY_TIME] = { "t", sizeof(uint64_t) },
        [PROPERTY_SPAN] = { "t", sizeof(uint64_t) },
};

static bool is_text(const struct property *p) {
        return p->type == PROPERTY_TEXT || p->type == PROPERTY_LINES;
}

static void *member(const struct property *p, const struct status *s) {
        return (char *) s + p->offset;
}

static const char **text_of(const struct property *p, const struct status *s) {
        return member(p, s);
}

static uint64_t number_of(const struct property *p, const struct status *s) {
        return *(const uint64_t *) member(p, s);
}

const struct property *properties(size_t *ret_n) {
        *ret_n = ELEMENTSOF(table);
        return table;
}

const struct property *property_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(table[i].name, name) == 0)
                        return &table[i];
        return NULL;
}

const char *property_signature(const struct property *p) {
        return types[p->type].signature;
}

int property_append(const struct property *p, const struct status *s, sd_bus_message *m) {
        const void *value = member(p, s);
        int flag, r;

        if (is_text(p))
                value = *text_of(p, s);
        else if (types[p->type].words)
                value = types[p->type].words[*(const int *) value];
        else if (p->type == PROPERTY_FLAG) {
                flag = *(const bool *) value;
                value = &flag;
        }
        r = sd_bus_message_append_basic(m, *types[p->type].signature, value);
        return MIN(r, 0);
}

json_t *property_json(const struct property *p, const struct status *s) {
        const void *value = member(p, s);

        switch (p->type) {
        case PROPERTY_TEXT:
                return **text_of(p, s) ? json_string(*text_of(p, s)) : json_null();
        case PROPERTY_LINES:
                return json_lines(*text_of(p, s));
        case PROPERTY_FLAG:
                return json_boolean(*(const bool *) value);
        case PROPERTY_COUNT:
                return json_integer(*(const unsigned *) value);
        case PROPERTY_TIME:
                return json_time(number_of(p, s));
        case PROPERTY_SPAN:
                return json_span(number_of(p, s));
        default:
                return json_string(types[p->type].words[*(const int *) value]);
        }
}

static bool same_time(usec_t a, usec_t b) {
        if (a == 0 || b == 0 || a == USEC_INFINITY || b == USEC_INFINITY)
                return a == b;
        return (a > b ? a - b : b - a) < SAME_TIME;
}

static bool same(const struct property *p, const struct status *kept, const struct status *s) {
        if (is_text(p)) /* NULL before the first update, which keeps "" too, so that it can be printed */
                return *text_of(p, kept) && strcmp(*text_of(p, kept), *text_of(p, s)) == 0;
        if (p->type == PROPERTY_TIME)
                return same_time(number_of(p, kept), number_of(p, s));
        return memcmp(member(p, kept), member(p, s), types[p->type].size) == 0;
}

static int keep(const struct property *p, struct status *kept, const struct status *s) {
        char *text;

        if (!is_text(p)) {
                (void) memcpy(member(p, kept), member(p, s), types[p->type].size);
                return 0;
        }
        text = strdup(*text_of(p, s));
        if (!text)
                return -ENOMEM;
        free((char *) *text_of(p, kept));
        *text_of(p, kept) = text;
        return 0;
}

int status_update(
        struct status *kept, const struct status *s, const char *changed[static PROPERTIES_MAX + 1]) {
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(table) && r >= 0; i++) {
                if (same(&table[i], kept, s))
                        continue;
                r = keep(&table[i], kept, s);
                if (r >= 0 && !table[i].ticks)
                        changed[n++] = table[i].name;
        }
        changed[n] = NULL;
        return r;
}

void status_clear(struct status *kept) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (is_text(&table[i]))
                        free((char *) TAKE(*text_of(&table[i], kept)));
}

static int read_value(const struct property *p, sd_bus_message *m, struct status *s) {
        union {
                const char *text;
                int flag;
                unsigned count;
                uint64_t number;
        } v;
        int i;

        if (sd_bus_message_read(m, "v", types[p->type].signature, &v) < 0)
                return -EBADMSG;
        if (p->type == PROPERTY_FLAG)
                *(bool *) member(p, s) = v.flag;
        else if (!types[p->type].words)
                (void) memcpy(member(p, s), &v, types[p->type].size);
        else {
                i = find_name(v.text, types[p->type].words, types[p->type].n_words);
                if (i == types[p->type].n_words)
                        return -EBADMSG;
                *(int *) member(p, s) = i;
        }
        return 0;
}

int status_read(sd_bus_message *m, struct status *ret) {
        struct status s = {};
        const char *name;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (is_text(&table[i]))
                        *text_of(&table[i], &s) = "";

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const struct property *p;

                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        break;
                p = property_find(name);
                r = p ? read_value(p, m, &s) : sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return -EBADMSG;
        *ret = s;
        return 0;
}
