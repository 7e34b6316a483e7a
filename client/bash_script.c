/* bash_script.c - see bash.h. Bash cuts a line at `=` and `:` and replaces only what stands behind
 * the last of them, so the pieces are put together to be understood, and what is offered is a
 * piece. */
#include "bash.h"

#include "trial/event.h"

const bash_word bash_words[] = {
    { "programme.state", &trial_choices_programme_state, "" },
    { "network.state", &trial_choices_network_state, "" },
    { "trial.state", &trial_choices_trial_state, "" },
    { "trial.missing", &trial_choices_missing, "" },
    { "trial.rejection", &trial_choices_rejection, "" },
    { "trial.assessment", &trial_choices_assessment, "" },
    { "exemption.state", &trial_choices_exemption_state, "" },
    { "exemption.effect", &trial_choices_effect, "" },
    { "evaluation.mode", &trial_choices_mode, "" },
    { "evaluation.conclusion", &trial_choices_conclusion, "" },
    { "evaluation.recommendsSpread", NULL, "true false" },
    { "evaluation.state", &trial_choices_evaluation_state, "" },
    { "outcome.direction", &trial_choices_direction, "" },
    { "outcome.missing", &trial_choices_indicator_missing, "" },
    { "outcome.result", &trial_choices_result, "" },
    { "law.role", &trial_choices_role, "" },
    { "law.form", &trial_choices_law_form, "" },
    { "law.state", &trial_choices_law_state, "" },
    { "deadline.state", &trial_choices_deadline_state, "" },
    { "figure.agrees", NULL, "true false" },
    { "refusal.reason", &trial_choices_rejection, "" },
    { "duration.step", &trial_choices_span, "" },
    {
        "finding.rule",
        NULL,
#define RULE(UPPER, name, code, sentence) name " "
#define WARNING(UPPER, name, sentence) name " "
#include "trial/rules.def"
    },
    { "right.state", &trial_choices_right_state, "" },
    {
        "right.roles",
        NULL,
#define ROLE(UPPER, name, doc) name " "
#include "trial/roles.def"
    },
};
const uint32_t bash_word_count = sizeof bash_words / sizeof bash_words[0];

const char bash_reading[] =
    "_trialctl_offer()\n"
    "{\n"
    "    COMPREPLY=($(compgen -W \"$1\" -- \"$2\"))\n"
    "    if [[ ${COMP_WORDS[COMP_CWORD]} == ?*=* ]]; then\n" /* COMP_WORDBREAKS has no = here */
    "        COMPREPLY=(\"${COMPREPLY[@]/#/${COMP_WORDS[COMP_CWORD]%%=*}=}\")\n"
    "    fi\n"
    "    if [[ ${COMPREPLY[0]} == *[=/.] ]]; then\n"
    "        compopt -o nospace 2>/dev/null\n"
    "    fi\n"
    "}\n"
    "_trialctl_files()\n"
    "{\n"
    "    COMPREPLY=()\n"
    "    compopt -o default 2>/dev/null\n"
    "}\n"
    "_trialctl()\n"
    "{\n"
    "    local words=() word i is_glued=''\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if ((i == COMP_CWORD)) && [[ -z $word && "
    "${COMP_LINE:0:COMP_POINT} == *[[:blank:]] ]]; then\n"
    "            is_glued=''\n"
    "        fi\n"
    "        if [[ $i -gt 1 && ( -n $is_glued || $word == +([=:]) ) ]]; then\n"
    "            words[${#words[@]}-1]+=$word\n"
    "        else\n"
    "            words+=(\"$word\")\n"
    "        fi\n"
    "        is_glued=''\n"
    "        [[ $word == +([=:]) ]] && is_glued=1\n"
    "    done\n"
    "    local last=$((${#words[@]} - 1))\n"
    "    local word=${words[last]} verb='' first='' type='' option='' count=0 fields='' "
    "values=''\n";

const char bash_walking[] = "    for ((i = 1; i < last; i++)); do\n"
                            "        if [[ -n $option ]]; then\n"
                            "            [[ $option == --type ]] && type=${words[i]}\n"
                            "            option=''\n"
                            "        elif [[ ${words[i]} == $valued ]]; then\n"
                            "            option=${words[i]}\n"
                            "        elif [[ ${words[i]} == -* ]]; then\n"
                            "            [[ ${words[i]} == --type=* ]] && type=${words[i]#*=}\n"
                            "        elif [[ -z $verb ]]; then\n"
                            "            verb=${words[i]}\n"
                            "        else\n"
                            "            count=$((count + 1))\n"
                            "            first=${first:-${words[i]}}\n"
                            "        fi\n"
                            "    done\n"
                            "    if [[ -z $option && $word == --*=* ]]; then\n"
                            "        option=${word%%=*}\n"
                            "        word=${word#*=}\n"
                            "    fi\n";

const char bash_choosing[] =
    "    case $option in\n"
    "    '') ;;\n"
    "    --type)\n"
    "        case $verb in\n"
    "        publish) _trialctl_offer \"$types\" \"$word\" ;;\n"
    "        *) _trialctl_offer \"$types $daemon_types $families\" \"$word\" ;;\n"
    "        esac\n"
    "        return\n"
    "        ;;\n"
    "    --subject)\n"
    "        case $verb in\n"
    "        publish)\n"
    "            kinds=\"${kinds/key\\/ /} case/\"\n"
    "            _trialctl_data \"$type\" ''\n"
    "            _trialctl_offer \"$kinds\" \"$word\"\n"
    "            ;;\n"
    "        *) _trialctl_offer \"$kinds case/\" \"$word\" ;;\n"
    "        esac\n"
    "        return\n"
    "        ;;\n"
    "    --format) _trialctl_offer \"$formats\" \"$word\"; return ;;\n"
    "    --role) _trialctl_offer \"$roles\" \"$word\"; return ;;\n"
    "    --conditions)\n"
    "        _trialctl_offer \"notice,notice notice,warning notice,error notice,never "
    "warning,warning warning,error warning,never error,error error,never never,never\" "
    "\"$word\"\n"
    "        return\n"
    "        ;;\n"
    "    --key | --server-key) _trialctl_files; return ;;\n"
    "    *) return ;;\n"
    "    esac\n"
    "    if [[ $word == -* ]]; then\n"
    "        _trialctl_offer \"$flags\" \"$word\"\n"
    "        return\n"
    "    fi\n"
    "    case $verb,$count in\n"
    "    ,*) _trialctl_offer \"$verbs\" \"$word\" ;;\n"
    "    list,0) _trialctl_offer \"$views subscription parked\" \"$word\" ;;\n"
    "    list,* | publish,*)\n"
    "        if [[ $verb == list ]]; then\n"
    "            _trialctl_fields \"$first\" \"${word%%=*}\"\n"
    "        else\n"
    "            _trialctl_data \"$type\" \"${word%%=*}\"\n"
    "        fi\n"
    "        if [[ $word == *=* ]]; then\n"
    "            _trialctl_offer \"$values\" \"${word#*=}\"\n"
    "        else\n"
    "            _trialctl_offer \"$fields\" \"$word\"\n"
    "        fi\n"
    "        ;;\n"
    "    rebuild,0) _trialctl_offer \"$views\" \"$word\" ;;\n"
    "    events,0) _trialctl_offer \"$types $daemon_types\" \"$word\" ;;\n"
    "    show,0) _trialctl_offer \"$kinds\" \"$word\" ;;\n"
    "    history,0) _trialctl_offer \"$kinds case/\" \"$word\" ;;\n"
    "    completion,0) _trialctl_offer bash \"$word\" ;;\n"
    "    import,* | export,0 | verify,0 | backup,0 | keygen,0) _trialctl_files ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _trialctl trialctl\n";
