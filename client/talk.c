/* talk.c - to the daemon, and to the person. Every error is printed here, and only here. */
#include "ctl.h"
#include "json.h"
#include "render.h"
#include "word.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#define PROGRESS_EVERY_MS 100
#define BAR_WIDTH 24

trial_client_settings ctl_settings(const ctl_command *ctl)
{
    return (trial_client_settings){
        .endpoint = ctl->values[CTL_ENDPOINT],
        .feed = ctl->values[CTL_FEED],
        .key = ctl->values[CTL_KEY],
        .server_key = ctl->values[CTL_SERVER_KEY],
        .name = "trialctl",
        .timeout_ms = ctl->timeout_ms == 0 ? CTL_TIMEOUT_MS_DEFAULT : ctl->timeout_ms,
    };
}

trial_code ctl_connect(ctl_command *ctl, trial_error *err)
{
    trial_client_settings settings = ctl_settings(ctl);

    return ctl->client != NULL ? TRIAL_OK : trial_client_open(&settings, &ctl->client, err);
}

trial_code ctl_call(ctl_command *ctl,
                    const char *method,
                    const trial_value *params,
                    trial_value **ret_result,
                    trial_error *err)
{
    trial_code code = ctl_connect(ctl, err);

    return code != TRIAL_OK
               ? code
               : trial_client_call(ctl->client, method, params, &ctl->arena, ret_result, err);
}

void ctl_say(const char *format, ...)
{
    va_list args;

    (void)fputs("trialctl: ", stderr); /* if stderr fails there is nobody left to tell */
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)putc('\n', stderr);
}

int ctl_usage(const ctl_command *ctl, const char *format, ...)
{
    va_list args;

    (void)fputs("trialctl: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr,
                  "\nTry 'trialctl %s%s--help'.\n",
                  ctl->verb == NULL ? "" : ctl->verb,
                  ctl->verb == NULL ? "" : " ");
    return CTL_EXIT_USAGE;
}

/* What a person may do about it; "" where the sentence says all. */
static void say_what_next(const ctl_command *ctl, const trial_error *err)
{
    switch (err->code) {
    case TRIAL_BUSY:
        if (strstr(err->text, "no connection") != NULL) {
            ctl_say("is triald running? start it (systemctl start triald), or name its endpoint "
                    "by --endpoint or TRIALD_ENDPOINT");
        }
        break;
    case TRIAL_UNKNOWN_TYPE:
        ctl_say("'trialctl events' prints the types there are");
        break;
    case TRIAL_CONFLICT:
    case TRIAL_DUPLICATE_CONFLICT:
    case TRIAL_INVALID:
    case TRIAL_REFUSED:
        if (strcmp(ctl->verb, "publish") == 0 && ctl_has(ctl, CTL_TYPE)) {
            ctl_say("'trialctl events %s' prints what the event holds and what must hold before; "
                    "'trialctl history SUBJECT' what has happened",
                    ctl->values[CTL_TYPE]);
        }
        break;
    case TRIAL_NO_SPACE:
        if (err->system_errno == 0) { /* it was not a file of ours */
            ctl_say(
                "nothing was kept; make room where the daemon has its store, then send it again");
        }
        break;
    case TRIAL_STORAGE:
        ctl_say("trial-trouble(7) says what to do");
        break;
    case TRIAL_OK:
    case TRIAL_MALFORMED:
    case TRIAL_NOT_FOUND:
    case TRIAL_TOO_LARGE:
    case TRIAL_UNAUTHORISED:
    case TRIAL_UNSUPPORTED:
    case TRIAL_CODE_COUNT:
        break;
    }
}

int ctl_fail(const ctl_command *ctl, const trial_error *err)
{
    const char *comma = "";

    (void)fprintf(stderr, "trialctl: %s: ", trial_code_name(err->code));
    render_put(stderr, trial_text_of(err->text));
    if (err->rule != TRIAL_RULE_NONE || err->field[0] != '\0' || err->position > 0) {
        (void)fputs(" (", stderr);
        if (err->rule != TRIAL_RULE_NONE) {
            (void)fprintf(stderr, "rule %s", trial_rule_name(err->rule));
            comma = ", ";
        }
        if (err->field[0] != '\0') {
            (void)fprintf(stderr, "%sfield ", comma);
            render_put(stderr, trial_text_of(err->field));
            comma = ", ";
        }
        if (err->position > 0) {
            (void)fprintf(stderr, "%sposition %lld", comma, (long long)err->position);
        }
        (void)putc(')', stderr);
    }
    (void)putc('\n', stderr);
    say_what_next(ctl, err);
    return trial_code_exit(err->code);
}

bool ctl_number_read(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    return word_number(trial_text_of(text), least, most, ret_number);
}

bool ctl_span_read(const char *text, uint64_t *ret_ms)
{
    static const struct unit {
        const char *name;
        uint64_t ms;
    } units[] = {
        { "", 1000 },     { "s", 1000 },     { "ms", 1 },           { "m", 60000 },
        { "h", 3600000 }, { "d", 86400000 }, { "w", 7 * 86400000 },
    };
    size_t digits = strspn(text, "0123456789");
    char number[16];
    uint64_t count = 0;

    if (digits == 0 || digits > 9) {
        return false;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].name) == 0) {
            (void)ctl_number_read(number, 0, UINT32_MAX, &count); /* it has digits only */
            *ret_ms = count * units[i].ms;
            return true;
        }
    }
    return false;
}

void ctl_add_times(ctl_command *ctl, trial_value *params)
{
    const char *known_at = ctl->values[CTL_KNOWN_AT];

    if (ctl_has(ctl, CTL_AS_OF)) {
        trial_value_set(
            &ctl->arena, params, "as_of", trial_value_word(&ctl->arena, ctl->values[CTL_AS_OF]));
    }
    if (known_at == NULL) {
        return;
    }
    trial_value_set(
        &ctl->arena, params, "known_at", word_moment(&ctl->arena, trial_text_of(known_at)));
}

void ctl_add_filters(ctl_command *ctl, trial_value *params)
{
    if (ctl->type_count > 0) {
        trial_value *types = trial_value_list(&ctl->arena);

        for (uint32_t i = 0; i < ctl->type_count; i++) {
            trial_value_push(&ctl->arena, types, trial_value_word(&ctl->arena, ctl->types[i]));
        }
        trial_value_set(&ctl->arena, params, "types", types);
    }
    if (ctl_has(ctl, CTL_SUBJECT)) {
        trial_value_set(&ctl->arena,
                        params,
                        "subject",
                        trial_value_word(&ctl->arena, ctl->values[CTL_SUBJECT]));
    }
    if (ctl_has(ctl, CTL_PROGRAMME)) {
        trial_value_set(&ctl->arena,
                        params,
                        "programme",
                        trial_value_word(&ctl->arena, ctl->values[CTL_PROGRAMME]));
    }
}

/* The end of a DATE, or an instant. NONE where it is neither. */
static trial_instant instant_of(const char *text)
{
    trial_instant instant = TRIAL_INSTANT_NONE;
    trial_date date = TRIAL_DATE_NONE;

    if (trial_date_read(trial_text_of(text), &date, NULL) == TRIAL_OK) {
        return trial_date_end(date);
    }
    if (trial_instant_read(trial_text_of(text), &instant, NULL) == TRIAL_OK) {
        return instant;
    }
    return TRIAL_INSTANT_NONE;
}

void ctl_say_since_when(ctl_command *ctl)
{
    trial_value *params = trial_value_map(&ctl->arena);
    trial_value *result = NULL;
    trial_value *events;
    trial_instant first = TRIAL_INSTANT_NONE;
    trial_text ingest;

    if (!ctl_has(ctl, CTL_KNOWN_AT)) {
        return;
    }
    trial_value_set(&ctl->arena, params, "limit", trial_value_integer(&ctl->arena, 1));
    if (ctl_call(ctl, "read", params, &result, NULL) != TRIAL_OK) {
        return;
    }
    events = trial_value_get(result, "events");
    if (events == NULL || events->kind != TRIAL_VALUE_LIST || events->as.list.count == 0) {
        ctl_say("the log is empty");
        return;
    }
    ingest = trial_value_get_text(events->as.list.items[0], "ingesttime");
    if (trial_instant_read(ingest, &first, NULL) == TRIAL_OK &&
        instant_of(ctl->values[CTL_KNOWN_AT]) != TRIAL_INSTANT_NONE &&
        instant_of(ctl->values[CTL_KNOWN_AT]) < first) {
        ctl_say("the log knows nothing before %.*s, when its first event became part of it",
                TRIAL_TEXT_ARGS(ingest));
    }
}

trial_text ctl_subject(ctl_command *ctl, const char *word, const char *subject)
{
    if (word[0] == '\0' || strchr(subject, '/') != NULL) {
        return trial_text_of(subject);
    }
    return trial_arena_print(&ctl->arena, "%s/%s", word, subject);
}

int64_t ctl_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void ctl_progress_begin(const ctl_command *ctl, ctl_progress *progress)
{
    *progress = (ctl_progress){ .begun_ms = ctl_now_ms() };
    progress->is_shown = !ctl_has(ctl, CTL_NO_PROGRESS) && render_can_draw(stderr);
}

void ctl_progress_show(
    ctl_progress *progress, const char *what, uint64_t done, uint64_t total, uint64_t count)
{
    int64_t now_ms = ctl_now_ms();
    double seconds = (double)(now_ms - progress->begun_ms) / 1000.0;
    char bar[BAR_WIDTH + 1];

    if (!progress->is_shown || now_ms - progress->drawn_ms < PROGRESS_EVERY_MS) {
        return;
    }
    progress->drawn_ms = now_ms;
    (void)fprintf(stderr, "\r\033[K%s ", what);
    if (total > 0 && done <= total) {
        size_t full = (size_t)((double)done / (double)total * BAR_WIDTH);

        memset(bar, '.', BAR_WIDTH);
        memset(bar, '#', full);
        bar[BAR_WIDTH] = '\0';
        (void)fprintf(stderr, "[%s] %3.0f%% ", bar, 100.0 * (double)done / (double)total);
    }
    (void)fprintf(stderr, "%llu", (unsigned long long)count);
    if (seconds > 0) {
        (void)fprintf(stderr, "  %.0f/s", (double)count / seconds);
    }
    if (total > 0 && done > 0 && done < total) {
        unsigned left = (unsigned)(seconds * (double)(total - done) / (double)done);

        (void)fprintf(stderr, "  %u:%02u left", left / 60, left % 60);
    }
    (void)fflush(stderr);
}

void ctl_progress_clear(ctl_progress *progress)
{
    if (progress->is_shown && progress->drawn_ms != 0) {
        (void)fputs("\r\033[K", stderr);
        progress->drawn_ms = 0;
    }
}
