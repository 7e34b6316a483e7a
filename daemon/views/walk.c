/* walk.c - which states a question is about, and visiting no others. */
#include "views_internal.h"

/* What the beginning of a view's key names, so that a key need not be looked for everywhere. */
typedef enum key_begins {
    KEY_PLAIN,           /* with an id that no subject has */
    KEY_SUBJECT_ID,      /* it is the short id of a subject of the view's kind */
    KEY_TRIAL_FIRST,     /* with the short id of a trial */
    KEY_SUBJECT_FIRST,   /* with a whole subject */
    KEY_PROGRAMME_FIRST, /* with the short id of a programme */
} key_begins;

static const struct key_row {
    key_begins begins;
    trial_kind kind; /* of KEY_SUBJECT_ID; also the word that may stand before the id */
} key_rows[VIEWS_COUNT] = {
    [VIEWS_PROGRAMME] = { KEY_SUBJECT_ID, TRIAL_KIND_PROGRAMME },
    [VIEWS_FUNNEL] = { KEY_PROGRAMME_FIRST, TRIAL_KIND_PROGRAMME },
    [VIEWS_NETWORK] = { KEY_SUBJECT_ID, TRIAL_KIND_NETWORK },
    [VIEWS_MUNICIPALITY] = { KEY_SUBJECT_ID, TRIAL_KIND_MUNICIPALITY },
    [VIEWS_TRIAL] = { KEY_SUBJECT_ID, TRIAL_KIND_TRIAL },
    [VIEWS_EXEMPTION] = { KEY_PLAIN, TRIAL_KIND_ANY },
    [VIEWS_EVALUATION] = { KEY_PLAIN, TRIAL_KIND_ANY },
    [VIEWS_OUTCOME] = { KEY_TRIAL_FIRST, TRIAL_KIND_TRIAL },
    [VIEWS_LAW] = { KEY_SUBJECT_ID, TRIAL_KIND_LAW },
    [VIEWS_DEADLINE] = { KEY_SUBJECT_FIRST, TRIAL_KIND_ANY },
    [VIEWS_FIGURE] = { KEY_PROGRAMME_FIRST, TRIAL_KIND_PROGRAMME },
    [VIEWS_REFUSAL] = { KEY_PROGRAMME_FIRST, TRIAL_KIND_PROGRAMME },
    [VIEWS_DURATION] = { KEY_PROGRAMME_FIRST, TRIAL_KIND_PROGRAMME },
    [VIEWS_RIGHT] = { KEY_SUBJECT_ID, TRIAL_KIND_KEY },
    [VIEWS_FINDING] = { KEY_SUBJECT_FIRST, TRIAL_KIND_ANY },
};

/* What stands before the slash of that number, from 1; the whole text where there are fewer. */
static trial_text before_slash(trial_text text, unsigned number)
{
    for (uint32_t i = 0; i < text.size; i++) {
        if (text.at[i] == '/' && --number == 0) {
            return (trial_text){ text.at, i };
        }
    }
    return text;
}

/* The key without the word of its kind and the slash, where it begins with them. */
static trial_text without_word(trial_text key, trial_kind kind)
{
    uint32_t skip;

    if (kind == TRIAL_KIND_ANY) {
        return key;
    }
    skip = (uint32_t)strlen(trial_kind_word(kind)) + 1;
    if (key.size > skip && key.at[skip - 1] == '/' &&
        memcmp(key.at, trial_kind_word(kind), skip - 1) == 0) {
        return (trial_text){ key.at + skip, key.size - skip };
    }
    return key;
}

static void narrow_to_subject(views_fold *fold, trial_kind kind, trial_text id)
{
    fold->has_subject = true;
    fold->subject_kind = kind;
    fold->subject_id = id;
    if (kind == TRIAL_KIND_PROGRAMME) {
        fold->programme = id;
    }
}

static void narrow_to_whole_subject(views_fold *fold, trial_text subject)
{
    trial_text id;
    trial_kind kind = trial_subject_split(subject, &id);

    if (trial_text_is_set(id)) {
        narrow_to_subject(fold, kind, kind == TRIAL_KIND_OTHER ? subject : id);
    }
}

void views_narrow(views_fold *fold)
{
    const views_question *question = fold->question;
    const struct key_row *row = &key_rows[question->view];
    trial_text subject = trial_value_get_text(question->where, "subject");

    fold->programme = trial_value_get_text(question->where, "programme");
    if (trial_text_is_set(subject)) {
        narrow_to_whole_subject(fold, subject);
    }
    if (!trial_text_is_set(question->key)) {
        return;
    }
    fold->key = without_word(question->key, row->kind);
    switch (row->begins) {
    case KEY_PLAIN:
        break;
    case KEY_SUBJECT_ID:
    case KEY_TRIAL_FIRST:
        narrow_to_subject(fold, row->kind, before_slash(fold->key, 1));
        break;
    case KEY_SUBJECT_FIRST:
        narrow_to_whole_subject(fold, before_slash(fold->key, 2));
        break;
    case KEY_PROGRAMME_FIRST:
        if (before_slash(fold->key, 1).size > 0) { /* what belongs to none has an empty one */
            fold->programme = before_slash(fold->key, 1);
        }
        break;
    }
}

bool views_has_programme(trial_kind kind)
{
    return kind == TRIAL_KIND_PROGRAMME || kind == TRIAL_KIND_NETWORK || kind == TRIAL_KIND_TRIAL ||
           kind == TRIAL_KIND_LAW;
}

trial_text views_programme_of(const trial_state *state)
{
    return state->kind == TRIAL_KIND_PROGRAMME ? state->id : trial_state_programme(state);
}

trial_text views_subject_of(trial_arena *arena, const trial_state *state)
{
    if (state->kind == TRIAL_KIND_OTHER) {
        return trial_arena_text(arena, state->id);
    }
    return trial_arena_print(
        arena, "%s/%.*s", trial_kind_word(state->kind), TRIAL_TEXT_ARGS(state->id));
}

/* A source may visit more than was asked for; what a view counts never rests on that. */
struct walk {
    trial_kind kind;
    trial_text programme;
    views_visit *visit;
    void *visitor;
};

static bool visit_asked_for(void *context, const trial_state *state)
{
    const struct walk *walk = context;

    if (state->kind != walk->kind) {
        return true;
    }
    if (trial_text_is_set(walk->programme) && views_has_programme(state->kind) &&
        !trial_text_equal(views_programme_of(state), walk->programme)) {
        return true;
    }
    return walk->visit(walk->visitor, state);
}

trial_code views_each(
    const views_fold *fold, trial_kind kind, views_visit *visit, void *visitor, trial_error *err)
{
    struct walk walk = { kind, fold->programme, visit, visitor };

    return fold->source->each(
        fold->source->context, kind, fold->programme, visit_asked_for, &walk, err);
}

trial_code views_walk(
    const views_fold *fold, trial_kind kind, views_visit *visit, void *visitor, trial_error *err)
{
    struct walk walk = { kind, fold->programme, visit, visitor };
    const trial_state *state = NULL;
    trial_code code;

    if (!fold->has_subject) {
        return views_each(fold, kind, visit, visitor, err);
    }
    if (kind != fold->subject_kind) {
        return TRIAL_OK;
    }
    code = fold->source->find(fold->source->context, kind, fold->subject_id, &state, err);
    if (code == TRIAL_OK && state != NULL) {
        (void)visit_asked_for(&walk, state); /* there is no second one to stop at */
    }
    return code;
}

trial_code
views_walk_all(const views_fold *fold, views_visit *visit, void *visitor, trial_error *err)
{
    for (trial_kind kind = 0; kind < TRIAL_KIND_COUNT; kind++) {
        trial_code code = TRIAL_OK;

        if (views_has_programme(kind) || !trial_text_is_set(fold->programme)) {
            code = views_walk(fold, kind, visit, visitor, err);
        }
        if (code != TRIAL_OK) {
            return code;
        }
    }
    return TRIAL_OK;
}
