/* An alert becomes the bytes that a service wants; see alert_format.h. */
#include "alert/alert_format.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/text.h"

/* --- a text for people, in its service's markup -------------------------------------------------------- */

/* The backquotes in our texts enclose commands. */
struct style {
        size_t limit;
        enum { MARKUP_NONE, MARKUP_HTML, MARKUP_DISCORD } markup;
        const char *bold, *bold_end, *code, *code_end, *block, *block_end;
};

static const struct style discord = { 2000, MARKUP_DISCORD, "**", "**", "`", "`", "```\n", "\n```" };
static const struct style slack = { 2900, MARKUP_HTML, "*", "*", "`", "`", "```\n", "\n```" };
static const struct style telegram = { 3900, MARKUP_HTML, "<b>", "</b>", "<code>", "</code>", "<pre>",
        "</pre>" };
static const struct style ntfy = { 3900, MARKUP_NONE, "", "", "`", "`", "", "" };

/* More than an escaped character and the markup that ends a cut text. */
#define END_ROOM 24
/* The most bytes that all facts below the text take, and that one takes. */
#define FACTS_ROOM 700
#define FACT_MAX 256
#define OUT_MAX 4096

/* Collects the text. Services count characters; we count bytes, and there are never fewer of them. */
struct out {
        char buf[OUT_MAX];
        size_t used;
        const struct style *style;
};

static void put_bytes(struct out *o, const char *bytes, size_t n) {
        (void) memcpy(o->buf + o->used, bytes, n);
        o->used += n;
        o->buf[o->used] = '\0';
}

static void put_markup(struct out *o, const char *markup) {
        put_bytes(o, markup, strlen(markup));
}

static size_t character_length(const char *s) {
        size_t n = 1;

        while (((unsigned char) s[n] & 0xc0) == 0x80)
                n++;
        return n;
}

/* The entity for C in Slack (https://docs.slack.dev/messaging/formatting-message-text) and Telegram
 * (https://core.telegram.org/bots/api#html-style): both want these three only. */
static const char *entity(char c) {
        return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : NULL;
}

/* Whether C begins markup, a link or a mention (<@…>, <#…>). '#', '-' and '>' do so only as the FIRST
 * character of a line (https://support.discord.com/hc/en-us/articles/210298617). */
static bool is_discords(char c, bool first) {
        return strchr("\\*_~|<[]", c) || (first && strchr("#->", c));
}

/* Puts the character at S, which is valid UTF-8 (RFC 3629). */
static void put_character(struct out *o, const char *s, bool code) {
        const char *escaped = o->style->markup == MARKUP_HTML ? entity(*s) : NULL;
        bool first = o->used == 0 || o->buf[o->used - 1] == '\n';

        if (o->style->markup == MARKUP_DISCORD && !code && is_discords(*s, first))
                put_markup(o, "\\");
        if (escaped)
                put_markup(o, escaped);
        else
                put_bytes(o, s, character_length(s));
}

/* Whether the room up to END is used up. Then the text ends with "…". */
static bool is_full(struct out *o, size_t end) {
        if (o->used + END_ROOM <= end)
                return false;
        put_markup(o, "…");
        return true;
}

/* Puts TEXT, which is safe to print, in at most ROOM bytes: cut between characters, never inside an escape.
 * Its commands become code. */
static void put_text(struct out *o, const char *text, size_t room) {
        size_t end = o->used + room;
        bool code = false;

        for (; *text && !is_full(o, end); text += character_length(text))
                if (*text == '`') {
                        put_markup(o, code ? o->style->code_end : o->style->code);
                        code = !code;
                } else
                        put_character(o, text, code);
        put_markup(o, code ? o->style->code_end : "");
}

/* Puts one line below the text. */
static void _printf_(3, 4) put_fact(struct out *o, const char *label, const char *format, ...) {
        char raw[2 * FACT_MAX], text[FACT_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof raw, format, ap);
        va_end(ap);
        put_markup(o, "\n");
        put_markup(o, o->style->bold);
        put_markup(o, label);
        put_markup(o, o->style->bold_end);
        put_markup(o, " ");
        put_text(o, safe_text(text, sizeof text, raw), FACT_MAX);
}

/* How each service shows a level. */
static const struct level {
        int level; /* the row is for syslog's levels up to this */
        const char *name, *dot;
        int colour;                 /* Discord's */
        const char *priority, *tag; /* ntfy's, whose tags become emoji */
} levels[] = {
        { LOG_ERR, "error", "🔴 ", 0xd9534f, "Priority: 5", "Tags: rotating_light" },
        { LOG_WARNING, "warning", "🟠 ", 0xf0ad4e, "Priority: 4", "Tags: warning" },
        { LOG_NOTICE, "notice", "🟢 ", 0x5cb85c, "Priority: 3", "Tags: information_source" },
        { LOG_DEBUG, "info", "🟢 ", 0x5cb85c, "Priority: 3", "Tags: information_source" },
};

static const struct level *level_of(const struct alert_message *m) {
        const struct level *l = levels;

        while (m->level > l->level)
                l++;
        return l;
}

/* Local time with its zone: the user may be in another. */
#define WHEN "%Y-%m-%d %H:%M:%S %Z"

static const char *or_none(const char *text) {
        return text ? text : "";
}

static usec_t lateness(const struct alert_message *m, const struct alert_context *x) {
        return x->now > m->time + ALERT_LATE ? x->now - m->time : 0;
}

static void put_facts(struct out *o, const struct alert_message *m, const struct alert_context *x) {
        char at[TIME_MAX], span[SPAN_MAX];

        if (*or_none(m->primary))
                put_fact(o, "Primary:", "%s%s%s", m->primary, *or_none(m->reason) ? ", " : "",
                        or_none(m->reason));
        if (m->since > 0)
                put_fact(o, "Since:", "%s", format_time(at, WHEN, m->since));
        if (m->outage > 0)
                put_fact(o, "Outage, at most:", "%s", format_span(span, m->outage));
        if (m->lasted > 0)
                put_fact(o, "Lasted:", "%s", format_span(span, m->lasted));
        if (lateness(m, x) > 0)
                put_fact(o, "Late:", "this happened at %s, %s ago", format_time(at, WHEN, m->time),
                        format_span(span, lateness(m, x)));
        if (x->dropped > 0)
                put_fact(o, "Lost:", "%u alert%s before this one. The journal has them all", x->dropped,
                        x->dropped == 1 ? "" : "s");
}

/* "Standby has taken over (HOST@INSTANCE)". MARK: after a coloured dot, if the service has no colours. */
static char *title(
        char *buf, size_t size, bool mark, const struct alert_message *m, const struct alert_context *x) {
        char raw[256];

        (void) snprintf(raw, sizeof raw, "%s%s (%s%s%s)", mark ? level_of(m)->dot : "",
                *or_none(m->title) ? m->title : m->event, x->host, *x->instance ? "@" : "", x->instance);
        return safe_text(buf, size, raw);
}

/* Puts COMMANDS, one a line. Names in them may be the agent's: no backquote or tag there ends the block. */
static void put_commands(struct out *o, const char *commands) {
        if (!*commands)
                return;
        put_markup(o, "\n");
        put_markup(o, o->style->block);
        for (const char *c = commands; *c && !is_full(o, o->style->limit - FACTS_ROOM);
                c += character_length(c))
                put_character(o, *c == '`' ? "'" : c, true);
        put_markup(o, o->style->block_end);
}

/* Puts everything but the title, within the style's limit. */
static void put_all(struct out *o, const struct alert_message *m, const struct alert_context *x) {
        const char *commands = m->commands && strlen(m->commands) < ALERT_COMMANDS_MAX ? m->commands : "";
        char text[ALERT_TEXT_MAX];

        put_text(o, safe_text(text, sizeof text, or_none(m->text)),
                o->style->limit - o->used - FACTS_ROOM - strlen(commands) - END_ROOM);
        put_commands(o, commands);
        put_markup(o, "\n");
        put_facts(o, m, x);
        if (o->buf[o->used - 1] == '\n')
                o->buf[--o->used] = '\0';
}

/* --- JSON ---------------------------------------------------------------------------------------------- */

/* HEADERS end with a NULL. */
static int add_headers(struct alert_request *r, const char *const *headers) {
        for (; *headers; headers++) {
                struct curl_slist *more = curl_slist_append(r->headers, *headers);

                if (!more)
                        return -ENOMEM;
                r->headers = more;
        }
        return 0;
}

/* Consumes J. */
static int set_json_body(struct alert_request *r, json_t *j) {
        json_auto_t *owned = j;

        r->body = owned ? json_dumps(owned, JSON_COMPACT | JSON_DIGITS) : NULL;
        return r->body ? add_headers(r, (const char *[]){ "Content-Type: application/json", NULL })
                       : -ENOMEM;
}

static int render_json(
        struct alert_request *r, const struct alert_message *m, const struct alert_context *x) {
        return set_json_body(r,
                json_pack("{s:i, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
                        "version", 1, "event", json_text(m->event), "level", level_of(m)->name, "title",
                        json_text(m->title), "text", json_text(m->text), "commands",
                        json_lines(or_none(m->commands)), "host", json_text(x->host), "instance",
                        json_text(x->instance), "primary", json_text(m->primary), "reason",
                        json_text(m->reason), "time", json_time(m->time), "since", json_time(m->since),
                        "outage_seconds", json_span(m->outage ?: USEC_INFINITY), "lasted_seconds",
                        json_span(m->lasted ?: USEC_INFINITY), "late_seconds", json_span(lateness(m, x)),
                        "dropped", (json_int_t) x->dropped));
}

/* One embed: a bar in the level's colour, a title of 256 characters and a description
 * (https://discord.com/developers/docs/resources/webhook#execute-webhook). An empty "parse" pings nobody
 * (…/resources/message#allowed-mentions-object). */
static int render_discord(
        struct alert_request *r, const struct alert_message *m, const struct alert_context *x) {
        struct out o = { .style = &discord }, head = { .style = &discord };
        char words[256];

        put_all(&o, m, x);
        put_text(&head, title(words, sizeof words, false, m, x), sizeof words);
        return set_json_body(r,
                json_pack("{s:[{s:s, s:s, s:i}], s:{s:[]}}", "embeds", "title", head.buf, "description",
                        o.buf, "color", level_of(m)->colour, "allowed_mentions", "parse"));
}

/* A title with all its escapes. */
#define SLACK_HEAD_MAX 900

/* https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: "text" is for notifications. A
 * header has 150 characters, a section 3000 (https://docs.slack.dev/reference/block-kit/blocks). */
static int render_slack(
        struct alert_request *r, const struct alert_message *m, const struct alert_context *x) {
        struct out o = { .style = &slack }, head = { .style = &slack };
        char words[150];

        put_all(&o, m, x);
        put_text(&head, title(words, sizeof words, true, m, x), SLACK_HEAD_MAX);
        return set_json_body(r,
                json_pack("{s:s, s:[{s:s, s:{s:s, s:s}}, {s:s, s:{s:s, s:s, s:b}}]}", "text", head.buf,
                        "blocks", "type", "header", "text", "type", "plain_text", "text", words, "type",
                        "section", "text", "type", "mrkdwn", "text", o.buf, "verbatim", 1));
}

/* The text is the body, the rest are headers (https://docs.ntfy.sh/publish/). A body over 4096 bytes would
 * become an attachment. */
static int render_ntfy(
        struct alert_request *r, const struct alert_message *m, const struct alert_context *x) {
        char words[256], header[300];
        struct out o = { .style = &ntfy };

        put_all(&o, m, x);
        (void) snprintf(header, sizeof header, "Title: %s", title(words, sizeof words, false, m, x));
        r->body = strdup(o.buf);
        return r->body ? add_headers(r,
                                 (const char *[]){ "Content-Type: text/plain; charset=utf-8", header,
                                         level_of(m)->priority, level_of(m)->tag, NULL })
                       : -ENOMEM;
}

/* A text of up to 4096 characters (https://core.telegram.org/bots/api#sendmessage). Telegram adds these parameters
 * to those in the address: chat_id, and perhaps message_thread_id. */
static int render_telegram(
        struct alert_request *r, const struct alert_message *m, const struct alert_context *x) {
        struct out o = { .style = &telegram };
        char words[256];

        put_markup(&o, o.style->bold);
        put_text(&o, title(words, sizeof words, true, m, x), 4 * sizeof words);
        put_markup(&o, o.style->bold_end);
        put_markup(&o, "\n");
        put_all(&o, m, x);
        return set_json_body(r,
                json_pack("{s:s, s:s, s:{s:b}}", "text", o.buf, "parse_mode", "HTML", "link_preview_options",
                        "is_disabled", 1));
}

/* --- all of them --------------------------------------------------------------------------------------- */

const char *alert_wrong_address(enum alert_format format, const char *url) {
        const char *query = strcasestr(url, "/sendMessage?");

        if (format != ALERT_TELEGRAM || (query && strstr(query, "chat_id=")))
                return NULL;
        return "for format = telegram the address is https://api.telegram.org/botTOKEN/sendMessage?chat_id=CHAT, with "
               "the chat's number or @name";
}

struct alert_request *alert_render(
        enum alert_format format, const struct alert_message *m, const struct alert_context *x) {
        static int (*const render[])(
                struct alert_request * r, const struct alert_message *m, const struct alert_context *x) = {
                [ALERT_JSON] = render_json,
                [ALERT_DISCORD] = render_discord,
                [ALERT_SLACK] = render_slack,
                [ALERT_TELEGRAM] = render_telegram,
                [ALERT_NTFY] = render_ntfy,
        };
        _cleanup_(alert_request_freep) struct alert_request *request = calloc(1, sizeof *request);

        return request && render[format](request, m, x) >= 0 ? TAKE(request) : NULL;
}

struct alert_request *alert_request_free(struct alert_request *r) {
        if (!r)
                return NULL;
        free(r->body);
        curl_slist_free_all(r->headers);
        free(r);
        return NULL;
}
