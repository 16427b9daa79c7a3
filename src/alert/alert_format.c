/* An alert becomes the bytes that a service wants; see alert_format.h. */
#include "alert/alert_format.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/text.h"
#include "lib/url.h"

/* --- a text for people, escaped for its service ---------------------------------------------------------- */

/* Whether this character, the first of its line or not, needs help. The result replaces it; NULL: it stays. */
typedef const char *(*escape_t)(char c, bool first);

/* https://docs.slack.dev/messaging/formatting-message-text: these three, and nothing else. */
static const char *escape_slack(char c, _unused_ bool first) {
        return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : NULL;
}

/* https://support.discord.com/hc/en-us/articles/210298617: what begins markup, a link or (<@…>, <#…>) a mention; '#', '-',
 * '>' and "1." only do so at the beginning of a line. */
static const char *escape_discord(char c, bool first) {
        static const char always[] = "\\*_~`|<[]", at_first[] = "#->";
        static const char *const escaped[] = { "\\\\", "\\*", "\\_", "\\~", "\\`", "\\|", "\\<", "\\[",
                "\\]", "\\#", "\\-", "\\>" };
        const char *s = strchr(always, c);

        if (s)
                return escaped[s - always];
        s = first ? strchr(at_first, c) : NULL;
        return s ? escaped[strlen(always) + (size_t) (s - at_first)] : NULL;
}

/* https://core.telegram.org/bots/api#html-style: Slack's three as well. */
#define escape_html escape_slack

static const char *escape_nothing(_unused_ char c, _unused_ bool first) {
        return NULL;
}

/* How a service shows commands. What they hold cannot end that: see put_commands(). */
struct style {
        size_t limit;
        escape_t escape;
        const char *code, *code_end;
};

static const struct style discord = { 2000, escape_discord, "```\n", "\n```" };
static const struct style slack = { 2900, escape_slack, "```\n", "\n```" };
static const struct style telegram = { 3900, escape_html, "<pre>", "</pre>" };
static const struct style ntfy = { 4096, escape_nothing, "", "" };

#define OUT_MAX 4200

/* Collects the text. A service counts characters, we count bytes, of which there are never fewer. */
struct out {
        char buf[OUT_MAX];
        size_t used;
        size_t limit;
        escape_t escape;
        bool first; /* of a line */
};

static void out_begin(struct out *o, const struct style *s) {
        *o = (struct out){ .limit = s->limit, .escape = s->escape, .first = true };
}

static const char ellipsis[] = "…";

/* The bytes of the character that begins at S, in valid UTF-8 (RFC 3629). */
static size_t character_length(const char *s) {
        size_t n = 1;

        while (((unsigned char) s[n] & 0xc0) == 0x80)
                n++;
        return n;
}

/* Writes TEXT in at most ROOM bytes, cut between characters and never inside an escape. */
static void put(struct out *o, const char *text, size_t room) {
        size_t end = o->used + MIN(room, o->limit - o->used), cut_at = o->used;

        for (size_t n; *text; text += n) {
                const char *piece = o->escape(*text, o->first), *from = piece ? piece : text;
                size_t length = piece ? strlen(piece) : character_length(text);

                n = piece ? 1 : length;
                if (o->used + length > end) {
                        o->used = cut_at;
                        (void) memcpy(o->buf + o->used, ellipsis, strlen(ellipsis));
                        o->used += strlen(ellipsis);
                        break;
                }
                (void) memcpy(o->buf + o->used, from, length);
                o->used += length;
                o->first = false;
                if (o->used + strlen(ellipsis) <= end)
                        cut_at = o->used;
        }
        o->buf[o->used] = '\0';
}

static void new_line(struct out *o) {
        if (o->used > 0 && o->used < o->limit) {
                o->buf[o->used++] = '\n';
                o->buf[o->used] = '\0';
        }
        o->first = true;
}

/* One line, cut so that KEEP bytes are left for what comes after it; none at all if that is not possible. */
static void _printf_(3, 4) line(struct out *o, size_t keep, const char *format, ...) {
        char raw[512], text[512];
        size_t left = o->limit - o->used;
        va_list ap;

        if (left < keep + 32)
                return;
        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        new_line(o);
        put(o, safe_text(text, sizeof text, raw), left - 1 - keep);
}

#define WHEN_MAX 48

/* Local time with its zone: the person may be in another. */
static const char *when(char buf[static WHEN_MAX], usec_t realtime) {
        time_t t = (time_t) (realtime / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&t, &tm) || strftime(buf, WHEN_MAX, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                buf[0] = '\0';
        return buf;
}

static bool given(const char *text) {
        return text && *text;
}

static usec_t lateness(const struct alert_message *m, const struct alert_context *x) {
        return x->now > m->time + ALERT_LATE ? x->now - m->time : 0;
}

/* What the lines about times take at most. */
#define TIMES_ROOM 400

static void put_facts(struct out *o, const struct alert_message *m, const struct alert_context *x) {
        char at[WHEN_MAX], span[SPAN_MAX];

        if (given(m->primary))
                line(o, TIMES_ROOM, "Primary: %s%s%s", m->primary, given(m->reason) ? ", " : "",
                        given(m->reason) ? m->reason : "");
        if (m->since > 0)
                line(o, 0, "Since: %s", when(at, m->since));
        if (m->outage != USEC_INFINITY)
                line(o, 0, "Outage: %s at most", format_span(span, m->outage));
        if (m->lasted != USEC_INFINITY)
                line(o, 0, "It lasted: %s", format_span(span, m->lasted));
        line(o, 0, "When: %s", when(at, m->time));
        if (lateness(m, x) > 0)
                line(o, 0, "Late: this happened %s before it could be delivered.",
                        format_span(span, lateness(m, x)));
        if (x->dropped > 0)
                line(o, 0,
                        "Lost: %u alert%s before this one could not be delivered. The journal has them all.",
                        x->dropped, x->dropped == 1 ? "" : "s");
}

/* "Standby has taken over", and on which machine, if there may be several. */
static char *title(char *buf, size_t size, const struct alert_message *m, const struct alert_context *x) {
        char raw[256];

        (void) snprintf(raw, sizeof raw, "%s (%s%s%s)", given(m->title) ? m->title : m->event, x->host,
                *x->instance ? "@" : "", x->instance);
        return safe_text(buf, size, raw);
}

/* What is left out, if it does not fit as a whole, is in the journal and in `status`. */
#define COMMANDS_ROOM 900

/* One a line. They hold names that an agent may have chosen: no backquote or tag of theirs ends the block. */
static void put_commands(struct out *o, const struct style *s, const char *commands) {
        escape_t escape = o->escape;
        char block[COMMANDS_ROOM], line[512];

        if (!given(commands) || strlen(commands) >= sizeof block)
                return;
        new_line(o);
        o->escape = escape_nothing;
        put(o, s->code, SIZE_MAX);
        o->escape = *s->code == '<' ? escape : escape_nothing;
        for (const char *c = commands; *c;) {
                size_t n = strcspn(c, "\n");

                (void) snprintf(block, sizeof block, "%.*s", (int) n, c);
                (void) safe_text(line, sizeof line, block);
                for (char *k = line; *s->code == '`' && *k; k++)
                        *k = *k == '`' ? '\'' : *k;
                put(o, line, SIZE_MAX);
                c += n + (c[n] == '\n');
                if (*c)
                        new_line(o);
        }
        o->escape = escape_nothing;
        put(o, s->code_end, SIZE_MAX);
        o->escape = escape;
}

/* The facts below the text take about this much. */
#define FACTS_ROOM 700

/* Writes everything but the title to O, which has begun. */
static void put_all(
        struct out *o, const struct style *s, const struct alert_message *m, const struct alert_context *x) {
        size_t room = FACTS_ROOM + (given(m->commands) ? strlen(m->commands) + 16 : 0);
        char text[ALERT_TEXT_MAX];

        put(o, safe_text(text, sizeof text, m->text ? m->text : ""), o->limit - MIN(o->limit / 2, room));
        put_commands(o, s, m->commands);
        put_facts(o, m, x);
}

/* --- JSON ------------------------------------------------------------------------------------------------- */

/* jansson takes valid UTF-8 only. */
static json_t *text_json(const char *text) {
        char safe[ALERT_TEXT_MAX];

        return json_string(safe_text(safe, sizeof safe, text ? text : ""));
}

static json_t *commands_json(const char *commands) {
        json_t *array = json_array();
        char line[512];

        for (const char *c = commands ? commands : ""; array && *c;) {
                size_t n = strcspn(c, "\n");

                (void) snprintf(line, sizeof line, "%.*s", (int) n, c);
                (void) json_array_append_new(array, text_json(line));
                c += n + (c[n] == '\n');
        }
        return array;
}

static const char *level_name(int level) {
        return level <= LOG_ERR        ? "error"
                : level == LOG_WARNING ? "warning"
                : level == LOG_NOTICE  ? "notice"
                                       : "info";
}

/* Consumes J. */
static int set_json_body(struct alert_request *r, json_t *j) {
        json_auto_t *owned = j;

        r->body = owned ? json_dumps(owned, JSON_COMPACT | JSON_DIGITS) : NULL;
        r->headers[0] = strdup("Content-Type: application/json");
        return r->body && r->headers[0] ? 0 : -ENOMEM;
}

static int render_json(
        struct alert_request *r, const struct alert_message *m, const struct alert_context *x) {
        return set_json_body(r,
                json_pack("{s:i, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
                        "version", 1, "event", text_json(m->event), "level", level_name(m->level), "title",
                        text_json(m->title), "text", text_json(m->text), "commands",
                        commands_json(m->commands), "host", text_json(x->host), "instance",
                        text_json(x->instance), "primary", text_json(m->primary), "reason",
                        text_json(m->reason), "time", json_time(m->time), "since", json_time(m->since),
                        "outage_seconds", json_span(m->outage), "lasted_seconds", json_span(m->lasted),
                        "late_seconds", json_span(lateness(m, x)), "dropped", (json_int_t) x->dropped));
}

/* https://discord.com/developers/docs/resources/webhook#execute-webhook: one embed, with a bar in the level's colour, a title of
 * 256 characters and a description; with an empty "parse" nobody is pinged (…/resources/message#allowed-mentions-object). */
static int render_discord(
        struct alert_request *r, const struct alert_message *m, const struct alert_context *x) {
        int colour = m->level <= LOG_ERR ? 0xd9534f : m->level == LOG_WARNING ? 0xf0ad4e : 0x5cb85c;
        char words[256];
        struct out o, head;

        out_begin(&o, &discord);
        put_all(&o, &discord, m, x);
        out_begin(&head, &discord);
        put(&head, title(words, sizeof words, m, x), sizeof words - 1);
        return set_json_body(r,
                json_pack("{s:[{s:s, s:s, s:i}], s:{s:[]}}", "embeds", "title", head.buf, "description",
                        o.buf, "color", colour, "allowed_mentions", "parse"));
}

/* https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: a header of 150 characters, and a section of 3000
 * (https://docs.slack.dev/reference/block-kit/blocks); "text" is for notifications. */
static int render_slack(
        struct alert_request *r, const struct alert_message *m, const struct alert_context *x) {
        char words[150];
        struct out o, head;

        out_begin(&o, &slack);
        put_all(&o, &slack, m, x);
        out_begin(&head, &slack);
        put(&head, title(words, sizeof words, m, x), SIZE_MAX);
        return set_json_body(r,
                json_pack("{s:s, s:[{s:s, s:{s:s, s:s}}, {s:s, s:{s:s, s:s, s:b}}]}", "text", head.buf,
                        "blocks", "type", "header", "text", "type", "plain_text", "text", words, "type",
                        "section", "text", "type", "mrkdwn", "text", o.buf, "verbatim", 1));
}

/* ntfy takes non-ASCII headers only as RFC 2047 words: a title needs none. VALUE is one line. */
static char *ascii_header(const char *name, const char *value) {
        char *header;

        if (asprintf(&header, "%s: %s", name, value) < 0)
                return NULL;
        for (char *s = header; *s; s++)
                if (!isascii((unsigned char) *s))
                        *s = '?';
        return header;
}

/* https://docs.ntfy.sh/publish/: the text as the body, the rest in headers; a body of more than 4096 bytes would become an
 * attachment. Priorities are 1 to 5, tags that name an emoji become one. */
static int render_ntfy(
        struct alert_request *r, const struct alert_message *m, const struct alert_context *x) {
        bool error = m->level <= LOG_ERR, warning = m->level == LOG_WARNING;
        char words[256];
        struct out o;

        out_begin(&o, &ntfy);
        put_all(&o, &ntfy, m, x);
        title(words, sizeof words, m, x);
        r->body = strdup(o.buf);
        r->headers[0] = strdup("Content-Type: text/plain; charset=utf-8");
        r->headers[1] = ascii_header("Title", words);
        r->headers[2] = ascii_header("Priority", error ? "5" : warning ? "4" : "3");
        r->headers[3] = ascii_header("Tags",
                error             ? "rotating_light"
                        : warning ? "warning"
                                  : "information_source");
        return r->body && r->headers[0] && r->headers[1] && r->headers[2] && r->headers[3] ? 0 : -ENOMEM;
}

/* --- Telegram --------------------------------------------------------------------------------------------- */

/* Adds "NAME=VALUE" of a query to BODY, decoded. */
static int add_parameter(json_t *body, const char *parameter, size_t n) {
        const char *equals = memchr(parameter, '=', n);
        _cleanup_part_ char *name = NULL, *value = NULL;

        if (!equals)
                return 0;
        name = curl_easy_unescape(NULL, parameter, (int) (equals - parameter), NULL);
        value = curl_easy_unescape(NULL, equals + 1, (int) (n - (size_t) (equals + 1 - parameter)), NULL);
        if (!name || !value)
                return -ENOMEM;
        return json_object_set_new(body, name, json_string(value)) < 0 ? -ENOMEM : 0;
}

static int add_query(json_t *body, const char *query) {
        int r = 0;

        for (const char *s = query ? query : ""; *s && r >= 0; s += *s == '&') {
                size_t n = strcspn(s, "&");

                r = add_parameter(body, s, n);
                s += n;
        }
        return r;
}

static bool ends_with_method(const char *path) {
        static const char method[] = "/sendMessage";
        size_t n = path ? strlen(path) : 0;

        return n >= strlen(method) && strcasecmp(path + n - strlen(method), method) == 0;
}

static int set_url_without_query(struct alert_request *r, CURLU *url) {
        _cleanup_part_ char *text = NULL;

        if (curl_url_set(url, CURLUPART_QUERY, NULL, 0) == CURLUE_OK)
                text = url_part(url, CURLUPART_URL);
        free(r->url);
        r->url = text ? strdup(text) : NULL;
        return r->url ? 0 : -ENOMEM;
}

/* https://core.telegram.org/bots/api#sendmessage: without parse_mode a text of up to 4096 characters is taken as it is. The
 * person gives chat_id (and what else they like, such as message_thread_id) after the '?'; all parameters go into the body,
 * since they may be passed in one of four ways (…/bots/api#making-requests), not in two at once. */
static int render_telegram(struct alert_request *r, const struct alert_message *m,
        const struct alert_context *x, const char **why) {
        _cleanup_(curl_url_cleanupp) CURLU *url = curl_url();
        _cleanup_part_ char *path = NULL, *query = NULL;
        json_auto_t *body = NULL;
        char words[256];
        struct out o;
        int k;

        if (!url || curl_url_set(url, CURLUPART_URL, r->url, 0) != CURLUE_OK)
                return -ENOMEM;
        path = url_part(url, CURLUPART_PATH);
        query = url_part(url, CURLUPART_QUERY);
        if (!ends_with_method(path)) {
                *why = "for format = telegram the address is https://api.telegram.org/botTOKEN/sendMessage?chat_id=CHAT";
                return -EINVAL;
        }
        out_begin(&o, &telegram);
        (void) strcpy(o.buf, "<b>");
        o.used = strlen(o.buf);
        put(&o, title(words, sizeof words, m, x), SIZE_MAX);
        (void) strcpy(o.buf + o.used, "</b>");
        o.used += strlen("</b>");
        new_line(&o);
        put_all(&o, &telegram, m, x);
        body = json_pack("{s:{s:b}, s:s}", "link_preview_options", "is_disabled", 1, "parse_mode", "HTML");
        k = body ? add_query(body, query) : -ENOMEM;
        if (k < 0)
                return k;
        if (!json_object_get(body, "chat_id")) {
                *why = "for format = telegram the address must end in ?chat_id= and the chat's number or @name";
                return -EINVAL;
        }
        if (json_object_set_new(body, "text", json_string(o.buf)) < 0)
                return -ENOMEM;
        k = set_url_without_query(r, url);
        return k < 0 ? k : set_json_body(r, TAKE(body));
}

/* --- all of them ------------------------------------------------------------------------------------------ */

int alert_render(enum alert_format format, const char *url, const struct alert_message *m,
        const struct alert_context *x, struct alert_request **ret, const char **why) {
        _cleanup_(alert_request_freep) struct alert_request *request = calloc(1, sizeof *request);
        int r = -ENOMEM;

        if (!request)
                return -ENOMEM;
        request->url = strdup(url);
        if (!request->url)
                return -ENOMEM;
        switch (format) {
        case ALERT_JSON:
                r = render_json(request, m, x);
                break;
        case ALERT_DISCORD:
                r = render_discord(request, m, x);
                break;
        case ALERT_SLACK:
                r = render_slack(request, m, x);
                break;
        case ALERT_TELEGRAM:
                r = render_telegram(request, m, x, why);
                break;
        case ALERT_NTFY:
                r = render_ntfy(request, m, x);
                break;
        }
        if (r < 0)
                return r;
        *ret = TAKE(request);
        return 0;
}

struct alert_request *alert_request_free(struct alert_request *r) {
        if (!r)
                return NULL;
        if (r->url)
                explicit_bzero(r->url, strlen(r->url));
        free(r->url);
        free(r->body);
        for (size_t i = 0; i < ELEMENTSOF(r->headers); i++)
                free(r->headers[i]);
        free(r);
        return NULL;
}
