/* manual.c - see manual.h. */
#include "manual.h"

#include "ctl.h"

void manual_plain(trial_text text)
{
    for (uint32_t i = 0; i < text.size; i++) {
        if (strchr("_*\\#~|[]<>", text.at[i]) != NULL) {
            (void)putchar('\\'); /* main.c looks whether everything was written */
        }
        (void)putchar(text.at[i]);
    }
}

static void print_option(const ctl_option_row *option)
{
    (void)printf("*--%s*", option->name);
    if (option->argument != NULL) {
        (void)printf(" ");
        manual_plain(trial_text_of(option->argument));
    }
}

static void print_flags(bool is_common)
{
    for (uint32_t i = 0; i < CTL_OPTION_COUNT; i++) {
        if (ctl_options[i].is_common == is_common && i != CTL_SCDOC) {
            print_option(&ctl_options[i]);
            (void)printf("\n\t");
            manual_plain(trial_text_of(ctl_options[i].doc));
            (void)printf(".\n\n");
        }
    }
}

void manual_verbs(void)
{
    (void)printf("# VERBS\n\n");
    for (uint32_t i = 0; i < ctl_verb_count; i++) {
        (void)printf("*%s* ", ctl_verbs[i].name);
        for (uint32_t k = 0; k < CTL_OPTION_COUNT; k++) {
            if ((ctl_verbs[i].options & CTL_BIT(k)) != 0 && k != CTL_SCDOC) {
                (void)printf("\\[");
                print_option(&ctl_options[k]);
                (void)printf("\\] ");
            }
        }
        manual_plain(trial_text_of(ctl_verbs[i].arguments));
        (void)printf("\n\t");
        manual_plain(trial_text_of(ctl_verbs[i].doc));
        (void)printf("\n\n");
    }
    (void)printf("# COMMON FLAGS\n\nThey stand before or after the verb.\n\n");
    print_flags(true);
    (void)printf("*--help*, *--usage*, *--version*\n"
                 "\tPrint what they say, of the verb where one stands in front, and leave.\n\n");
    (void)printf("# FLAGS OF SINGLE VERBS\n\n");
    print_flags(false);
}
