/* main.c - trialctl: read the command line, run the verb, make sure that what was printed arrived.
 */
#include "ctl.h"
#include "manual.h"
#include "streams.h"

#include <argp.h>
#include <assert.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define KEY_HELP 'h'
#define KEY_VERSION 'V'
#define KEY_USAGE 1       /* no letter: it has no short form */
#define KEY_OPTIONS 0x100 /* the first of options.def; above every character */
#define MANY CTL_ARGUMENTS_MAX
#define OPT(UPPER) CTL_BIT(CTL_##UPPER)

static_assert(CTL_OPTION_COUNT < 64, "a verb's flags are bits of one word");

const ctl_option_row ctl_options[CTL_OPTION_COUNT] = {
#define COMMON(UPPER, name, argument, doc) [CTL_##UPPER] = { name, argument, doc, true },
#define OPTION(UPPER, name, argument, doc) [CTL_##UPPER] = { name, argument, doc, false },
#include "options.def"
};

const ctl_verb_row ctl_verbs[] = {
#define VERB(lower, name, arguments, least, most, flags, uses_time, doc)                           \
    { name, arguments, least, most, flags, uses_time, doc, ctl_##lower },
#include "verbs.def"
};
const uint32_t ctl_verb_count = sizeof ctl_verbs / sizeof ctl_verbs[0];

static const ctl_verb_row *find_verb(const char *name)
{
    for (uint32_t i = 0; i < ctl_verb_count; i++) {
        if (name != NULL && strcmp(ctl_verbs[i].name, name) == 0) {
            return &ctl_verbs[i];
        }
    }
    return NULL;
}

/* Room for a heading, every verb or flag, and the end. */
#define HELP_ROWS_MAX 96
#define HELP_BYTES 512 /* of a sentence and the names of all views */

/* The flags that --help shows: those of one verb, or the common ones. */
static size_t fill_options(const ctl_verb_row *verb, struct argp_option *rows, int group)
{
    size_t count = 0;

    for (uint32_t i = 0; i < CTL_OPTION_COUNT; i++) {
        bool is_its_own = verb != NULL && (verb->options & CTL_BIT(i)) != 0;

        if ((is_its_own && i != CTL_SCDOC) || ctl_options[i].is_common) {
            rows[count++] = (struct argp_option){
                .name = ctl_options[i].name,
                .key = KEY_OPTIONS + (int)i,
                .arg = ctl_options[i].argument,
                .doc = ctl_options[i].doc,
                .group = group + (is_its_own ? 0 : 1),
            };
        }
    }
    return count;
}

/* argp's help, as much of it as `flags` ask for. */
static void print_help(const ctl_verb_row *verb, unsigned flags)
{
    static const char views[] = "\vVIEW is one of"
#define COLUMN(name, doc)
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) " " name
#include "trial/views.def"
                                "; list also takes subscription and parked.";
    struct argp_option rows[HELP_ROWS_MAX] = { 0 };
    char names[HELP_ROWS_MAX][64];
    char usage[128] = "VERB [ARGUMENT...]";
    char doc[HELP_BYTES];
    struct argp argp = { .options = rows, .args_doc = usage };
    size_t count = 0;
    char program[] = "trialctl";

    static_assert(sizeof ctl_verbs / sizeof ctl_verbs[0] + CTL_OPTION_COUNT + 2 < HELP_ROWS_MAX,
                  "the help has a row for each verb and flag");
    if (verb != NULL) {
        (void)snprintf(usage, sizeof usage, "%s %s", verb->name, verb->arguments);
        (void)snprintf(doc,
                       sizeof doc,
                       "%s%s",
                       verb->doc,
                       strstr(verb->arguments, "VIEW") == NULL ? "" : views);
        argp.doc = doc;
    } else {
        argp.doc =
            "Speak to triald, the daemon for programmes of public trials."
            "\vExit status: 0 done, 1 anything else, 2 no connection or answer, 3 invalid, "
            "4 conflict, 5 not found, 6 local file or space, 7 refused, 8 verification "
            "failed, 64 usage, 130 interrupted; of check those of a Nagios plugin. 'trialctl "
            "VERB --help' says more; so does "
            "trialctl(1).";
        for (uint32_t i = 0; i < ctl_verb_count; i++) {
            (void)snprintf(
                names[i], sizeof names[i], "%s %s", ctl_verbs[i].name, ctl_verbs[i].arguments);
            rows[count++] = (struct argp_option){ .name = names[i],
                                                  .flags = OPTION_DOC | OPTION_NO_USAGE,
                                                  .doc = ctl_verbs[i].doc,
                                                  .group = (int)i + 1 };
        }
    }
    (void)fill_options(verb, rows + count, (int)ctl_verb_count + 1);
    argp_help(&argp, stdout, flags, program);
}

/* What was printed must have arrived: a full disk behind stdout is no success. */
static int close_output(int status)
{
    if (proto_streams_arrived()) {
        return status;
    }
    ctl_say("storage: writing to standard output: %s", strerrordesc_np(errno));
    return status == CTL_EXIT_DONE ? CTL_EXIT_LOCAL : status;
}

static error_t keep_argument(ctl_command *ctl, const char *argument)
{
    if (ctl->verb == NULL) {
        ctl->verb = argument;
        return 0;
    }
    if (ctl->argument_count == CTL_ARGUMENTS_MAX) {
        exit(ctl_usage(ctl, "more than %d arguments", CTL_ARGUMENTS_MAX));
    }
    ctl->arguments[ctl->argument_count++] = argument;
    return 0;
}

static error_t keep_option(ctl_command *ctl, ctl_option option, const char *argument)
{
    ctl->values[option] = argument == NULL ? "" : argument;
    if (option == CTL_TYPE) {
        if (ctl->type_count == CTL_TYPES_MAX) {
            exit(ctl_usage(ctl, "more than %d types", CTL_TYPES_MAX));
        }
        ctl->types[ctl->type_count++] = argument;
    }
    return 0;
}

static error_t on_argument(int key, char *argument, struct argp_state *state)
{
    ctl_command *ctl = state->input;

    if (key == ARGP_KEY_ARG) {
        return keep_argument(ctl, argument);
    }
    if (key >= KEY_OPTIONS && key < KEY_OPTIONS + CTL_OPTION_COUNT) {
        return keep_option(ctl, (ctl_option)(key - KEY_OPTIONS), argument);
    }
    if (key == KEY_HELP) {
        print_help(find_verb(ctl->verb), ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC);
        exit(close_output(CTL_EXIT_DONE));
    }
    if (key == KEY_USAGE) { /* argp names it where a flag is wrong */
        print_help(find_verb(ctl->verb), ARGP_HELP_USAGE);
        exit(close_output(CTL_EXIT_DONE));
    }
    if (key == KEY_VERSION) {
        (void)printf("trialctl %s\n", TRIALD_VERSION);
        exit(close_output(CTL_EXIT_DONE));
    }
    return ARGP_ERR_UNKNOWN;
}

static void read_command_line(ctl_command *ctl, int count, char **words)
{
    struct argp_option rows[HELP_ROWS_MAX] = { 0 };
    struct argp argp = { .options = rows, .parser = on_argument };

    for (uint32_t i = 0; i < CTL_OPTION_COUNT; i++) {
        rows[i].name = ctl_options[i].name;
        rows[i].key = KEY_OPTIONS + (int)i;
        rows[i].arg = ctl_options[i].argument;
    }
    rows[CTL_OPTION_COUNT] = (struct argp_option){ .name = "help", .key = KEY_HELP };
    rows[CTL_OPTION_COUNT + 1] = (struct argp_option){ .name = "version", .key = KEY_VERSION };
    rows[CTL_OPTION_COUNT + 2] = (struct argp_option){ .name = "usage", .key = KEY_USAGE };
    argp_err_exit_status = CTL_EXIT_USAGE;
    (void)argp_parse(
        &argp, count, words, ARGP_IN_ORDER | ARGP_NO_HELP, NULL, ctl); /* exits itself */
}

/* Does what was given fit the verb? Returns 0 or 64. */
static int check_command_line(ctl_command *ctl, const ctl_verb_row *verb)
{
    uint64_t timeout_ms = 0;

    for (uint32_t i = 0; i < CTL_OPTION_COUNT; i++) {
        bool is_taken = ctl_options[i].is_common || (verb->options & CTL_BIT(i)) != 0;

        if (ctl_has(ctl, (ctl_option)i) && !is_taken) {
            return ctl_usage(ctl, "%s takes no --%s", verb->name, ctl_options[i].name);
        }
    }
    if (ctl->argument_count < verb->least || ctl->argument_count > verb->most) {
        return ctl_usage(ctl, "usage: trialctl %s %s", verb->name, verb->arguments);
    }
    if (ctl_has(ctl, CTL_TIMEOUT)) {
        if (!ctl_span_read(ctl->values[CTL_TIMEOUT], &timeout_ms) || timeout_ms == 0 ||
            timeout_ms > UINT32_MAX) {
            return ctl_usage(ctl, "--timeout '%s' is no time such as 5s", ctl->values[CTL_TIMEOUT]);
        }
        ctl->timeout_ms = (uint32_t)timeout_ms;
    }
    if (!verb->uses_time && (ctl_has(ctl, CTL_AS_OF) || ctl_has(ctl, CTL_KNOWN_AT))) {
        ctl_say("%s does not depend on --as-of and --known-at", verb->name);
    }
    return CTL_EXIT_DONE;
}

static void on_interrupt(int number)
{
    (void)number;
    _exit(CTL_EXIT_INTERRUPTED);
}

/* Ctrl-C ends with 130, except where whoever started us has it ignored. */
static void mind_interrupts(void)
{
    struct sigaction before;
    struct sigaction action = { .sa_handler = on_interrupt };

    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
        (void)sigaction(SIGINT, &action, NULL); /* cannot fail for this signal */
    }
}

/* Letters as they are, whatever the locale; numbers stay in C, for JSON has points. */
static void mind_letters(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* where even that is missing, tables are escaped */
    }
}

int main(int count, char **words)
{
    static ctl_command ctl; /* large: it holds every argument */
    const ctl_verb_row *verb;
    int status;

    proto_streams_hold();
    mind_letters();
    mind_interrupts();
    read_command_line(&ctl, count, words);
    if (ctl.verb == NULL && ctl_has(&ctl, CTL_SCDOC)) {
        manual_verbs();
        return close_output(CTL_EXIT_DONE);
    }
    if (ctl.verb == NULL) {
        return ctl_usage(&ctl, "no verb is given");
    }
    verb = find_verb(ctl.verb);
    if (verb == NULL) {
        return ctl_usage(&ctl, "there is no verb '%s'", ctl.verb);
    }
    status = check_command_line(&ctl, verb);
    if (status == CTL_EXIT_DONE) {
        status = close_output(verb->run(&ctl));
    }
    trial_client_close(ctl.client);
    trial_arena_done(&ctl.arena);
    return status;
}
