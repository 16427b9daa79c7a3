/* Whatever tailscaled may answer is parsed to something within bounds and safe to print.
 *
 * An input is a digit for the question, one for what became of it, and the body. */
#include "fuzz.h"

#include "probe/tailscale.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct input in = { data, size };
        uint8_t question = take_byte(&in), how = take_byte(&in);
        struct tailscale_answer a = {
                .question = (enum tailscale_question)(question % 6),
                .how = how == '2' ? TAILSCALE_SILENT : TAILSCALE_ANSWERED,
                .http = how == '1' ? 404 : 200,
                .body = (const char *) in.data,
                .length = in.size,
        };
        struct tailscale_relay relay;
        struct tailscale_self self;
        struct tailscale_peer peer;

        tailscale_parse_self(&a, &self);
        demand(is_safe(self.relay) && is_safe(self.name) && is_safe(self.login_url) && is_safe(self.health));
        tailscale_parse_peer(&a, &peer);
        demand(is_safe(peer.name) && peer.n_endpoints <= TAILSCALE_ENDPOINTS_MAX);
        if (tailscale_parse_relay(&a, "test", &relay) >= 0)
                demand(*relay.address && relay.port > 0 && relay.port <= 65535);
        (void) tailscale_parse_ping(&a);
        (void) tailscale_is_resolver(&a, &peer);
        demand(is_safe(peer.routes));
        return 0;
}
