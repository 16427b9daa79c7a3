/* Explores: breadth first, then all ways to the right end. See model.h. */
#include "model.h"

/* What became of FROM; .writes says at how many points the daemon could have died. */
static bool happen(struct act *a, const struct state *from, unsigned event) {
        *a->s = *from;
        a->writes = 0;
        a->broken = NULL;
        if (!events[event].happens(a))
                return false;
        if (!a->broken)
                look(a);
        simplify(a->s);
        return true;
}

/* All states seen so far, in the order in which they were, each with how it came about. */

#define NOWHERE UINT32_MAX

struct place {
        struct key key;
        uint32_t from;
        uint8_t event, crash_at;
};

struct atlas {
        struct place *places;
        uint32_t n, room;
        uint32_t *index; /* by hash: a place + 1, or 0 */
        uint32_t index_size;
};

static uint32_t hash(struct key key) {
        uint64_t h = (key.half[0] ^ key.half[1] * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;

        return (uint32_t) ((h ^ h >> 32) * 0xc4ceb9fe1a85ec53 >> 32);
}

/* Where KEY is in the index, or would be. */
static uint32_t *slot_of(const struct atlas *at, struct key key) {
        uint32_t i = hash(key) & (at->index_size - 1);

        while (at->index[i] > 0 && memcmp(&at->places[at->index[i] - 1].key, &key, sizeof key) != 0)
                i = (i + 1) & (at->index_size - 1);
        return &at->index[i];
}

static void *must(void *p) {
        if (!p)
                err(EXIT_FAILURE, "No memory for so many states");
        return p;
}

static void grow(struct atlas *at) {
        at->room = at->room > 0 ? 2 * at->room : 1U << 16;
        at->places = must(realloc(at->places, at->room * sizeof at->places[0]));
        free(at->index);
        at->index_size = 2 * at->room;
        at->index = must(calloc(at->index_size, sizeof at->index[0]));
        for (uint32_t i = 0; i < at->n; i++)
                *slot_of(at, at->places[i].key) = i + 1;
}

static void add(struct atlas *at, struct state *s, uint32_t from, unsigned event, unsigned crash_at) {
        struct key key = pack(s);
        uint32_t *slot;

        if (at->n == at->room)
                grow(at);
        slot = slot_of(at, key);
        if (*slot > 0)
                return;
        at->places[at->n++] = (struct place){ key, from, (uint8_t) event, (uint8_t) crash_at };
        *slot = at->n;
}

/* Telling how it came to pass. */

static void tell_state(const struct state *s) {
        static const char *const calls[] = { "", ", start requested", ", stop requested",
                ", kill requested" };
        static const char *const jobs[_UNIT_JOB_MAX] = { "", "", ", start under way", ", stop under way" };

        printf("      now: %s%s, mode %s%s, primary %s; gateway %s%s%s%s%s; marker: %s%s\n",
                s->alive ? role_state_name(s->role.state) : "dead", s->alive && !s->bus ? " and deaf" : "",
                role_mode_name(s->mode), s->paused ? " but paused" : "", health_level_name(s->judge.level),
                unit_state_name(s->unit),
                is_stopped(s)     ? ""
                        : s->ours ? ", ours"
                                  : ", somebody else's",
                jobs[s->job], calls[s->call], s->syncing ? ", syncing" : "", role_intent_name(s->intent),
                s->intent == INTENT_NONE        ? ""
                        : s->marked == RUN_THIS ? " of this run"
                        : s->marked == RUN_NULL ? " of no run yet"
                                                : " of another run");
}

static void tell_event(const struct model *m, const struct state *from, unsigned event, unsigned crash_at) {
        struct state s;
        struct act a = { .model = m, .s = &s, .crash_at = crash_at, .story = stdout };

        printf("  - %s\n", events[event].words);
        (void) happen(&a, from, event);
        tell_state(&s);
}

static void tell_way(const struct model *m, const struct atlas *at, uint32_t to) {
        struct state from;

        if (at->places[to].from == NOWHERE)
                return;
        tell_way(m, at, at->places[to].from);
        from = unpack(at->places[at->places[to].from].key);
        tell_event(m, &from, at->places[to].event, at->places[to].crash_at);
}

/* Exploring: breadth first, so that the first way found is a shortest one. False: something did not hold. */

static bool explore_event(
        const struct model *m, struct atlas *at, uint32_t from, const struct state *before, unsigned event) {
        struct state s;
        struct act a = { .model = m, .s = &s };
        unsigned points;

        if (!happen(&a, before, event))
                return true;
        if (a.broken) {
                printf("%s: this does not hold: %s.\n", m->name, a.broken);
                tell_way(m, at, from);
                tell_event(m, before, event, 0);
                return false;
        }
        add(at, &s, from, event, 0);
        points = a.writes;
        for (a.crash_at = 1; a.crash_at <= points; a.crash_at++) {
                (void) happen(&a, before, event);
                add(at, &s, from, event, a.crash_at);
        }
        return true;
}

static bool explore(const struct model *m, struct atlas *at) {
        struct state boot = { .unit = UNIT_INACTIVE };

        simplify(&boot);
        add(at, &boot, NOWHERE, 0, 0);
        for (uint32_t i = 0; i < at->n; i++) {
                struct state s = unpack(at->places[i].key);

                for (unsigned e = 0; e < n_events; e++)
                        if (!explore_event(m, at, i, &s, e))
                                return false;
        }
        return true;
}

/* Ways: with a gateway that can start, nobody's hand on it, and a primary that stays as it is, everything comes to its right
 * end by itself. Whatever of what then still happens comes first, in several orders. */

struct ways {
        const struct model *model;
        const struct atlas *atlas;
        enum health_level primary;
        unsigned first;   /* the event with the highest priority */
        bool backwards;   /* the next one is the one before it */
        uint16_t *length; /* of the way from each place; 0: not known yet */
};

static bool is_good(const struct ways *w, const struct state *s, unsigned event) {
        switch (events[event].kind) {
        case GOOD:
                return true;
        case GOOD_IF_UP:
                return w->primary == HEALTH_UP;
        case GOOD_IF_DOWN:
                return w->primary == HEALTH_DOWN;
        case GOOD_IF_ACTIVE:
                return s->unit == UNIT_ACTIVE;
        case GOOD_IF_NOT:
                return s->unit != UNIT_ACTIVE;
        default:
                return false;
        }
}

static bool is_right_end(const struct ways *w, const struct state *s) {
        bool stopped = s->role.state == ROLE_STANDBY && (is_stopped(s) || !s->ours);
        bool promoted = s->role.state == ROLE_PROMOTED && s->unit == UNIT_ACTIVE;

        if (!daemon_sees(s) || s->call != CALL_NONE || s->paused || s->judge.level != w->primary)
                return false;
        switch (s->mode) {
        case MODE_AUTO:
                if (w->primary == HEALTH_DOWN)
                        return promoted;
                return stopped || (promoted && w->model->role_rules.failback == ROLE_FAILBACK_MANUAL);
        case MODE_PINNED:
                return promoted;
        case MODE_HELD:
                return stopped && w->primary == HEALTH_DOWN;
        default:
                return false;
        }
}

/* The next good event that changes anything, and what it leads to; or the number of events. */
static unsigned next_event(const struct ways *w, const struct state *from, struct state *to) {
        unsigned n = n_events;
        struct act a = { .model = w->model, .s = to };
        struct state copy = *from;
        struct key key, before = pack(&copy);

        for (unsigned i = 0; i < n; i++) {
                unsigned e = (w->first + (w->backwards ? n - i : i)) % n;

                if (!is_good(w, from, e) || !happen(&a, from, e))
                        continue;
                key = pack(to);
                if (memcmp(&key, &before, sizeof key) != 0)
                        return e;
        }
        return n;
}

/* Everything good that can still happen at the right end leaves it there. */
static bool stays(const struct ways *w, const struct state *end) {
        struct state s;
        struct act a = { .model = w->model, .s = &s };

        for (unsigned e = 0; e < n_events; e++)
                if (is_good(w, end, e) && happen(&a, end, e) && s.call == CALL_NONE && !is_right_end(w, &s))
                        return false;
        return true;
}

static uint32_t place_of(const struct atlas *at, struct state *s) {
        uint32_t found = *slot_of(at, pack(s));

        if (found == 0)
                errx(EXIT_FAILURE, "A state is reached that was not: this is a mistake in model.c.");
        return found - 1;
}

#define WAY_MAX 100
#define STORY_MAX (1U << 16)

static bool tell_lost_way(const struct ways *w, uint32_t start, const char *what) {
        struct state from = unpack(w->atlas->places[start].key), to;

        printf("%s: this does not hold: %s.\n", w->model->name, what);
        tell_way(w->model, w->atlas, start);
        printf("  From here on nothing goes wrong, and the primary stays %s:\n",
                health_level_name(w->primary));
        for (unsigned i = 0; i < 30; i++) {
                unsigned event = next_event(w, &from, &to);

                if (event == n_events)
                        break;
                tell_event(w->model, &from, event, 0);
                from = to;
        }
        return false;
}

/* Goes from START until the way is known from there, and notes its length for all places on it. */
static bool find_way(const struct ways *w, uint32_t start) {
        uint32_t passed[WAY_MAX], here = start;
        unsigned n = 0;

        while (w->length[here] == 0) {
                struct state to, s = unpack(w->atlas->places[here].key);

                if (is_right_end(w, &s)) {
                        if (!stays(w, &s))
                                return tell_lost_way(w, here, "what has come to its right end stays there");
                        w->length[here] = 1;
                        break;
                }
                if (n == WAY_MAX || next_event(w, &s, &to) == n_events)
                        return tell_lost_way(w, start,
                                "a primary that stays up ends in standby, one that stays down ends promoted");
                passed[n++] = here;
                here = place_of(w->atlas, &to);
        }
        for (unsigned length = w->length[here]; n-- > 0;)
                w->length[passed[n]] = (uint16_t) ++length;
        return true;
}

/* The longest way in LONGEST. */
static bool judge_ways(struct ways *w, unsigned *longest) {
        memset(w->length, 0, w->atlas->n * sizeof w->length[0]);
        for (uint32_t i = 0; i < w->atlas->n; i++) {
                if (!find_way(w, i))
                        return false;
                *longest = MAX(*longest, w->length[i] - 1U);
        }
        return true;
}

static bool judge_all_ways(const struct model *m, const struct atlas *at, unsigned *longest) {
        static const struct {
                unsigned first;
                bool backwards;
        } orders[] = { { 0, false }, { 20, true } };
        _cleanup_free_ uint16_t *length = must(calloc(at->n, sizeof *length));

        for (unsigned i = 0; i < ELEMENTSOF(orders); i++)
                for (enum health_level level = HEALTH_UP; level <= HEALTH_DOWN; level++) {
                        struct ways w = {
                                .model = m,
                                .atlas = at,
                                .primary = level,
                                .first = orders[i].first,
                                .backwards = orders[i].backwards,
                                .length = length,
                        };

                        if (!judge_ways(&w, longest))
                                return false;
                }
        return true;
}

/* What an exploration has come to. */
struct result {
        bool good;
        uint32_t states;
        unsigned longest;
};

static void run(const struct model *m, struct result *ret) {
        struct atlas at = {};

        ret->good = explore(m, &at) && judge_all_ways(m, &at, &ret->longest);
        ret->states = at.n;
        free(at.places);
        free(at.index);
}

/* In a process of its own, so that they run side by side. */
static void begin(const struct model *m, struct result *ret) {
        pid_t pid = fork();

        if (pid < 0)
                err(EXIT_FAILURE, "fork");
        if (pid > 0)
                return;
        /* A story is told in one piece. */
        setvbuf(stdout, must(malloc(STORY_MAX)), _IOFBF, STORY_MAX);
        run(m, ret);
        exit(EXIT_SUCCESS);
}

int main(void) {
        static const struct model models[] = {
                { "failback = auto", RULES(ROLE_FAILBACK_AUTO, false), HEALTH_RULES },
                { "failback = manual", RULES(ROLE_FAILBACK_MANUAL, false), HEALTH_RULES },
                { "warm = yes", RULES(ROLE_FAILBACK_AUTO, true), HEALTH_RULES },
        };
        char parts[256] = "";
        uint32_t states = 0;
        unsigned longest = 0;
        struct result *results = mmap(NULL, ELEMENTSOF(models) * sizeof *results, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (results == MAP_FAILED)
                err(EXIT_FAILURE, "mmap");
        for (size_t i = 0; i < ELEMENTSOF(models); i++)
                begin(&models[i], &results[i]);
        while (wait(NULL) > 0)
                ;
        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                if (!results[i].good)
                        return EXIT_FAILURE;
                states += results[i].states;
                longest = MAX(longest, results[i].longest);
                appendf(parts, sizeof parts, "%s%" PRIu32 " with %s", i == 0 ? "" : ", ", results[i].states,
                        models[i].name);
        }
        printf("%" PRIu32 " states explored (%s); from each, its right end is at most %u events away\n",
                states, parts, longest);
        return EXIT_SUCCESS;
}
