/* Any JSON, or none, where the project reads it back: the state, the alerts that wait.
 *
 * The first byte says which; the rest is the file. */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "alert/alert_queue.h"
#include "daemon/state_file.h"

int LLVMFuzzerInitialize(const int *argc, const char *const *const *argv);

/* Beside the program, where nothing has to be cleaned up. */
static char *directory;

int LLVMFuzzerInitialize(_unused_ const int *argc, const char *const *const *argv) {
        demand(asprintf(&directory, "%s.files", (*argv)[0]) >= 0);
        demand(mkdir(directory, 0700) == 0 || errno == EEXIST);
        return 0;
}

static char *write_file(const char *name, const char *text) {
        char *path;
        int fd;

        demand(asprintf(&path, "%s/%s", directory, name) >= 0);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        demand(fd >= 0);
        demand(write(fd, text, strlen(text)) == (ssize_t) strlen(text));
        (void) close(fd);
        return path;
}

static void try_state(const char *text) {
        const struct instance instance = { .runtime_dir = directory, .state_dir = directory };
        _cleanup_free_ char *path = write_file("state.json", text);
        struct remembered m;

        state_load(&instance, &m);
        demand(m.mode >= 0 && m.mode < _MODE_MAX && is_safe(m.last.cause));
        demand(m.marker.intent >= 0 && m.marker.intent < _INTENT_MAX && is_safe(m.marker.reason));
}

static void try_alerts(const char *text) {
        _cleanup_free_ char *path = write_file("alerts.json", text);
        struct alert_queue q = {};
        struct alert_message m;
        json_t *first;

        demand(alert_queue_load(&q, directory) == 0);
        demand(json_array_size(q.alerts) <= ALERTS_MAX);
        while ((first = alert_queue_first(&q, &m))) {
                demand(is_safe(m.event) && is_safe(m.text) && is_safe(m.primary) && is_safe(m.reason));
                alert_queue_remove(&q, first);
        }
        alert_queue_clear(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static void (*const tries[])(const char *) = { try_state, try_alerts };
        struct input in = { data, size };
        uint8_t which = take_byte(&in);
        _cleanup_free_ char *text = take_text(&in, '\0');

        tries[which % ELEMENTSOF(tries)](text);
        return 0;
}
