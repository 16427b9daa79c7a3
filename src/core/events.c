/* The words and fields of each journal entry; see events.h. daemon_steps.c fills in the facts. */
#include "events.h"

#include <string.h>
#include <syslog.h>

#include "lib/text.h"

#define ADD(...) appendf(buf, MESSAGE_MAX, __VA_ARGS__)
#define ADD_TEXT(text) append_text(s, text, buf)

typedef void (*describe_t)(const struct story *s, char *buf);

/* Appends TEXT with what the story says in place of each name: "{unit} has not stopped yet." */
static void append_text(const struct story *s, const char *text, char *buf);

/* What names stand for that are more than a member of the story. */

static void describe_decision(const struct story *s, char *buf) {
        if (s->mode == MODE_DRILL)
                ADD_TEXT("A drill: ");
        else if (s->mode == MODE_PINNED)
                ADD_TEXT("Promoting at a user's command: ");
        else
                ADD_TEXT("The primary {primary} is down ({reason}). Promoting: ");
}

/* What a failed start means for users. After a promotion by hand the primary may still be up. */
static void describe_consequence(const struct story *s, char *buf) {
        if (!s->up)
                ADD_TEXT("Nobody can be reached: ");
        else
                ADD_TEXT(*s->senior ? "The senior standby is up, but " : "The primary is up, but ");
}

static void describe_other(const struct story *s, char *buf) {
        if (s->other)
                ADD(" Another gateway answers at port %u here: `ss -ltnp sport = :%u` as root names its process.",
                        s->port, s->port);
}

/* Who serves in place of the gateway here. */
static void describe_server(const struct story *s, char *buf) {
        ADD_TEXT(*s->senior ? "The senior standby {senior} has taken over" : "The primary {primary} is up");
}

static void append_text(const struct story *s, const char *text, char *buf) {
        const struct {
                const char *name, *text;
                describe_t describe; /* in place of .text */
        } values[] = {
                { "{channels}", s->channels, NULL },
                { "{consequence}", NULL, describe_consequence },
                { "{decision}", NULL, describe_decision },
                { "{other}", NULL, describe_other },
                { "{primary}", s->primary, NULL },
                { "{program}", s->program, NULL },
                { "{reason}", s->reason, NULL },
                { "{senior}", s->senior, NULL },
                { "{server}", NULL, describe_server },
                { "{state}", role_state_name(s->to), NULL },
                { "{trouble}", s->trouble, NULL },
                { "{unit}", s->unit, NULL },
                { "{waits_for}", s->unit_waits_for, NULL },
                { "{", "{", NULL },
        };

        while (*text) {
                size_t plain = strcspn(text, "{"), i = 0;

                ADD("%.*s", (int) plain, text);
                text += plain;
                if (!*text)
                        break;
                while (!begins_with(text, values[i].name))
                        i++;
                if (values[i].describe)
                        values[i].describe(s, buf);
                else
                        ADD("%s", values[i].text);
                text += strlen(values[i].name);
        }
}

/* Messages that depend on more. */

static void describe_promoting(const struct story *s, char *buf) {
        ADD_TEXT(s->again ? "Starting {unit} again.{other}" : "{decision}starting {unit}.{other}");
}

static void describe_adopted(const struct story *s, char *buf) {
        ADD_TEXT(s->again
                        ? "A user has started {unit} again. This machine goes on as before that user's stop."
                        : "{decision}another user has started {unit} already, and the daemon takes it over.");
}

static void describe_promoted(const struct story *s, char *buf) {
        const struct {
                usec_t span;
                const char *what;
        } parts[] = {
                { s->detecting, "detecting" },
                { s->again ? USEC_INFINITY : s->syncing, "syncing" }, /* the wait for the next attempt */
                { s->starting, "starting" },
        };
        const char *before = " (";
        char span[SPAN_MAX];

        ADD("Promoted: the gateway here has started%s.", s->again ? " again" : "");
        if (s->outage == USEC_INFINITY)
                return;
        ADD(" Outage: %s at most", format_span(span, s->outage));
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                /* A restart of the daemon may have lost a part. */
                if (parts[i].span != USEC_INFINITY && parts[i].span >= OUTAGE_PART_MIN) {
                        ADD("%s%s %s", before, format_span(span, parts[i].span), parts[i].what);
                        before = ", ";
                }
        ADD("%s.", *before == ',' ? ")" : "");
}

static void describe_start_failed(const struct story *s, char *buf) {
        ADD_TEXT(s->ended_well ? "{consequence}{unit} has stopped" : "{consequence}{unit} failed to start");
        ADD_TEXT(" ({trouble}). The daemon retries, after 5 s at first and every 5 min in the end.");
        if (s->ended_well)
                ADD_TEXT(" To keep it stopped: `{program} demote`.");
        ADD_TEXT("{other} See `systemctl status {unit}` and `{program} doctor`.");
}

static void describe_start_slow(const struct story *s, char *buf) {
        char span[SPAN_MAX];

        if (s->unit_waits_for && *s->unit_waits_for) {
                ADD_TEXT(
                        "{consequence}systemd waits for {waits_for} before it starts {unit}. See `systemctl list-jobs`.");
                return;
        }
        ADD_TEXT("{consequence}{unit} has been starting for ");
        ADD("%s.", format_span(span, MIN(s->start_timeout, USEC_PER_MINUTE)));
        ADD_TEXT(" A gateway may take minutes, and the daemon waits. See `journalctl -u {unit}`.{other}");
}

static void describe_channels_ready(const struct story *s, char *buf) {
        char span[SPAN_MAX];

        ADD_TEXT("The promoted gateway says that its channels are ready");
        if (s->active != USEC_INFINITY)
                ADD(", %s after its start", format_span(span, s->active));
        ADD(".");
}

static void describe_silent(const struct story *s, char *buf) {
        char span[SPAN_MAX];

        ADD_TEXT("The promoted gateway does not answer: {trouble}.");
        if (!s->paused && s->hang_timeout > 0)
                ADD(" If it stays silent for %s, the daemon restarts it.",
                        format_span(span, s->hang_timeout));
}

static void describe_demoting(const struct story *s, char *buf) {
        ADD_TEXT(s->mode == MODE_DRILL         ? "The drill ends: stopping {unit}."
                        : s->mode == MODE_HELD ? "Demoting at a user's command: stopping {unit}."
                                               : "{server}. Demoting: stopping {unit}.");
}

static void describe_stop_failed(const struct story *s, char *buf) {
        if (s->ignores_stop) {
                ADD_TEXT(
                        "{unit} ignores its stop: it still answers. systemd kills it when TimeoutStopSec= is over. To kill it now: "
                        "`systemctl kill --signal=KILL {unit}`.");
                return;
        }
        ADD_TEXT("{unit} could not be stopped: {trouble}.");
        if (!s->paused)
                ADD_TEXT(" The daemon retries, after 5 s at first and every 5 min in the end.");
        ADD_TEXT(" To stop it by hand: `systemctl stop {unit}`.");
}

static void describe_demoted(const struct story *s, char *buf) {
        char span[SPAN_MAX];

        ADD_TEXT("Back on standby");
        if (s->promoted != USEC_INFINITY)
                ADD(" after %s", format_span(span, s->promoted));
        ADD_TEXT(": {unit} has stopped.");
}

static void describe_drill_answered(const struct story *s, char *buf) {
        ADD_TEXT("The drill has passed: the gateway here has started");
        ADD_TEXT(s->unsaid ? ". This older OpenClaw does not say whether its channels are ready."
                           : ", and says that its channels are ready.");
}

static void describe_drill_failed(const struct story *s, char *buf) {
        ADD_TEXT("The drill has failed: {unit} ");
        ADD_TEXT(s->from == ROLE_PROMOTED ? "has started, and its channels are not ready ({channels})."
                                          : "did not start ({trouble}).");
        ADD_TEXT(
                " A failover would fail the same way. See `systemctl status {unit}` and `{program} doctor`.{other}");
}

/* clang-format off */
static const struct {
        const char *name, *id;
        int level;
        describe_t describe;
        const char *text; /* in place of .describe() */
} events[_EVENT_MAX] = {
        [EVENT_PROMOTING]      = { "promoting",      "4995ddfa8fb24e20bd567cbd085a2a9e", LOG_NOTICE,  describe_promoting },
        [EVENT_ADOPTED]        = { "adopted",        "1cb07c7025344cd6b665453f2d368e0a", LOG_NOTICE,  describe_adopted },
        [EVENT_PROMOTED]       = { "promoted",       "3571b4ef568a42ab814df305a1ea2bfb", LOG_NOTICE,  describe_promoted },
        [EVENT_START_FAILED]   = { "start-failed",   "bc1943304d45469ea9301fdd51b70b43", LOG_ERR,     describe_start_failed },
        [EVENT_START_SLOW]     = { "start-slow",     "a6153a5c942240599222e67583408d05", LOG_WARNING, describe_start_slow },
        [EVENT_CHANNELS_READY] = { "channels-ready", "3ba84b6627dd43e88ca138b75cc44083", LOG_NOTICE,  describe_channels_ready },
        [EVENT_CHANNELS_FAIL]  = { "channels-fail",  "e56e364d28734364a44bd068c0f43b30", LOG_ERR, .text =
                "The promoted gateway has started, and its channels do not work: {channels}. See `journalctl -u {unit}`, and as its user "
                "`openclaw channels status --probe`." },
        [EVENT_SILENT]         = { "silent",         "5159671d471148a9bb0e83db645c976e", LOG_WARNING, describe_silent },
        [EVENT_ANSWERS]        = { "answers",        "5dccb75e72064684810b0d133cbe541c", LOG_NOTICE, .text = "The promoted gateway answers again." },
        [EVENT_HUNG]           = { "hung",           "c3cb5291065c4baab2a9de3e325bdcec", LOG_ERR, .text =
                "The promoted gateway has not answered within hang_timeout: restarting {unit}." },
        [EVENT_LOST]           = { "lost",           "3ed644a34e6b4c11bf0702c656caa036", LOG_ERR, .text =
                "The promoted gateway has failed ({trouble}), and systemd does not restart it. The daemon does, after 5 s at first and every "
                "5 min in the end. See `systemctl status {unit}`." },
        [EVENT_HELD]           = { "held",           "3f2504bd7e6e42e8a6afae9dcbb00a56", LOG_WARNING, .text =
                "A user stopped {unit}. This standby holds back until the primary has been up. A start within 10 min ends that, and so does "
                "`{program} auto`." },
        [EVENT_KEPT_BACK]      = { "kept-back",      "3a905b0a7a5340849105354537025ef0", LOG_ERR, .text =
                "Nobody can be reached until the pause ends: the primary {primary} is down ({reason}), and this standby is paused. To promote "
                "now: `{program} resume`." },
        [EVENT_CALLED_OFF]     = { "called-off",     "c39526e6d547408b81498ec4021ac1d5", LOG_NOTICE, .text =
                "{server}. {unit} has not started yet: stopping it. This was no failover here." },
        [EVENT_DEMOTING]       = { "demoting",       "c95ce922b78740ffa04a756bff4c9fa9", LOG_NOTICE,  describe_demoting },
        [EVENT_DRAINING]       = { "draining",       "d7513a14673d412d890651fed1f119f7", LOG_NOTICE, .text =
                "{unit} has not stopped yet. It may finish what it is doing, which may take over five minutes." },
        [EVENT_STOP_FAILED]    = { "stop-failed",    "d071d0e8d9de43ad872c0d2aca8efdfa", LOG_ERR,     describe_stop_failed },
        [EVENT_KILLED]         = { "killed",         "c9376ad6c07642638bc405d686df24d4", LOG_WARNING, .text =
                "{unit} has not stopped within drain_timeout and is needed again: killing it, to start it." },
        [EVENT_DEMOTED]        = { "demoted",        "eaef354cc3d04680aa99a3a525ef427a", LOG_NOTICE,  describe_demoted },
        [EVENT_FOREIGN]        = { "foreign",        "eae251a7353d448e9cc94229eeace1ef", LOG_NOTICE, .text =
                "{unit} is running here, and the daemon did not start it. The daemon leaves it alone until this machine is promoted." },
        [EVENT_RESUMED]        = { "resumed",        "65e854829e234d0daba71a95f0bdb4ea", LOG_NOTICE, .text =
                "The daemon has restarted, and goes on: {state}." },
        [EVENT_HOLD_OVER]      = { "hold-over",      "d319b2b1aa7e48949dd5a1dcb62e70ac", LOG_NOTICE, .text =
                "{server}: this standby follows it again (mode auto)." },
        [EVENT_PAUSE_OVER]     = { "pause-over",     "ed4b574f70e34edfb61d196a979e1a69", LOG_NOTICE, .text = "The pause is over." },
        [EVENT_DRILL_ANSWERED] = { "drill-answered", "29243962c2dc438e871d00fe56fb796a", LOG_NOTICE,  describe_drill_answered },
        [EVENT_DRILL_FAILED]   = { "drill-failed",   "69c4e1a51d904a3d995aeebc4cdef58d", LOG_ERR,     describe_drill_failed },
        [EVENT_DRILL_REAL]     = { "drill-real",     "9ec3d86f748040a38ca4b80cfe90393a", LOG_WARNING, .text =
                "The primary {primary} went down during the drill ({reason}): this is a failover now." },
        [EVENT_DRILL_OVER]     = { "drill-over",     "d6ada21c01174e4fb1e4336bb65e47de", LOG_NOTICE, .text = "The drill is over." },
};
/* clang-format on */

const char *event_name(enum role_event event) {
        return events[event].name;
}

const char *event_message_id(enum role_event event) {
        return events[event].id;
}

int event_level(enum role_event event) {
        return events[event].level;
}

char *event_message(enum role_event event, const struct story *s, char buf[static MESSAGE_MAX]) {
        buf[0] = '\0';
        if (events[event].text)
                ADD_TEXT(events[event].text);
        else
                events[event].describe(s, buf);
        return buf;
}
