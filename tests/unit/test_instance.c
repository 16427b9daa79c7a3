/* instance.c: the names of the plain instance and of a named one, and what may be a name. */
#include "config/instance.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void plain(void **state _unused_) {
        static const char *const same[] = { "", NULL };

        for (size_t i = 0; i < ELEMENTSOF(same); i++) {
                _cleanup_(instance_freep) struct instance *n = NULL;

                assert_int_equal(instance_new(same[i], &n), 0);
                assert_string_equal(n->name, "");
                assert_string_equal(n->program, "openclaw-failover");
                assert_string_equal(n->config, "/etc/openclaw-failover.ini");
                assert_string_equal(n->unit, "openclaw-failover.service");
                assert_string_equal(n->sync_unit, "openclaw-failover-sync.service");
                assert_string_equal(n->alert_unit, "openclaw-failover-alert.service");
                assert_string_equal(n->runtime_dir, "/run/openclaw-failover");
                assert_string_equal(n->state_dir, "/var/lib/openclaw-failover");
                assert_string_equal(n->sync_state_dir, "/var/lib/openclaw-failover-sync");
                assert_string_equal(n->bus_name, "org.openclaw.Failover1");
        }
}

static void named(void **state _unused_) {
        _cleanup_(instance_freep) struct instance *n = NULL;

        assert_int_equal(instance_new("Web_2", &n), 0);
        assert_string_equal(n->name, "Web_2");
        assert_string_equal(n->program, "openclaw-failover -i Web_2");
        assert_string_equal(n->config, "/etc/openclaw-failover/Web_2.ini");
        assert_string_equal(n->unit, "openclaw-failover@Web_2.service");
        assert_string_equal(n->sync_unit, "openclaw-failover-sync@Web_2.service");
        assert_string_equal(n->alert_unit, "openclaw-failover-alert@Web_2.service");
        assert_string_equal(n->runtime_dir, "/run/openclaw-failover@Web_2");
        assert_string_equal(n->state_dir, "/var/lib/openclaw-failover@Web_2");
        assert_string_equal(n->sync_state_dir, "/var/lib/openclaw-failover-sync@Web_2");
        assert_string_equal(n->bus_name, "org.openclaw.Failover1.Web_2");
}

static void what_may_be_an_instance(void **state _unused_) {
        static const char *const good[] = { "a", "Z", "a_", "a9", "abcdefghijklmnopqrstuvwxyz_12345" };
        static const char *const bad[] = { "_a", "9a", "-a", "a-b", "a.b", "a/b", "../a", "a b", " a", "a\n",
                "a%i", "a@b", "\xc3\xa4", "a\xc3\xa4", "abcdefghijklmnopqrstuvwxyz_123456" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_(instance_freep) struct instance *n = NULL;

                assert_int_equal(instance_new(good[i], &n), 0);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct instance *n = NULL;

                if (instance_new(bad[i], &n) != -EINVAL)
                        fail_msg("'%s' was taken for an instance", bad[i]);
                assert_null(n);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(plain),
                cmocka_unit_test(named),
                cmocka_unit_test(what_may_be_an_instance),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
