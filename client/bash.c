/* bash.c - trialctl completion bash: a script made of the same rows as the program. */
#include "ctl.h"
#include "trial/event.h"
#include "views.h"

static const char *const view_names[] = {
#define COLUMN(name, doc)
#define VIEW(lower, UPPER, name, row, answers, kinds, columns) name,
#include "trial/views.def"
};

static void print_verbs(void)
{
    (void)printf("    local verbs='"); /* main.c looks whether everything was written */
    for (uint32_t i = 0; i < ctl_verb_count; i++) {
        (void)printf("%s%s", i == 0 ? "" : " ", ctl_verbs[i].name);
    }
    (void)printf("'\n");
}

static void print_types(void)
{
    (void)printf("    local types='");
    for (trial_event_type type = 0; type < TRIAL_EVENT_COUNT; type++) {
        (void)printf("%s%s", type == 0 ? "" : " ", trial_event_row_of(type)->name);
    }
    (void)printf("'\n");
}

static void print_views(void)
{
    (void)printf("    local views='");
    for (size_t i = 0; i < sizeof view_names / sizeof view_names[0]; i++) {
        (void)printf("%s%s", i == 0 ? "" : " ", view_names[i]);
    }
    (void)printf("'\n");
}

static void print_kinds(void)
{
    (void)printf("    local kinds='");
    for (trial_kind kind = 0; kind < TRIAL_KIND_OTHER; kind++) {
        (void)printf("%s%s/", kind == 0 ? "" : " ", trial_kind_word(kind));
    }
    (void)printf("'\n");
}

static void print_options(uint64_t options, bool is_common)
{
    for (uint32_t i = 0; i < CTL_OPTION_COUNT; i++) {
        if (is_common ? ctl_options[i].is_common : (options & CTL_BIT(i)) != 0) {
            (void)printf(" --%s", ctl_options[i].name);
        }
    }
}

/* What each verb adds to the common flags. */
static void print_options_of_verbs(void)
{
    (void)printf("    local flags='--help --usage --version");
    print_options(0, true);
    (void)printf("'\n    case $verb in\n");
    for (uint32_t i = 0; i < ctl_verb_count; i++) {
        if (ctl_verbs[i].options != 0) {
            (void)printf("    %s) flags+='", ctl_verbs[i].name);
            print_options(ctl_verbs[i].options, false);
            (void)printf("' ;;\n");
        }
    }
    (void)printf("    esac\n");
}

static void print_valued_options(void)
{
    const char *bar = "";

    (void)printf("        case ${COMP_WORDS[i]} in\n        ");
    for (uint32_t i = 0; i < CTL_OPTION_COUNT; i++) {
        if (ctl_options[i].argument != NULL) {
            (void)printf("%s--%s", bar, ctl_options[i].name);
            bar = " | ";
        }
    }
    (void)printf(") i=$((i + 1)) ;;\n"
                 "        -*) ;;\n"
                 "        *) verb=${verb:-${COMP_WORDS[i]}} ;;\n"
                 "        esac\n");
}

int ctl_completion(ctl_command *ctl)
{
    if (strcmp(ctl->arguments[0], "bash") != 0) {
        return ctl_usage(ctl, "there is a completion for bash only");
    }
    (void)printf("# bash completion for trialctl; made by `trialctl completion bash`.\n"
                 "_trialctl()\n{\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                 "    local verb='' i\n");
    print_verbs();
    print_types();
    print_views();
    print_kinds();
    (void)printf("    for ((i = 1; i < COMP_CWORD; i++)); do\n");
    print_valued_options();
    (void)printf("    done\n");
    print_options_of_verbs();
    (void)printf(
        "    case $before in\n"
        "    --type) COMPREPLY=($(compgen -W \"$types\" -- \"$word\")); return ;;\n"
        "    --subject) COMPREPLY=($(compgen -W \"$kinds\" -- \"$word\")); compopt -o nospace; "
        "return ;;\n"
        "    --format) COMPREPLY=($(compgen -W 'ndjson cloudevents csv xes ocel' -- \"$word\")); "
        "return ;;\n"
        "    esac\n"
        "    if [[ $word == -* ]]; then\n"
        "        COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
        "        return\n"
        "    fi\n"
        "    case $verb in\n"
        "    '') COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\")) ;;\n"
        "    list | rebuild) COMPREPLY=($(compgen -W \"$views\" -- \"$word\")) ;;\n"
        "    events) COMPREPLY=($(compgen -W \"$types\" -- \"$word\")) ;;\n"
        "    show | history) COMPREPLY=($(compgen -W \"$kinds\" -- \"$word\")); compopt -o nospace "
        ";;\n"
        "    completion) COMPREPLY=($(compgen -W bash -- \"$word\")) ;;\n"
        "    import | export) compopt -o default; COMPREPLY=() ;;\n"
        "    esac\n"
        "}\n"
        "complete -F _trialctl trialctl\n");
    return CTL_EXIT_DONE;
}
