/* struct status as named values; see status_properties.h. */
#include "status_properties.h"

#include <errno.h>
#include <string.h>

#include "lib/json.h"

/* The daemon makes times from CLOCK_BOOTTIME again for each look, so they wobble, and creep with the clock's
 * adjustment: nearer than this is the same time. */
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
        ROW("Failovers",                "failovers",            NUMBER,     promotions),
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

static const char *state_word(int i) {
        return role_state_name((enum role_state) i);
}

static const char *mode_word(int i) {
        return role_mode_name((enum mode) i);
}

static const char *health_word(int i) {
        return health_level_name((enum health_level) i);
}

static const char *unit_word(int i) {
        return unit_state_name((enum unit_state) i);
}

static const struct {
        const char *signature;
        const char *(*word)(int i); /* of an enum */
        int n_words;
} types[_PROPERTY_TYPE_MAX] = {
        [PROPERTY_STATE] = { "s", state_word, _ROLE_MAX },
        [PROPERTY_MODE] = { "s", mode_word, _MODE_MAX },
        [PROPERTY_HEALTH] = { "s", health_word, _HEALTH_MAX },
        [PROPERTY_UNIT_STATE] = { "s", unit_word, _UNIT_STATE_MAX },
        [PROPERTY_TEXT] = { "s" },
        [PROPERTY_LINES] = { "s" },
        [PROPERTY_FLAG] = { "b" },
        [PROPERTY_COUNT] = { "u" },
        [PROPERTY_NUMBER] = { "t" },
        [PROPERTY_TIME] = { "t" },
        [PROPERTY_SPAN] = { "t" },
};

/* The member of a struct status, by its type. An enum is as wide as an int, whatever its values. */
union member {
        int *word;
        const char **text;
        bool *flag;
        unsigned *count;
        uint64_t *number;
};
_Static_assert(
        sizeof(enum role_state) == sizeof(int) && sizeof(enum unit_state) == sizeof(int), "enum is int");

static union member member(const struct property *p, const struct status *s) {
        void *at = (char *) s + p->offset;

        switch (p->type) {
        case PROPERTY_TEXT:
        case PROPERTY_LINES:
                return (union member){ .text = at };
        case PROPERTY_FLAG:
                return (union member){ .flag = at };
        case PROPERTY_COUNT:
                return (union member){ .count = at };
        case PROPERTY_NUMBER:
        case PROPERTY_TIME:
        case PROPERTY_SPAN:
                return (union member){ .number = at };
        default:
                return (union member){ .word = at };
        }
}

static bool is_text(const struct property *p) {
        return p->type == PROPERTY_TEXT || p->type == PROPERTY_LINES;
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
        union member v = member(p, s);
        int r;

        switch (p->type) {
        case PROPERTY_TEXT:
        case PROPERTY_LINES:
                r = sd_bus_message_append(m, "s", *v.text);
                break;
        case PROPERTY_FLAG:
                r = sd_bus_message_append(m, "b", (int) *v.flag);
                break;
        case PROPERTY_COUNT:
                r = sd_bus_message_append(m, "u", (uint32_t) *v.count);
                break;
        case PROPERTY_NUMBER:
        case PROPERTY_TIME:
        case PROPERTY_SPAN:
                r = sd_bus_message_append(m, "t", *v.number);
                break;
        default:
                r = sd_bus_message_append(m, "s", types[p->type].word(*v.word));
        }
        return MIN(r, 0);
}

static json_t *lines_json(const char *text) {
        json_t *array = json_array();

        for (size_t n; array && *text; text += n + (text[n] == '\n')) {
                n = strcspn(text, "\n");
                if (json_array_append_new(array, json_stringn(text, n)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        }
        return array;
}

json_t *property_json(const struct property *p, const struct status *s) {
        union member v = member(p, s);

        switch (p->type) {
        case PROPERTY_TEXT:
                return **v.text ? json_string(*v.text) : json_null();
        case PROPERTY_LINES:
                return lines_json(*v.text);
        case PROPERTY_FLAG:
                return json_boolean(*v.flag);
        case PROPERTY_COUNT:
                return json_integer(*v.count);
        case PROPERTY_NUMBER:
                return json_integer((json_int_t) *v.number);
        case PROPERTY_TIME:
                return json_time(*v.number);
        case PROPERTY_SPAN:
                return json_span(*v.number);
        default:
                return json_string(types[p->type].word(*v.word));
        }
}

static bool same_time(usec_t a, usec_t b) {
        if (a == 0 || b == 0 || a == USEC_INFINITY || b == USEC_INFINITY)
                return a == b;
        return (a > b ? a - b : b - a) < SAME_TIME;
}

static bool same(const struct property *p, union member a, union member b) {
        switch (p->type) {
        case PROPERTY_TEXT:
        case PROPERTY_LINES:
                /* What is kept is a text from the first update on, so that it can be printed. */
                return *a.text && strcmp(*a.text, *b.text) == 0;
        case PROPERTY_FLAG:
                return *a.flag == *b.flag;
        case PROPERTY_COUNT:
                return *a.count == *b.count;
        case PROPERTY_NUMBER:
        case PROPERTY_SPAN:
                return *a.number == *b.number;
        case PROPERTY_TIME:
                return same_time(*a.number, *b.number);
        default:
                return *a.word == *b.word;
        }
}

static int keep(const struct property *p, union member kept, union member from) {
        char *text;

        switch (p->type) {
        case PROPERTY_TEXT:
        case PROPERTY_LINES:
                text = strdup(*from.text);
                if (!text)
                        return -ENOMEM;
                free((char *) *kept.text);
                *kept.text = text;
                break;
        case PROPERTY_FLAG:
                *kept.flag = *from.flag;
                break;
        case PROPERTY_COUNT:
                *kept.count = *from.count;
                break;
        case PROPERTY_NUMBER:
        case PROPERTY_TIME:
        case PROPERTY_SPAN:
                *kept.number = *from.number;
                break;
        default:
                *kept.word = *from.word;
        }
        return 0;
}

int status_update(
        struct status *kept, const struct status *s, const char *changed[static PROPERTIES_MAX + 1]) {
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(table) && r >= 0; i++) {
                union member old = member(&table[i], kept), new = member(&table[i], s);

                if (same(&table[i], old, new))
                        continue;
                r = keep(&table[i], old, new);
                if (r >= 0)
                        changed[n++] = table[i].name;
        }
        changed[n] = NULL;
        return r;
}

void status_clear(struct status *kept) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (is_text(&table[i])) {
                        free((char *) *member(&table[i], kept).text);
                        *member(&table[i], kept).text = NULL;
                }
}

static int read_word(const struct property *p, sd_bus_message *m, int *ret) {
        const char *word;
        int r;

        r = sd_bus_message_read(m, "v", "s", &word);
        for (int i = 0; r >= 0 && i < types[p->type].n_words; i++)
                if (strcmp(types[p->type].word(i), word) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EBADMSG;
}

static int read_value(const struct property *p, sd_bus_message *m, struct status *s) {
        union member v = member(p, s);
        int flag = 0, r;

        switch (p->type) {
        case PROPERTY_TEXT:
        case PROPERTY_LINES:
                r = sd_bus_message_read(m, "v", "s", v.text);
                break;
        case PROPERTY_FLAG:
                r = sd_bus_message_read(m, "v", "b", &flag);
                *v.flag = flag;
                break;
        case PROPERTY_COUNT:
                r = sd_bus_message_read(m, "v", "u", v.count);
                break;
        case PROPERTY_NUMBER:
        case PROPERTY_TIME:
        case PROPERTY_SPAN:
                r = sd_bus_message_read(m, "v", "t", v.number);
                break;
        default:
                r = read_word(p, m, v.word);
        }
        return r < 0 ? -EBADMSG : 0;
}

int status_read(sd_bus_message *m, struct status *ret) {
        struct status s = {};
        const char *name;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (is_text(&table[i]))
                        *member(&table[i], &s).text = "";

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
