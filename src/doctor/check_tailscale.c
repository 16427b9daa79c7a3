/* Is this node in the tailnet, and for how long yet? tailscaled is asked through its local API.
 *
 * Its word "Online" is of no use: it is what the coordination server believes. Only a check proves anything. */
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "doctor/look.h"
#include "lib/network.h"
#include "lib/text.h"

/* Where tailscaled listens on Linux (paths.DefaultTailscaledSocket()). The status may be read by anybody. */
#define SOCKET "/run/tailscale/tailscaled.sock"
#define STATUS_URL "http://local-tailscaled.sock/localapi/v0/status"

#define ANSWER_MAX (4 * 1024 * 1024)
#define TIMEOUT_MS 5000L

/* People look once a month (and a key lives for half a year). */
#define SOON (30 * 24 * 3600)

int parse_rfc3339(const char *text, time_t *ret) {
        struct tm tm = { 0 };
        const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
        int hours = 0, minutes = 0;
        char sign = '+';

        if (!rest)
                return -EINVAL;
        if (*rest == '.')
                rest += 1 + strspn(rest + 1, "0123456789");
        if (strcmp(rest, "Z") != 0 &&
                (sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) != 3 || !strchr("+-", sign)))
                return -EINVAL;
        *ret = timegm(&tm) - (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
        return 0;
}

/* One PeerStatus of package ipnstate (https://pkg.go.dev/tailscale.com/ipn/ipnstate#PeerStatus). */
static void parse_node(const json_t *peer, struct tailscale_node *ret) {
        const char *expiry = json_string_value(json_object_get(peer, "KeyExpiry"));
        const char *name = json_string_value(json_object_get(peer, "HostName"));

        *ret = (struct tailscale_node){ .known = true,
                .expired = json_is_true(json_object_get(peer, "Expired")) };
        /* Go's zero time, in the year 1, means never as well. */
        if (expiry && (parse_rfc3339(expiry, &ret->expires) < 0 || ret->expires < 0))
                ret->expires = 0;
        (void) safe_text(ret->name, sizeof ret->name, name ? name : "");
}

/* Whether HOST is one of the addresses or a name of PEER: "vps.tail1234.ts.net." is also "vps.tail1234.ts.net" and "vps". */
static bool is_peer(const json_t *peer, const char *host) {
        const char *name = json_string_value(json_object_get(peer, "DNSName"));
        const json_t *addresses = json_object_get(peer, "TailscaleIPs"), *address;
        size_t n = strlen(host), i;

        json_array_foreach (addresses, i, address)
                if (json_is_string(address) && strcasecmp(json_string_value(address), host) == 0)
                        return true;
        if (!name || n == 0)
                return false;
        if (host[n - 1] == '.')
                n--;
        return strncasecmp(name, host, n) == 0 &&
                (name[n] == '\0' || strcmp(name + n, ".") == 0 || (name[n] == '.' && !memchr(host, '.', n)));
}

int parse_tailscale_status(const char *json, const char *host, struct tailscale_status *ret) {
        _cleanup_(json_decrefp) json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
        struct tailscale_status s = { 0 };
        const char *state = json_string_value(json_object_get(root, "BackendState")), *key;
        json_t *self = json_object_get(root, "Self"), *peer;

        if (!state)
                return -EINVAL;
        (void) safe_text(s.state, sizeof s.state, state);
        if (json_is_object(self))
                parse_node(self, &s.self);
        json_object_foreach (json_object_get(root, "Peer"), key, peer)
                if (is_peer(peer, host)) {
                        parse_node(peer, &s.primary);
                        break;
                }
        *ret = s;
        return 0;
}

struct answer {
        char *text;
        size_t size;
};

static size_t take(char *data, size_t one _unused_, size_t n, void *userdata) {
        struct answer *a = userdata;
        char *longer = a->size + n < ANSWER_MAX ? realloc(a->text, a->size + n + 1) : NULL;

        if (!longer)
                return 0;
        a->text = longer;
        (void) memcpy(a->text + a->size, data, n);
        a->size += n;
        a->text[a->size] = '\0';
        return n;
}

DEFINE_CLEANUP(CURL *, curl_easy_cleanup)

/* 0; otherwise WHY says in words what is wrong. */
static int ask_tailscaled(const char *host, struct tailscale_status *ret, char *why, size_t size) {
        _cleanup_(curl_easy_cleanupp) CURL *curl = curl_easy_init();
        struct answer answer = { 0 };
        long code = 0;
        CURLcode e;
        int r = -EIO;

        if (!curl)
                return -ENOMEM;
        (void) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, SOCKET);
        (void) curl_easy_setopt(curl, CURLOPT_URL, STATUS_URL);
        (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
        (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
        (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
        (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
        e = curl_easy_perform(curl);
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
        if (e != CURLE_OK)
                (void) snprintf(
                        why, size, "tailscaled does not answer at " SOCKET ": %s", curl_easy_strerror(e));
        else if (code != 200)
                (void) snprintf(why, size, "tailscaled refuses to give its state: HTTP %ld", code);
        else {
                r = parse_tailscale_status(answer.text ? answer.text : "", host, ret);
                if (r < 0)
                        (void) snprintf(why, size, "tailscaled's answer is not understood");
        }
        free(answer.text);
        return r;
}

static bool is_installed(const struct checkup *c) {
        return unit_is_loaded(&c->tailscaled) || access(SOCKET, F_OK) >= 0;
}

void look_tailscale(const struct checkup *c, struct finding *f) {
        const char *host = c->config->primary.host;
        struct tailscale_status s;
        char why[256] = "out of memory";

        if (!is_installed(c)) {
                if (!network_is_tailnet(host) || network_has_tailnet_address()) {
                        finding_off(f, "Tailscale is not installed here, and not needed to reach %s", host);
                        return;
                }
                finding_fail(f, "Tailscale is not installed here, and %s is in a tailnet", host);
                finding_fix(f, "curl -fsSL https://tailscale.com/install.sh | sh && sudo tailscale up");
        } else if (ask_tailscaled(host, &s, why, sizeof why) < 0) {
                finding_fail(f, "%s", why);
                finding_fix(f, "sudo systemctl enable tailscaled && sudo systemctl restart tailscaled");
        } else if (strcmp(s.state, "Running") != 0) {
                finding_fail(f, "%s (%s)",
                        strcmp(s.state, "NeedsLogin") == 0 ? "logged out of the tailnet"
                                : strcmp(s.state, "NeedsMachineAuth") == 0
                                ? "this node waits for an admin's approval"
                                : "not connected to the tailnet",
                        s.state);
                finding_fix(f, "sudo tailscale up");
        } else
                finding_ok(f, "connected%s%s", *s.self.name ? " as " : "", s.self.name);
}

/* Whose key it is, WHO, is "this node" or "the primary"; WHERE is added to the command. */
static void judge_key(
        const struct tailscale_node *n, const char *who, const char *where, struct finding *f) {
        time_t now = time(NULL);
        char date[32] = "";
        struct tm tm;

        if (n->expires > 0 && gmtime_r(&n->expires, &tm))
                (void) strftime(date, sizeof date, "%Y-%m-%d", &tm);
        if (n->expired || (n->expires > 0 && n->expires <= now))
                finding_fail(f, "the key of %s has expired%s%s: it is cut off from the tailnet", who,
                        *date ? " on " : "", date);
        else if (n->expires > 0 && n->expires - now < SOON)
                finding_fail(f,
                        "the key of %s expires on %s, and then it is cut off (or disable key expiry for it "
                        "at https://login.tailscale.com/admin/machines)",
                        who, date);
        else {
                if (n->expires == 0)
                        finding_ok(f, "never expires");
                else
                        finding_ok(f, "expires on %s", date);
                return;
        }
        finding_fix(f, "sudo tailscale up --force-reauth%s", where);
}

void look_own_key(const struct checkup *c, struct finding *f) {
        struct tailscale_status s;
        char why[256] = "out of memory";

        if (ask_tailscaled(c->config->primary.host, &s, why, sizeof why) < 0)
                finding_fail(f, "%s", why);
        else
                judge_key(&s.self, "this node", "", f);
}

void look_primary_key(const struct checkup *c, struct finding *f) {
        const char *host = c->config->primary.host;
        struct tailscale_status s;
        char why[256] = "out of memory";

        if (ask_tailscaled(host, &s, why, sizeof why) < 0)
                finding_fail(f, "%s", why);
        else if (s.primary.known)
                judge_key(&s.primary, "the primary", " # on the primary", f);
        else if (network_is_tailnet(host)) {
                finding_fail(f, "%s is no node of this tailnet, or none that this one may see", host);
                finding_fix(f, "tailscale status # its address, for host in %s", c->names->config);
        } else
                finding_off(f, "%s is no name or address of the tailnet's", host);
}
