/* Reading a unit's properties; see unit_properties.h. */
#include "daemon/unit_properties.h"

#include <errno.h>
#include <string.h>

void unit_properties_free(struct unit_properties *p) {
        for (size_t i = 0; i < RELATIONS_MAX; i++)
                strv_free(p->related[i]);
}

enum unit_state unit_properties_state(const struct unit_properties *p) {
        static const struct {
                const char *active;
                enum unit_state state;
        } table[] = {
                { "active", UNIT_ACTIVE },
                { "reloading", UNIT_ACTIVE },
                { "refreshing", UNIT_ACTIVE },
                { "inactive", UNIT_INACTIVE },
                { "maintenance", UNIT_INACTIVE },
                { "failed", UNIT_FAILED },
                { "activating", UNIT_STARTING },
                { "deactivating", UNIT_STOPPING },
        };

        /* "auto-restart", "auto-restart-queued", "failed-before-auto-restart" */
        if (p->sub && strstr(p->sub, "auto-restart"))
                return UNIT_RESTARTING;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (p->active && strcmp(p->active, table[i].active) == 0)
                        return table[i].state;
        return UNIT_UNKNOWN;
}

static int read_units(sd_bus_message *m, char ***ret) {
        int r;

        r = sd_bus_message_enter_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_read_strv(m, ret);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_invocation(sd_bus_message *m, struct unit_properties *p) {
        const void *bytes;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &bytes, &size);
        if (r < 0)
                return r;
        if (size == sizeof p->invocation)
                memcpy(&p->invocation, bytes, size);
        return sd_bus_message_exit_container(m);
}

static int read_property(sd_bus_message *m, const char *name, struct unit_properties *p) {
        static const char *const relations[RELATIONS_MAX] = { "BindsTo" /* BOUND_TO */, "Requires",
                "Requisite", "PartOf", "StopPropagatedFrom", "Conflicts", "ConflictedBy" };
        uint32_t job;
        const struct {
                const char *name, *type;
                void *to, *second;
        } table[] = {
                { "Id", "s", &p->id },
                { "ActiveState", "s", &p->active },
                { "SubState", "s", &p->sub },
                { "Result", "s", &p->result },
                { "Job", "(uo)", &job, &p->job },
                { "User", "s", &p->user },
                { "StatusText", "s", &p->status },
                { "MainPID", "u", &p->main_pid },
                { "NRestarts", "u", &p->restarts },
                { "ConditionTimestampMonotonic", "t", &p->condition_checked },
                { "ConditionResult", "b", &p->conditions_met },
                { "AssertResult", "b", &p->asserts_met },
        };

        for (size_t i = 0; i < RELATIONS_MAX; i++)
                if (strcmp(name, relations[i]) == 0 && !p->related[i])
                        return read_units(m, &p->related[i]);
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(name, table[i].name) == 0)
                        return sd_bus_message_read(m, "v", table[i].type, table[i].to, table[i].second);
        if (strcmp(name, "InvocationID") == 0)
                return read_invocation(m, p);
        return sd_bus_message_skip(m, "v");
}

int unit_properties_read(sd_bus_message *m, struct unit_properties *p) {
        const char *name;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = read_property(m, name, p);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}
